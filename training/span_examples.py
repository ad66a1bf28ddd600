"""What the span reader learns from: a question beside lines, and where in them the answer begins and ends."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..agent.evidence import stem
from ..memory.embedder import MiniLmEmbedder
from ..memory.timeline import resolve_dates
from ..rerank.span_rows import Row, read_rows
from .reader_examples import Said, Source

_WORD = re.compile(r"[\w'’$%]+(?:[-.,]\w+)*")
_ARTICLES = frozenset(("a", "an", "the"))
LEAST_F1 = 0.5
"""Shared words with an answer from which on a run of words stands for it."""
MOST_WORDS = 12
SPARE_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """One question as the model meets it: `starts` and `ends` are gold (row, token of the row's window).

    None of them where only the lines are known that tell: then `telling` are their rows. Nothing at all where the
    question has no answer.
    """

    corpus: str
    question: str
    lines: tuple[str, ...]
    answers: tuple[str, ...]
    rows: tuple[Row, ...]
    starts: tuple[tuple[int, int], ...]
    ends: tuple[tuple[int, int], ...]
    telling: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """How many lines are shown beside the evidence at most, and how often it is left out."""

    most_others: int = 6
    without_evidence: float = 0.05


def spans_of(source: Source, encoder: MiniLmEmbedder, showing: Showing, drawn: random.Random) -> Spans:
    """Return a question with lines drawn for it; nearer ones are likelier."""
    evidence = source.evidence
    is_told = bool(evidence) and not (source.others and drawn.random() < showing.without_evidence)
    least = 0 if is_told else min(2, len(source.others))
    count = drawn.randint(least, max(least, min(showing.most_others, len(source.others))))
    nearest = source.others[: 2 * count]
    others = drawn.sample(nearest, min(count, len(nearest)))
    shown = [*(evidence if is_told else ()), *others]
    order = drawn.sample(range(len(shown)), len(shown))
    lines = [line_of(shown[place]) for place in order]
    rows = read_rows(encoder, source.question, lines, [shown[place].before for place in order])
    told = {at for at, place in enumerate(order) if is_told and place < len(evidence)}
    gold = {at: _answered(source, shown[order[at]]) for at in told}
    marked = [
        (number, first, last)
        for number, row in enumerate(rows)
        for span in gold.get(row.line, ())
        if (first := _token(row, span[0])) is not None and (last := _token(row, span[1] - 1)) is not None
    ]
    return Spans(
        corpus=source.corpus,
        question=source.question,
        lines=tuple(lines),
        answers=source.answers if is_told else (),
        rows=tuple(rows),
        starts=tuple((number, first) for number, first, _ in marked),
        ends=tuple((number, last) for number, _, last in marked),
        telling=tuple(number for number, row in enumerate(rows) if row.line in told),
    )


def line_of(said: Said) -> str:
    """Return a line as the reader is shown it."""
    return f"{said.speaker}: {said.text}"


def _answered(source: Source, said: Said) -> list[tuple[int, int]]:
    """Return the character spans of the line that answer: a date, the answer itself, else words like it."""
    line = line_of(said)
    shift = len(line) - len(said.text)
    if source.said_on is not None:
        return [(start + shift, end + shift) for start, end in _dated(source, said, source.said_on)]
    verbatim = [
        match.span()
        for answer in source.answers
        for match in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", line, re.IGNORECASE)
    ]
    if verbatim:
        return verbatim
    alike = _most_alike(line, source.answers)
    return [alike] if alike is not None else []


def _dated(source: Source, said: Said, said_on: datetime) -> list[tuple[int, int]]:
    mentions = resolve_dates(said.text, said_on)
    return [(one.start, one.end) for one in mentions if one.label in source.answers]


def _most_alike(line: str, answers: Sequence[str]) -> tuple[int, int] | None:
    """Return the run of words with the most stems in common with an answer, if these are enough."""
    found = list(_WORD.finditer(line))
    stems = [stem(match.group().lower()) for match in found]
    best: tuple[float, int, int] | None = None
    for answer in answers:
        wanted = [stem(word.lower()) for word in _WORD.findall(answer) if word.lower() not in _ARTICLES]
        if not wanted or len(wanted) > MOST_WORDS:
            continue
        for start in range(len(stems)):
            for end in range(start + 1, min(start + len(wanted) + SPARE_WORDS, len(stems)) + 1):
                shared = (Counter(stems[start:end]) & Counter(wanted)).total()
                f1 = 2 * shared / (end - start + len(wanted))
                if f1 >= LEAST_F1 and (best is None or f1 > best[0]):
                    best = f1, start, end
    return None if best is None else (found[best[1]].start(), found[best[2] - 1].end())


def _token(row: Row, character: int) -> int | None:
    """Return the token of the row's window that holds a character of the line."""
    return next((place for place, (start, end) in enumerate(row.offsets) if start <= character < end), None)
