"""What is said right before and after a memory speaks for it: people ask about what was talked about, not one turn.

A passage gains by the scores of what stands beside it (documents smoothed with their neighbours: Tao, Wang, Mei and
Zhai, "Language model information retrieval with document expansion", NAACL 2006).
"""

from collections.abc import Hashable, Sequence
from statistics import median
from typing import TypeAlias

from ..memory.types import Memory, Turn

WEIGHT = 0.3
"""What the better neighbour's lead counts; chosen on held-out lists of MSC, FriendsQA and QMSum (docs/lab.md)."""

AMONG_SEVERAL = 0.2
"""What it counts once more after the second look where more than two speak: there a subject passes from one to the
next, and what tells of it is a stretch of talk; chosen on held-out lists of FriendsQA, QMSum and invented
meetings (docs/lab.md)."""

Place: TypeAlias = tuple[Hashable, int]
"""A session, and the position in it."""


def place_of(memory: Memory) -> Place | None:
    """Return where a memory was said; None for an event summary."""
    if not isinstance(memory, Turn):
        return None
    return (memory.user, memory.conversation, memory.session), memory.position


def among_several(memories: Sequence[Memory]) -> list[bool]:
    """Return which memories are turns of a conversation of which these have turns by more than two speakers."""
    speakers: dict[Hashable, set[str]] = {}
    for memory in memories:
        if isinstance(memory, Turn):
            speakers.setdefault((memory.user, memory.conversation), set()).add(memory.speaker)
    crowded = {conversation for conversation, names in speakers.items() if len(names) > 2}
    return [isinstance(memory, Turn) and (memory.user, memory.conversation) in crowded for memory in memories]


def neighbours_leads(places: Sequence[Place | None], scores: Sequence[float]) -> list[float]:
    """Return how far the better of each memory's neighbours is above the median of `scores`, at least 0.

    `scores` runs parallel to `places`. Neighbours are what was said right before and after in the same session, if it
    is among the memories; what has no place has none. The order does not matter.
    """
    if not scores:
        return []
    usual = median(scores)
    leads = {place: score - usual for place, score in zip(places, scores, strict=True) if place is not None}
    return [0.0 if place is None else _better(leads, *place) for place in places]


def _better(leads: dict[Place, float], session: Hashable, position: int) -> float:
    return max(0.0, leads.get((session, position - 1), 0.0), leads.get((session, position + 1), 0.0))
