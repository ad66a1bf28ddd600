"""Which event summaries go before the candidates: those that cover most of them, within a budget of tokens.

METHODS 6.4. The paper says "maximum coverage" and no more; this is the greedy form of it.
"""

from collections.abc import Callable, Sequence

from ..memory.date_periods import format_day
from ..memory.types import Candidate, EventSummary

EVENT_TOKENS = 512
"""What summaries may take of a prompt (METHODS 6.4)."""


def cover(
    events: Sequence[EventSummary], candidates: Sequence[Candidate], *, budget: int, count: Callable[[str], int]
) -> list[EventSummary]:
    """Return events that cover the candidates, in the order they happened.

    Again and again the event is taken that covers most candidates not yet covered, if its line fits what is left of
    `budget`; `count` counts a line's tokens. Of equals, that which covers the best placed candidate is taken, then
    the earlier one. An event covers the turns it was drawn from and itself; one that covers nothing new is not taken.
    """
    covered = {event.id: _covered(event, candidates) for event in events}
    costs = {event.id: count(event_line(event) + "\n") for event in events}
    left = {event.id: event for event in events}
    missing = set(range(len(candidates)))
    chosen: list[EventSummary] = []
    while True:
        useful = [event for event in left.values() if covered[event.id] & missing and costs[event.id] <= budget]
        if not useful:
            return sorted(chosen, key=lambda event: (event.happened_at.timestamp(), event.id))

        def worth(event: EventSummary, missing: frozenset[int] = frozenset(missing)) -> tuple[int, int, float, int]:
            new = covered[event.id] & missing
            return -len(new), min(new), event.happened_at.timestamp(), event.id

        best = min(useful, key=worth)
        chosen.append(best)
        budget -= costs[best.id]
        missing -= covered[best.id]
        del left[best.id]


def event_line(event: EventSummary) -> str:
    """Return how an event is shown: its day, and what happened."""
    return f"{format_day(event.happened_at)}: {event.text}"


def _covered(event: EventSummary, candidates: Sequence[Candidate]) -> frozenset[int]:
    """Return the places of the candidates that an event covers."""
    turns = set(event.turns)
    found: set[int] = set()
    for place, candidate in enumerate(candidates):
        memory = candidate.memory
        own = memory.turns if isinstance(memory, EventSummary) else (memory.id,)
        if memory.id == event.id or turns.intersection(own):
            found.add(place)
    return frozenset(found)
