"""Refuses memories of another user, before anything is written."""

from collections.abc import Iterable

from ..memory.errors import InvalidInput
from ..memory.types import EventSummary, Turn


def refuse_strangers(memories: Iterable[Turn | EventSummary], *, user: str, done: str) -> None:
    """Raise InvalidInput for what is no memory, or not `user`'s; `done` is what would have been done ("stored")."""
    for memory in memories:
        if not isinstance(memory, Turn | EventSummary):  # pyright: ignore[reportUnnecessaryIsInstance] - untyped
            kind = type(memory).__name__
            raise InvalidInput(
                f"A {kind} is no turn or event summary (a ScoredMemory holds one: .memory); nothing was {done}."
            )
        if memory.user != user:
            raise InvalidInput(f"Memory {memory.id} is {memory.user}'s, not {user}'s; nothing was {done}.")
