"""One memory a conversation for all systems under test: turns are stored once, a question is recalled once."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..memory.errors import InvalidInput
from ..memory.recall import Recalled
from ..memory.types import NewTurn, Retrieved, Turn
from ..rerank.base import Reranker
from .dataset import Conversation, DatasetTurn
from .found import Indexed
from .record import Cost

KEPT_QUESTIONS = 64
"""Whose candidates are kept: systems in threads may be some questions behind or ahead of the others."""
MOST_TURNS = 1_000_000


class ConversationMemory(Protocol):
    """What is driven of the library: a memory of its own for one conversation."""

    def add_many(self, turns: Iterable[NewTurn]) -> Sequence[Turn]:
        """Store turns in the order given and return them."""
        ...

    def latest(self, limit: int) -> Sequence[Turn]:
        """Return the newest turns, oldest first."""
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
    """The memories of all conversations; threads may share it. Whoever gives `open_memory` closes what it opened.

    A store that holds the first turns of a conversation, or all of them, gets the rest: a run that was stopped goes
    on with what it stored. `complete` is called with a conversation when its turns are stored, to draw events from
    them, and tells what language models did; what it raises passes through.
    """

    def __init__(
        self,
        open_memory: Callable[[str], ConversationMemory],
        *,
        complete: Callable[[str], Cost] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.clock = clock
        self._open_memory = open_memory
        self._complete = complete
        self._memories: dict[str, ConversationMemory] = {}
        self._taken: dict[str, Indexed] = {}
        self._turns: dict[str, tuple[Turn, ...]] = {}
        self._offered: OrderedDict[tuple[str, str], Offered] = OrderedDict()
        self._lock = threading.Lock()

    def ingest(self, conversation: Conversation) -> int:
        """Store the turns that the store does not hold yet, `ref` being their id, and return how many those were.

        Raises InvalidInput where the store holds other turns under the conversation's name.
        """
        if conversation.id in self._turns:
            return 0
        memory = self._open_memory(conversation.id)
        held = tuple(memory.latest(MOST_TURNS))
        wanted = [turn.id for turn in conversation.turns]
        if [turn.ref for turn in held] != wanted[: len(held)]:
            raise InvalidInput(f"The store holds other turns of {conversation.id}; begin in an empty folder.")
        new = [_new_turn(turn) for turn in conversation.turns[len(held) :]]
        started = self.clock()
        stored = (*held, *(memory.add_many(new) if new else ()))
        cost = Cost() if self._complete is None else self._complete(conversation.id)
        if new or cost.llm_calls:
            taken_s = self.clock() - started
            self._taken[conversation.id] = Indexed(turns=len(new), seconds=taken_s, cost=cost)
        self._turns[conversation.id] = stored
        self._memories[conversation.id] = memory
        return len(new)

    def release(self, conversation: str) -> None:
        """Forget a conversation whose questions are all asked; it can be ingested again. Unknown ones are ignored."""
        with self._lock:
            self._turns.pop(conversation, None)
            self._memories.pop(conversation, None)
            self._taken.pop(conversation, None)
            for asked in [asked for asked in self._offered if asked[0] == conversation]:
                del self._offered[asked]

    @property
    def draws_events(self) -> bool:
        """Whether events are drawn from what is stored."""
        return self._complete is not None

    def taken(self, conversation: str) -> Indexed | None:
        """Return what storing a conversation took, None where it was stored before."""
        return self._taken.get(conversation)

    def turns(self, conversation: str) -> Sequence[Turn]:
        """Return a conversation's turns as stored, oldest first. Raises InvalidInput where it was not ingested."""
        if conversation not in self._turns:
            raise InvalidInput(f"{conversation} is unknown; ingest it before asking.")
        return self._turns[conversation]

    def turns_of(self, user: str, conversation: str) -> Sequence[Turn]:
        """Return every turn of a user, oldest first; each conversation that was ingested is a user's only one."""
        return self._turns.get(user, ())

    def offered(self, conversation: str, question: str) -> Offered:
        """Return the candidates for a question. Raises InvalidInput where the conversation was not ingested."""
        self.turns(conversation)
        asked = (conversation, question)
        with self._lock:
            if asked not in self._offered:
                memory = self._memories[conversation]
                started = self.clock()
                recalled = memory.recalled(question)
                took_ms = 1000.0 * (self.clock() - started)
                self._offered[asked] = Offered(memory=memory, recalled=recalled, took_ms=took_ms)
                if len(self._offered) > KEPT_QUESTIONS:
                    self._offered.popitem(last=False)
            return self._offered[asked]


def ref_of(turn: Turn) -> str:
    """Return the id that the data set gave a turn. Raises InvalidInput where it has none."""
    if turn.ref is None:
        raise InvalidInput(f"Turn {turn.id} has no ref; open an empty memory for each conversation.")
    return turn.ref


def _new_turn(turn: DatasetTurn) -> NewTurn:
    return NewTurn(speaker=turn.speaker, text=turn.text, said_at=turn.said_at, ref=turn.id, session=turn.session)
