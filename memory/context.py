"""The small context: the best memories that fit a token budget, in the order they were said, dated and numbered."""

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from itertools import pairwise

from .ports import TokenCounter
from .timeline import annotate, format_day
from .types import Context, EventSummary, Memory, ScoredMemory, Turn
from .words import query_terms, words

DEFAULT_BUDGET = 854
"""Tokens of the three ~258-token chunks with which the field reports its headline recall (METHODS section 10)."""

LONG_SHARE = 0.5
MOST_COUNTED = 20_000
"""Characters: what is longer is cut to an excerpt whatever its exact length."""
MOST_CHARACTERS_OF_A_TOKEN = 24
"""A line counts as one token for each so many characters, at least: WordPiece takes a megabyte of one word for one
unknown token, which no other reader does."""
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    rank: int
    memory: Memory
    score: float
    preceding: str
    text: str
    tokens: int

    @property
    def day(self) -> date:
        return _moment(self.memory).date()

    @property
    def order(self) -> tuple[float, int, int]:
        position = self.memory.position if isinstance(self.memory, Turn) else 0
        return (_timestamp(_moment(self.memory)), position, self.memory.id)


def _repeated(chosen: Sequence[_Line]) -> set[int]:
    """Return the ranks of the event summaries whose turns are all among the lines themselves."""
    turns = {line.memory.id for line in chosen if isinstance(line.memory, Turn)}
    return {
        line.rank for line in chosen if isinstance(line.memory, EventSummary) and turns.issuperset(line.memory.turns)
    }


