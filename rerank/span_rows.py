"""Lines of a context as the span reader takes them in: a question beside each line, long lines in windows.

Short lines are read beside what was said right before: "Three of them." means nothing alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..memory.embedder import MiniLmEmbedder
from .block_pieces import PRECEDING_CHARACTERS, plain

Encoded: TypeAlias = tuple[list[int], list[tuple[int, int]]]
"""Token ids of a text, and the characters each stands for."""

MOST_QUESTION_TOKENS = 64
MOST_LINE_TOKENS = 180
OVERLAP = 40
"""Tokens that two windows of one line share: an answer is rarely longer."""
MOST_SHORT_TOKENS = 20
"""Of a line that is read beside what was said before it."""
MOST_BEFORE_TOKENS = 24
"""Of what was said before; its end is read, where questions stand."""
CLS, SEP = 101, 102
"""BERT's marks in the encoder's vocabulary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One window of one line beside the question.

    `line` is the place of the line; `ids` are `[CLS] question [SEP] window [SEP]`, and of a short line what was said
    before it and `[SEP]`; `first` is the place in `ids` of the window's first token, and `offsets` are the character
    spans of its tokens in the line.
    """

    line: int
    ids: tuple[int, ...]
    first: int
    offsets: tuple[tuple[int, int], ...]

    @property
    def places(self) -> list[int]:
        """Where an answer may begin or end, and before these the `[CLS]` that stands for none."""
        return [0, *range(self.first, self.first + len(self.offsets))]


def read_rows(encoder: MiniLmEmbedder, question: str, lines: Sequence[str], before: Sequence[str] = ()) -> list[Row]:
    """Return the rows of the lines, in their order; marks of the tokenizer in them are mere words.

    `before` is what was said right before each line, empty where that is not known; () where it is of none.
    """
    asked, *read = encoder.tokens([plain(text) for text in (question, *lines)])
    known = [place for place, said in enumerate(before) if said and 0 < len(read[place][0]) <= MOST_SHORT_TOKENS]
    told = encoder.token_ids([plain(before[place][-PRECEDING_CHARACTERS:]) for place in known]) if known else []
    return rows_of(asked, read, dict(zip(known, told, strict=True)))


def rows_of(
    question: Encoded, lines: Sequence[Encoded], before: Mapping[int, Sequence[int]] | None = None
) -> list[Row]:
    """Return the rows of the lines, in their order; a line without a token has none.

    `before` has, by the place of a short line, the token ids of what was said right before it.
    """
    opening = (CLS, *question[0][:MOST_QUESTION_TOKENS], SEP)
    told = {place: (*said[-MOST_BEFORE_TOKENS:], SEP) for place, said in (before or {}).items()}
    rows: list[Row] = []
    for place, (ids, offsets) in enumerate(lines):
        start = 0
        while start < len(ids):
            end = start + MOST_LINE_TOKENS
            rows.append(
                Row(
                    line=place,
                    ids=(*opening, *ids[start:end], SEP, *told.get(place, ())),
                    first=len(opening),
                    offsets=tuple(offsets[start:end]),
                )
            )
            if end >= len(ids):
                break
            start = end - OVERLAP
    return rows
