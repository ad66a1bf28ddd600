"""The sentences of a context that may answer: people's own, verbatim, without echoes of the question."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..memory.types import Context, Turn

MAX_SENTENCES = 200
_SENTENCE = re.compile(r"[^.!?…\n]*(?:[.!?…]+[\"')”’]*|\n|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence of a turn in the context: `text` is `turn.text[start:end]`; `number` is the line's `[n]`."""

    number: int
    turn: Turn
    start: int
    end: int
    first_stage: float

    @property
    def text(self) -> str:
        """The words, verbatim."""
        return self.turn.text[self.start : self.end]

    @property
    def asks(self) -> bool:
        """Whether it ends with a question mark."""
        return self.text.rstrip("\"')”’ ").endswith("?")


def sentences_of(context: Context, *, question: str = "", asker: str = "") -> list[Sentence]:
    """Return the sentences of the people in the context that may answer.

    What the assistant said itself is no evidence, nor is the question when it was asked before, nor what else
    `asker` has asked.
    """
    found: list[Sentence] = []
    for number, (memory, score) in enumerate(zip(context.memories, context.scores, strict=True), 1):
        if not isinstance(memory, Turn) or memory.metadata.get("role") == "assistant":
            continue
        said = (
            Sentence(number=number, turn=memory, start=start, end=end, first_stage=score)
            for start, end in sentence_spans(memory.text)
        )
        found += [sentence for sentence in said if not _is_echo(sentence, question, asker)]
    best = sorted(_graded(found), key=lambda sentence: -sentence.first_stage)[:MAX_SENTENCES]
    return sorted(best, key=lambda sentence: (sentence.number, sentence.start))


def _is_echo(sentence: Sentence, question: str, asker: str) -> bool:
    said, asked = " ".join(sentence.text.split()), " ".join(question.split())
    return is_same(said, asked) or (sentence.asks and is_same(sentence.turn.speaker, asker))


def _graded(sentences: Sequence[Sentence]) -> list[Sentence]:
    """Return the sentences with first-stage scores from 0 to 1, the best one's; 1 when there is one score only."""
    scores = [sentence.first_stage for sentence in sentences]
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return [replace(s, first_stage=(s.first_stage - low) / (high - low) if high > low else 1.0) for s in sentences]


def is_same(one: str, other: str) -> bool:
    """Tell whether two names or sentences are the same but for capitals."""
    return one.casefold() == other.casefold()


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the character spans of the sentences of a text, without surrounding blanks; none is empty."""
    spans: list[tuple[int, int]] = []
    for match in _SENTENCE.finditer(text):
        said = match.group()
        start = match.start() + len(said) - len(said.lstrip())
        end = match.start() + len(said.rstrip())
        if end > start and any(character.isalnum() for character in text[start:end]):
            spans.append((start, end))
    return spans or [(0, len(text))]
