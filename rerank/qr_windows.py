"""Candidates in pieces and pieces in windows: every word is read, however long a candidate or the list is.

Candidates that fit are one piece each, and pieces that fit are one window. Of what does not fit nothing is dropped: a
long candidate is cut between its turns or sentences, and what its pieces draw is added up; a long list is dealt out
to several prompts with the same beginning. Heads compare what stands in one prompt, so the windows are made alike:
each gets good and bad candidates in turn, about as many tokens, and the calibration of its own prompt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..memory.date_periods import format_day
from ..memory.errors import RerankError
from ..memory.types import Candidate, EventSummary, Memory
from .base import speaker_prefix
from .pieces import Count, pieces_of
from .prompt import Passage, Span
from .prompt_tokens import neutral

LABEL_TOKENS = 8
"""What a label and the separator after a passage take at most, in any tokenizer."""

FEWEST_TOKENS = 24
"""A window that has less room for candidates is too small to say anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Part of a candidate's text, `span`, as a passage; `place` is the candidate's, `tokens` what it takes.

    `lead` is how many characters stand in the passage's text before the memory's own.
    """

    place: int
    span: Span
    passage: Passage
    lead: int
    tokens: int


def cut(candidates: Sequence[Candidate], *, room: int, count: Count, marks: Sequence[str] = ()) -> list[Piece]:
    """Return the candidates as pieces of at most `room` tokens, in order; all of every text is in one of them.

    `marks` are texts that the model would take for its own; they are made harmless. Raises RerankError when there is
    no room for words.
    """
    if room < FEWEST_TOKENS:
        raise RerankError(
            f"The model's window leaves {room} tokens for candidates beside question and instruction: too few."
        )
    return [piece for place, one in enumerate(candidates) for piece in _pieces(place, one.memory, room, count, marks)]


def _pieces(place: int, memory: Memory, room: int, count: Count, marks: Sequence[str]) -> Iterator[Piece]:
    text, who = neutral(memory.text, marks), neutral(speaker_prefix(memory), marks)
    day = format_day(memory.happened_at if isinstance(memory, EventSummary) else memory.said_at)
    around = sum(count([f"{day}\n", who])) + LABEL_TOKENS
    if around > room // 2:  # a name may be as long as a book
        who, around = "", count([day])[0] + LABEL_TOKENS
    whole = count([text])[0]
    fits = around + whole <= room
    for start, end in [(0, len(text))] if fits else pieces_of(text, room=max(1, room - around), count=count):
        tokens = around + (whole if fits else count([text[start:end]])[0])
        passage = Passage(title=day, text=who + text[start:end])
        yield Piece(place=place, span=(start, end), passage=passage, lead=len(who), tokens=tokens)


def deal(pieces: Sequence[Piece], *, room: int) -> list[list[Piece]]:
    """Return the pieces in as few windows as hold them, each of at most `room` tokens and in the incoming order.

    Each piece goes where fewest tokens are, so that every window gets its share of the best candidates.
    """
    windows = max(1, -(-sum(piece.tokens for piece in pieces) // room))
    while True:
        dealt: list[list[Piece]] = [[] for _ in range(windows)]
        filled = [0] * windows
        for piece in pieces:
            emptiest = filled.index(min(filled))
            dealt[emptiest].append(piece)
            filled[emptiest] += piece.tokens
        if max(filled) <= room or windows >= len(pieces):
            return [window for window in dealt if window]
        windows += 1
