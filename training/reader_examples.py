"""What the reader learns from: a question, the turns that answer it and those that do not, and the short answer."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..memory.context import ContextBuilder, rendered
from ..memory.timeline import resolve_dates
from ..memory.types import Context, ScoredMemory, Turn

_FIRST_DAY = datetime(2015, 1, 5, 9, 0)
_DAYS = 3600
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"“(])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Words of somebody that an example is made of, before they have a number and a day.

    `at` is the place in a conversation; it is 0 where order means nothing. `before` is what was said right before, as
    "speaker: words", if that is known.
    """

    speaker: str
    text: str
    at: int = 0
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A question as a training set has it. Without `answers` nothing in `evidence` or `others` answers it.

    `evidence` is what must be shown; `others` may be shown beside it, nearest first. `said_on` is the day of
    everything said, where the answer depends on it.
    """

    corpus: str
    question: str
    answers: tuple[str, ...]
    evidence: tuple[Said, ...]
    others: tuple[Said, ...] = ()
    said_on: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question with the context that the reader is shown; no `answers` where the context holds none."""

    corpus: str
    question: str
    context: Context
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """How contexts are drawn: tokens of one, from fewest to most, and how often the evidence is left out."""

    fewest_tokens: int = 60
    most_tokens: int = 200
    most_lines: int = 8
    without_evidence: float = 0.06


def shown(source: Source, builder: ContextBuilder, showing: Showing, drawn: random.Random) -> Example:
    """Return the question with a context drawn for it: the evidence whole, others as far as the budget goes."""
    answers, evidence = source.answers, source.evidence
    if answers and source.others and drawn.random() < showing.without_evidence:
        shows_answer = any(_holds(other.text, answer) for other in source.others for answer in answers)
        answers, evidence = (answers, evidence) if shows_answer else ((), ())
    others = source.others[: drawn.randint(0 if evidence else 1, showing.most_lines)] if source.others else ()
    turns = _turns((*evidence, *others), source.said_on, drawn)
    budget = drawn.randint(showing.fewest_tokens, showing.most_tokens)
    ranked = [ScoredMemory(memory=turn, score=-float(rank), stages={}) for rank, turn in enumerate(turns)]
    context = builder.build(source.question, ranked, budget=budget)
    if not _shows(context, turns[: len(evidence)]):
        context = builder.build(source.question, ranked[: max(1, len(evidence))], budget=2 * showing.most_tokens)
    return Example(corpus=source.corpus, question=source.question, context=context, answers=answers)


def windows(text: str, *, most_words: int, drawn: random.Random) -> list[str]:
    """Cut a paragraph into runs of one to three sentences of about `most_words`, as long as a chat turn."""
    found: list[str] = []
    for sentence in _SENTENCE_END.split(text.strip()):
        joins = found and drawn.random() < 0.5
        if joins and len(found[-1].split()) + len(sentence.split()) <= most_words:
            found[-1] = f"{found[-1]} {sentence}"
        else:
            found.append(sentence)
    return found


def beside(pieces: Sequence[Said], answers: Sequence[str], drawn: random.Random) -> tuple[Said, ...]:
    """Return the pieces that hold none of the answers, shuffled."""
    clean = [piece for piece in pieces if not any(_holds(piece.text, answer) for answer in answers)]
    return tuple(drawn.sample(clean, len(clean)))


def draw_corpus(shares: Mapping[str, float], drawn: random.Random) -> str:
    """Return a name, each as often as its share says."""
    return drawn.choices(list(shares), weights=list(shares.values()))[0]


def _shows(context: Context, turns: Sequence[Turn]) -> bool:
    """Tell whether the context holds the turns, none of them cut."""
    return all(rendered(turn) in context.text for turn in turns)


def _holds(text: str, answer: str) -> bool:
    return answer.casefold() in text.casefold()


def _turns(said: Sequence[Said], said_on: datetime | None, drawn: random.Random) -> list[Turn]:
    """Return a turn for each, in their order, with the days on which they were said: one for all, or several."""
    is_one_day = said_on is not None or any(one.at for one in said)
    order = drawn.sample(range(len(said)), len(said))
    order = sorted(order, key=lambda number: said[number].at)
    moment = said_on or _FIRST_DAY + timedelta(days=drawn.randrange(_DAYS))
    several = not is_one_day and drawn.random() < 0.4
    turns: dict[int, Turn] = {}
    for position, number in enumerate(order, 1):
        turns[number] = _turn(number, position, said[number], moment)
        if several and drawn.random() < 0.5:
            moment += timedelta(days=drawn.randint(1, 60))
    return [turns[number] for number in range(len(said))]


def _turn(number: int, position: int, said: Said, moment: datetime) -> Turn:
    return Turn(
        id=number + 1,
        user="train",
        conversation="train",
        session="1",
        position=position,
        speaker=said.speaker,
        text=said.text,
        said_at=moment,
        dates=resolve_dates(said.text, moment),
    )


def renamed(source: Source, names: Mapping[str, str]) -> Source:
    """Return the source with whole words replaced, in the question, the answers and everything said."""
    if not names:
        return source
    pattern = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(names, key=len, reverse=True)))

    def put(text: str) -> str:
        return pattern.sub(lambda match: names[match[0]], text)

    def said(one: Said) -> Said:
        return replace(one, speaker=put(one.speaker), text=put(one.text))

    return replace(
        source,
        question=put(source.question),
        answers=tuple(map(put, source.answers)),
        evidence=tuple(map(said, source.evidence)),
        others=tuple(map(said, source.others)),
    )
