"""Puts the library itself under test: one memory a conversation, asked once a question for every reranker."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from ..memory.errors import InvalidInput
from ..memory.recall import Recalled
from ..memory.types import EventSummary, Memory, NewTurn, Retrieved, Turn
from ..rerank.base import Reranker
from .dataset import Conversation, DatasetTurn
from .retrieval import TOTAL, Retrieval


class ConversationMemory(Protocol):
    """What is driven of the library: a memory of its own for one conversation, empty at first."""

    def add_many(self, turns: Iterable[NewTurn]) -> Sequence[Turn]:
        """Store turns in the order given and return them."""
        ...

    def recalled(self, question: str) -> Recalled:
        """Return what the first stage offers, best first."""
        ...

    def reranked(
        self, question: str, recalled: Recalled, reranker: Reranker, *, limit: int, budget: int
    ) -> Retrieved:
        """Return up to `limit` of it, best first, and the context rendered within `budget` tokens."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What one question brought up before reranking; `took_ms` is the whole call."""

    memory: ConversationMemory
    recalled: Recalled
    took_ms: float


class SharedMemories:
    """One memory a conversation for all systems under test: turns are stored once, a question is recalled once.

    Systems are asked one after the other, so only the latest question's candidates are kept. Whoever gives
    `open_memory` closes what it opened.
    """

    def __init__(
        self, open_memory: Callable[[str], ConversationMemory], *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.clock = clock
        self._open_memory = open_memory
        self._memories: dict[str, ConversationMemory] = {}
        self._turns: dict[str, tuple[Turn, ...]] = {}
        self._latest: tuple[tuple[str, str], Offered] | None = None

    def ingest(self, conversation: Conversation) -> Sequence[Turn]:
        """Return the conversation's turns as stored, `ref` being the dia_id; the first call stores them."""
        if conversation.id not in self._turns:
            memory = self._open_memory(conversation.id)
            self._turns[conversation.id] = tuple(memory.add_many(_new_turn(turn) for turn in conversation.turns))
            self._memories[conversation.id] = memory
        return self._turns[conversation.id]

    def turns_of(self, user: str, conversation: str) -> Sequence[Turn]:
        """Return every turn of a user, oldest first; each conversation that was ingested is a user's only one."""
        return self._turns.get(user, ())

    def offered(self, conversation_id: str, question: str) -> Offered:
        """Return the candidates for a question. Raises InvalidInput where the conversation was not ingested."""
        if conversation_id not in self._memories:
            raise InvalidInput(f"{conversation_id} is unknown; ingest it before asking.")
        asked = (conversation_id, question)
        if self._latest is None or self._latest[0] != asked:
            memory = self._memories[conversation_id]
            started = self.clock()
            recalled = memory.recalled(question)
            took_ms = 1000.0 * (self.clock() - started)
            self._latest = (asked, Offered(memory=memory, recalled=recalled, took_ms=took_ms))
        return self._latest[1]


class TurnSystem:
    """The library with one reranker, made when it is first asked, turn by turn."""

    def __init__(self, memories: SharedMemories, reranker: Callable[[], Reranker]) -> None:
        self._memories = memories
        self._make_reranker = reranker

    @cached_property
    def _reranker(self) -> Reranker:
        return self._make_reranker()

    def ingest(self, conversation: Conversation) -> None:
        """Store the conversation's turns, unless another system did."""
        self._memories.ingest(conversation)

    def retrieve(self, conversation_id: str, question: str, *, limit: int, budget: int) -> Retrieval:
        """Ask the conversation's memory; event summaries are no turns and count as nothing found.

        Raises InvalidInput where the conversation was not ingested, or where a turn comes back that
        it did not contain; errors of the reranker pass through.
        """
        offered = self._memories.offered(conversation_id, question)
        clock = self._memories.clock
        started = clock()
        found = offered.memory.reranked(question, offered.recalled, self._reranker, limit=limit, budget=budget)
        return Retrieval(
            ranked=refs(scored.memory for scored in found.ranked),
            context=refs(found.context.memories),
            context_tokens=found.context.tokens,
            timings_ms=timed(found.timings, offered.took_ms + 1000.0 * (clock() - started)),
            problems=found.problems,
            pool=refs(candidate.memory for candidate in offered.recalled.candidates),
        )


def timed(stages: Mapping[str, float], total_ms: float) -> dict[str, float]:
    """Return the milliseconds of the stages with the whole call's."""
    return {**stages, TOTAL: total_ms}


def refs(memories: Iterable[Memory]) -> tuple[str, ...]:
    """Return the dia_ids of turns, passing over summaries. Raises InvalidInput for a turn without one."""
    return tuple(ref_of(memory) for memory in memories if not isinstance(memory, EventSummary))


def ref_of(turn: Turn) -> str:
    """Return a turn's dia_id. Raises InvalidInput where it has none."""
    if turn.ref is None:
        raise InvalidInput(f"Turn {turn.id} has no ref; open an empty memory for each conversation.")
    return turn.ref


def _new_turn(turn: DatasetTurn) -> NewTurn:
    return NewTurn(speaker=turn.speaker, text=turn.text, said_at=turn.said_at, ref=turn.id, session=turn.session)
