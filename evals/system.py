"""Puts the library itself under test, through the two methods a caller would use."""

from collections.abc import Callable, Iterable
from typing import Protocol

from ..memory.errors import InvalidInput
from ..memory.types import EventSummary, Memory, NewTurn, Retrieved
from .locomo import LocomoConversation, LocomoTurn
from .retrieval import Retrieval


class ConversationMemory(Protocol):
    """What is driven of the library: a memory of its own for one conversation, empty at first."""

    def add_many(self, turns: Iterable[NewTurn]) -> object:
        """Store turns in the order given."""
        ...

    def retrieve(self, question: str, *, limit: int, budget: int) -> Retrieved:
        """Return up to `limit` memories, best first, and the context rendered within `budget` tokens."""
        ...


class LibrarySystem:
    """A RetrievalSystem over the library; whoever gives `open_memory` closes what it opened."""

    def __init__(self, open_memory: Callable[[str], ConversationMemory]) -> None:
        self._open_memory = open_memory
        self._memories: dict[str, ConversationMemory] = {}

    def ingest(self, conversation: LocomoConversation) -> None:
        """Open a memory under the conversation's id and add its turns, `ref` being the dia_id.

        Raises InvalidInput where the conversation was ingested before.
        """
        if conversation.id in self._memories:
            raise InvalidInput(f"{conversation.id} was ingested before; ingest a conversation once.")
        memory = self._open_memory(conversation.id)
        memory.add_many(_new_turn(turn) for turn in conversation.turns)
        self._memories[conversation.id] = memory

    def retrieve(self, conversation_id: str, question: str, *, limit: int, budget: int) -> Retrieval:
        """Ask the conversation's memory; event summaries are no turns and count as nothing found.

        Raises InvalidInput where the conversation was not ingested, or where a turn comes back that
        it did not contain.
        """
        if conversation_id not in self._memories:
            raise InvalidInput(f"{conversation_id} is unknown; ingest it before asking.")
        found = self._memories[conversation_id].retrieve(question, limit=limit, budget=budget)
        return Retrieval(
            ranked=_refs(scored.memory for scored in found.ranked),
            context=_refs(found.context.memories),
            context_tokens=found.context.tokens,
            timings_ms=found.timings,
            problems=found.problems,
        )


def _new_turn(turn: LocomoTurn) -> NewTurn:
    return NewTurn(speaker=turn.speaker, text=turn.text, said_at=turn.said_at, ref=turn.dia_id, session=turn.session)


def _refs(memories: Iterable[Memory]) -> tuple[str, ...]:
    refs: list[str] = []
    for memory in memories:
        if isinstance(memory, EventSummary):
            continue
        if memory.ref is None:
            raise InvalidInput(f"Turn {memory.id} has no ref; open an empty memory for each conversation.")
        refs.append(memory.ref)
    return tuple(refs)
