"""The lines of a context that may answer: what people said themselves, long turns in runs of sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..memory.types import Context, Turn
from .sentences import Sentence, sentences_of

MOST_CHARACTERS = 600
"""Of a run: the span reader takes in some 180 tokens at once."""
MOST_LINES = 16
"""That are read: on held-out questions as good as all, and the reader takes some 10 ms a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A run of sentences of one turn: `turn.text[start:end]`, never empty; `number` is the line's `[n]`.

    `prior` is the score of the turn in the context; `before` is what was said right before, as "speaker: words", ""
    where that is not known.
    """

    number: int
    turn: Turn
    start: int
    end: int
    prior: float
    sentences: tuple[Sentence, ...]
    before: str = ""

    @property
    def opening(self) -> str:
        """What is read before the words."""
        return f"{self.turn.speaker}: "

    @property
    def text(self) -> str:
        """What the reader reads."""
        return self.opening + self.turn.text[self.start : self.end]

    def sentence_at(self, character: int) -> Sentence:
        """Return the sentence that holds a character of `text`, the first one for the opening."""
        place = character - len(self.opening) + self.start
        return next((one for one in self.sentences if place < one.end), self.sentences[-1])


def lines_of(context: Context, *, question: str = "", asker: str = "") -> list[Line]:
    """Return the lines, at most `MOST_LINES` of the best turns, in the order of the context.

    What the assistant said itself, the question when it was asked before, and what else `asker` has asked are left
    out, see `sentences_of`.
    """
    runs: list[list[Sentence]] = []
    for sentence in sentences_of(context, question=question, asker=asker):
        last = runs[-1][-1] if runs else None
        goes_on = (
            last is not None
            and last.number == sentence.number
            and not context_between(last, sentence).strip()
            and sentence.end - runs[-1][0].start <= MOST_CHARACTERS
        )
        if goes_on:
            runs[-1].append(sentence)
        else:
            runs.append([sentence])
    lines = [_line(run, context) for run in runs]
    best = sorted(range(len(lines)), key=lambda place: -lines[place].prior)[:MOST_LINES]
    return [lines[place] for place in sorted(best)]


def context_between(one: Sentence, other: Sentence) -> str:
    """Return what stands between two sentences of a turn: blanks, or a sentence that was left out."""
    return one.turn.text[one.end : other.start]


def _line(run: Sequence[Sentence], context: Context) -> Line:
    first = run[0]
    place = first.number - 1
    is_beginning = context.preceding and not first.turn.text[: first.start].strip()
    return Line(
        number=first.number,
        turn=first.turn,
        start=first.start,
        end=run[-1].end,
        prior=context.scores[place],
        sentences=tuple(run),
        before=context.preceding[place] if is_beginning else "",
    )