class ContextBuilder:
    """Renders contexts; the counter is the tokenizer of whoever reads them."""

    def __init__(self, count_tokens: TokenCounter) -> None:
        self._count = count_tokens

    def build(
        self,
        question: str,
        ranked: Sequence[ScoredMemory],
        *,
        budget: int = DEFAULT_BUDGET,
        brevity: float = 0.0,
        first: Collection[int] = (),
    ) -> Context:
        """Return the context of the best of `ranked` (best first) that fit `budget` tokens as rendered.

        Lines are chronological under one date a day, `[n] speaker: words`, with resolved dates in brackets; white
        space inside a memory becomes one space, so that no memory can pass for another line. A memory that would
        take more than half of the budget is cut to the sentences nearest the question; one that does not fit
        is passed over for the next that does. With `brevity` the best are those of the highest score less
        `brevity` times the logarithm of their tokens; ties keep the order of `ranked`. The memories whose ids are
        in `first` go before all others. Where not everything fits, no event summary stands beside all of its turns.
        """
        terms = frozenset(query_terms(question))
        if brevity:
            ranked = sorted(ranked, key=lambda scored: brevity * self._log_tokens(scored) - scored.score)
        if first:
            ranked = sorted(ranked, key=lambda scored: scored.memory.id not in first)

        @cache
        def line_at(rank: int) -> _Line:
            return self._line(rank, ranked[rank], terms, budget)

        ranks = list(range(len(ranked)))
        while True:
            chosen = self._chosen(ranks, line_at, budget)
            repeated = _repeated(chosen)
            if len(chosen) == len(ranked) or not repeated:
                return self._fitting(chosen, budget)
            ranks = [rank for rank in ranks if rank not in repeated]

    def _chosen(self, ranks: Sequence[int], line_at: Callable[[int], _Line], budget: int) -> list[_Line]:
        """Return the lines that fit, each taken before those behind it."""
        chosen: list[_Line] = []
        days: dict[date, int] = {}
        spent = 0
        for rank in ranks:
            if budget - spent < 4:  # no line is shorter than `[n] a:`
                break
            line = line_at(rank)
            header = 0 if line.day in days else self._count(format_day(line.day))
            if spent + line.tokens + header <= budget:
                chosen.append(line)
                days[line.day] = header
                spent += line.tokens + header
        return chosen

    def _log_tokens(self, scored: ScoredMemory) -> float:
        text = rendered(scored.memory)
        return math.log(max(self._count(text[:MOST_COUNTED]), len(text) // MOST_CHARACTERS_OF_A_TOKEN, 1))

    def _line(self, rank: int, scored: ScoredMemory, terms: frozenset[str], budget: int) -> _Line:
        text = rendered(scored.memory)
        allowed = int(budget * LONG_SHARE)
        if not self._is_within(text, allowed):
            text = self._excerpt(text, _opening(scored.memory), terms, allowed)
        tokens = self._line_tokens(text)
        return _Line(
            rank=rank,
            memory=scored.memory,
            score=scored.score,
            preceding=scored.preceding,
            text=text,
            tokens=tokens,
        )

    def _line_tokens(self, text: str) -> int:
        return max(self._count(f"[10] {text}"), len(text) // MOST_CHARACTERS_OF_A_TOKEN)

    def _is_within(self, text: str, allowed: int) -> bool:
        # a megabyte is not worth counting
        return len(text) <= MOST_CHARACTERS_OF_A_TOKEN * (allowed + 1) and self._line_tokens(text) <= allowed

    def _fitting(self, chosen: list[_Line], budget: int) -> Context:
        """Render, and drop the worst lines while a tokenizer that merges across lines finds it too long."""
        while True:
            lines = sorted(chosen, key=lambda line: line.order)
            text = _text(lines)
            tokens = self._count(text)
            if tokens <= budget or not chosen:
                break
            chosen = sorted(chosen, key=lambda line: line.rank)[:-1]
        return Context(
            memories=tuple(line.memory for line in lines),
            scores=tuple(line.score for line in lines),
            preceding=tuple(line.preceding for line in lines),
            text=text,
            tokens=tokens,
            budget=budget,
        )

    def _excerpt(self, text: str, who: str, terms: frozenset[str], allowed: int) -> str:
        """Return the speaker and a run of sentences around the one that shares most terms, `…` where it is cut."""
        said = text.removeprefix(who)
        passage = _passage(said, terms, MOST_CHARACTERS_OF_A_TOKEN * allowed)
        sentences = self._pieces(said[passage], allowed // 2)
        cut_before, cut_after = passage.start > 0, passage.stop < len(said)
        overlap = [len(terms.intersection(words(sentence))) for sentence in sentences]
        first = last = max(range(len(sentences)), key=lambda place: overlap[place])

        def cut(first: int, last: int) -> str:
            opening = "… " if first or cut_before else ""
            closing = " …" if last + 1 < len(sentences) or cut_after else ""
            return f"{who}{opening}{' '.join(sentences[first : last + 1])}{closing}"

        grown = True
        while grown:
            grown = False
            for wider in ((first, last + 1), (first - 1, last)):
                inside = wider[0] >= 0 and wider[1] < len(sentences)
                if inside and self._is_within(cut(*wider), allowed):
                    (first, last), grown = wider, True
        return cut(first, last)

    def _pieces(self, said: str, most_tokens: int) -> list[str]:
        """Split into sentences; one that is too long (a log, a table, no spaces) is halved until it is not."""
        pieces: list[str] = []
        waiting = [piece for piece in reversed(_SENTENCE_END.split(said)) if piece]
        while waiting:
            piece = waiting.pop()
            # byte-level tokenizers make up to three tokens of one character, others rarely more than one
            is_suspect = len(piece) > 1 and 3 * len(piece) > most_tokens
            if is_suspect and (len(piece) > 40 * most_tokens or self._count(piece) > most_tokens):
                middle = len(piece) // 2
                space = piece.find(" ", middle, middle + 40)
                middle = space if space > 0 else middle
                waiting += [piece[middle:].strip(), piece[:middle].strip()]
            elif piece:
                pieces.append(piece)
        return pieces or [""]


def _passage(said: str, terms: frozenset[str], size: int) -> slice:
    """Return where to look for an excerpt: all of it, or of a very long text the part of `size` characters that
    shares most terms, with a part on either side.
    """
    borders = [0]
    while size and borders[-1] < len(said):
        end = borders[-1] + size
        blank = said.find(" ", end, end + size)
        borders.append(min(blank if blank > 0 else end, len(said)))
    parts = list(pairwise(borders))
    if len(parts) <= 3:
        return slice(0, len(said))
    overlap = [len(terms.intersection(words(said[start:end]))) for start, end in parts]
    best = max(range(len(parts)), key=lambda place: overlap[place])
    return slice(parts[max(best - 1, 0)][0], parts[min(best + 1, len(parts) - 1)][1])


def rendered(memory: Memory) -> str:
    """Return a memory as one line without its number: `speaker: words [resolved date]`.

    Dates that are the day it was said are not written out: the header above the line says them.
    """
    if isinstance(memory, EventSummary):
        return f"Event: {_SPACE.sub(' ', memory.text).strip()}"
    said_on = memory.said_at.date()
    dates = [date for date in memory.dates if not date.earliest == date.latest == said_on]
    return _SPACE.sub(" ", f"{memory.speaker}: {annotate(memory.text, dates)}").strip()


def _opening(memory: Memory) -> str:
    """Return how the line of a memory begins: `speaker: `, whose name may hold a colon."""
    return "Event: " if isinstance(memory, EventSummary) else _SPACE.sub(" ", f"{memory.speaker}: ").lstrip()


def _text(lines: Sequence[_Line]) -> str:
    written: list[str] = []
    day: date | None = None
    for number, line in enumerate(lines, 1):
        if line.day != day:
            day = line.day
            written.append(format_day(day))
        written.append(f"[{number}] {line.text}")
    return "\n".join(written)


def _moment(memory: Memory) -> datetime:
    return memory.happened_at if isinstance(memory, EventSummary) else memory.said_at


def _timestamp(moment: datetime) -> float:
    """Order naive and aware times together by what the clock on the wall said."""
    return (moment.replace(tzinfo=None) - datetime(1, 1, 1)).total_seconds()
