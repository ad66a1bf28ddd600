"""A long text in pieces that a model can read whole: cut between lines, else sentences, else words, never dropped.

A memory may be longer than a model's window; a line of it is one turn where several were put together.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Count: TypeAlias = Callable[[Sequence[str]], Sequence[int]]
"""Returns how much room each text takes: its tokens, or its characters."""

Span: TypeAlias = tuple[int, int]
"""The characters `text[start:end]`."""

_UNITS = (
    re.compile(r"[^\n]*\n+|[^\n]+"),
    re.compile(r".*?(?:[.!?…][\"')\]”’]*\s+|[。！？]+\s*|\Z)", re.DOTALL),
    re.compile(r"\s*\S+\s*|\s+"),
    re.compile(r".{1,8}", re.DOTALL),
    re.compile(r".", re.DOTALL),
)
"""Lines, sentences, words, runs of 8 characters, characters; the units of a kind are the whole text."""


def pieces_of(text: str, *, room: int, count: Count) -> list[Span]:
    """Return spans that hold all of `text`, in order, each of which takes at most `room`.

    A piece ends where a line does, else a sentence, else a word, else anywhere. Only a single character may take
    more than `room`; it is a piece nevertheless.
    """
    cutter = _Cutter(text=text, room=room, count=count)
    return list(cutter.fitted([(0, len(text))], 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cutter:
    text: str
    room: int
    count: Count

    def fitted(self, units: Sequence[Span], finer: int) -> Iterator[Span]:
        """Yield neighbouring units as one piece if they fit, else in parts; `finer` is the next kind to cut into."""
        start, end = units[0][0], units[-1][1]
        if end - start <= 1 or self.count([self.text[start:end]])[0] <= self.room:
            yield (start, end)
        elif len(units) > 1:  # a tokenizer may make more of a text than of its parts
            yield from self.fitted(units[: len(units) // 2], finer)
            yield from self.fitted(units[len(units) // 2 :], finer)
        else:
            found = [match.span() for match in _UNITS[finer].finditer(self.text, start, end) if match.group()]
            for group in self._groups(found):
                yield from self.fitted(group, finer + 1)

    def _groups(self, units: Sequence[Span]) -> Iterator[list[Span]]:
        """Yield as many neighbours at a time as should fit together."""
        group: list[Span] = []
        used = 0
        sizes = self.count([self.text[start:end] for start, end in units])
        for unit, size in zip(units, sizes, strict=True):
            if group and used + size > self.room:
                yield group
                group, used = [], 0
            group.append(unit)
            used += size
        if group:
            yield group
