"""Lines of a context as the span reader takes them in: a question beside each line, long lines in windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Encoded: TypeAlias = tuple[list[int], list[tuple[int, int]]]
"""Token ids of a text, and the characters each stands for."""

MOST_QUESTION_TOKENS = 64
MOST_LINE_TOKENS = 180
OVERLAP = 40
"""Tokens that two windows of one line share: an answer is rarely longer."""
CLS, SEP = 101, 102
"""BERT's marks in the encoder's vocabulary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One window of one line beside the question.

    `line` is the place of the line; `ids` are `[CLS] question [SEP] window [SEP]`; `first` is the place in `ids` of
    the window's first token, and `offsets` are the character spans of its tokens in the line.
    """

    line: int
    ids: tuple[int, ...]
    first: int
    offsets: tuple[tuple[int, int], ...]

    @property
    def places(self) -> list[int]:
        """Where an answer may begin or end, and before these the `[CLS]` that stands for none."""
        return [0, *range(self.first, self.first + len(self.offsets))]


def rows_of(question: Encoded, lines: Sequence[Encoded]) -> list[Row]:
    """Return the rows of the lines, in their order; a line without a token has none."""
    opening = (CLS, *question[0][:MOST_QUESTION_TOKENS], SEP)
    rows: list[Row] = []
    for place, (ids, offsets) in enumerate(lines):
        start = 0
        while start < len(ids):
            end = start + MOST_LINE_TOKENS
            rows.append(
                Row(
                    line=place,
                    ids=(*opening, *ids[start:end], SEP),
                    first=len(opening),
                    offsets=tuple(offsets[start:end]),
                )
            )
            if end >= len(ids):
                break
            start = end - OVERLAP
    return rows
