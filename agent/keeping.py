"""What a user does with single memories: pin, correct, and forget with a while to think better of it."""

from ..memory.errors import InvalidInput
from ..memory.types import Memory, Turn
from .long_term_memory import LongTermMemory


class Keeping:
    """The pins of a user, and the memories that wait to be forgotten; those are still stored until `commit`."""

    def __init__(self, memory: LongTermMemory) -> None:
        self._memory = memory
        self._waiting: dict[int, Memory] = {}

    @property
    def waiting(self) -> frozenset[int]:
        """The ids of the memories that wait to be forgotten; recall leaves them out."""
        return frozenset(self._waiting)

    def forget(self, memory: Memory) -> None:
        """Have a memory wait to be forgotten: `undo` keeps it, `commit` forgets it for good."""
        self._waiting[memory.id] = memory

    def undo(self) -> Memory | None:
        """Keep the memory that waits the shortest, and return it; None if none waits."""
        return self._waiting.popitem()[1] if self._waiting else None

    def commit(self) -> int:
        """Forget what waits for it, for good, and return how many memories that were."""
        chosen = list(self._waiting.values())
        if chosen:
            self._memory.forget(chosen)
            self._waiting.clear()
        return len(chosen)

    def pinned(self) -> frozenset[int]:
        """Return the ids of the memories that every answer reads."""
        scope = self._memory.scope({})
        return frozenset() if scope is None else frozenset(self._memory.archive.chats.pinned(scope))

    def toggle_pin(self, memory: Memory) -> bool:
        """Pin a memory or take its pin away, and tell whether it has one now."""
        chats = self._memory.archive.chats
        if memory.id in self.pinned():
            chats.unpin(memory.id)
            return False
        chats.pin(memory.id)
        return True

    def correct(self, memory: Memory, text: str) -> Turn:
        """Give a turn other words and return it; raises InvalidTurn, and InvalidInput for an event summary."""
        if not isinstance(memory, Turn):
            raise InvalidInput("A summary is corrected by correcting the turns it came from.")
        return self._memory.correct(memory, text)
