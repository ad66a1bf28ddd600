"""Candidates and event summaries as recall offers them, with what a test does not care about filled in."""

from datetime import datetime

from recollect.memory.types import Candidate, EventSummary, Turn


def candidate(
    number: int,
    text: str,
    *,
    speaker: str = "Alice",
    preceding: str = "",
    fused: float = 0.0,
    session: str = "1",
) -> Candidate:
    """What `speaker` said; `number` is the turn's id, and the turns of a session stand one after another."""
    turn = Turn(
        id=number,
        user="alice",
        conversation="c",
        session=session,
        position=number + 1,
        speaker=speaker,
        text=text,
        said_at=datetime(2026, 3, 2, 18),
    )
    return Candidate(memory=turn, lexical=0.0, dense=None, fused=fused, preceding=preceding)


def event(number: int, text: str, turns: tuple[int, ...]) -> EventSummary:
    """What happened on 2 March 2026, as told in the turns with these ids."""
    return EventSummary(
        id=number,
        user="alice",
        conversation="c",
        session="1",
        text=text,
        happened_at=datetime(2026, 3, 2, 18),
        kind="anchor",
        turns=turns,
    )
