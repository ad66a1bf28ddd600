"""Systems to compare with: searches over the units' texts, and orders that need no search."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..memory.context import ContextBuilder
from ..memory.fusion import rrf_fused, z_fused
from ..memory.ports import Embedder
from .dataset import Conversation, Question
from .found import Found, Indexed
from .record import NOTHING_READ
from .shared_memories import SharedMemories
from .shelf import Piece, Shelf
from .unit_index import Scored, UnitIndex
from .units import Unit
from .warm_up import LINE, QUESTION

TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """One conversation's units, and their index."""

    shelf: Shelf
    index: UnitIndex
    unit_of: dict[str, str]

    @property
    def ids(self) -> list[str]:
        """Every unit, in the order said."""
        return [piece.id for piece in self.shelf.pieces]


class Shelves:
    """The units of every conversation, for all baselines that rank the same unit."""

    def __init__(self, memories: SharedMemories, unit: Unit, *, contexts: ContextBuilder, embedder: Embedder) -> None:
        self.unit = unit
        self._memories = memories
        self._contexts = contexts
        self._embedder = embedder
        self._shelved: dict[str, Shelved] = {}

    def of(self, conversation: Conversation) -> Shelved:
        """Return a conversation's units; it is stored if it was not."""
        if conversation.id not in self._shelved:
            self._memories.ingest(conversation)
            shelf = Shelf(self._memories.turns(conversation.id), self.unit, self._contexts)
            index = UnitIndex(conversation.id, shelf.pieces, self._embedder)
            self._shelved[conversation.id] = Shelved(
                shelf=shelf, index=index, unit_of=dict(self.unit.of(conversation))
            )
        return self._shelved[conversation.id]

    def warm_up(self) -> None:
        """Search once, so that nothing has to be loaded later."""
        index = UnitIndex("-", [Piece(id="-", text=LINE.text)], self._embedder)
        index.by_words(QUESTION)
        index.by_vectors(QUESTION)

    def release(self, conversation: str) -> None:
        """Drop a conversation's units and their index."""
        self._shelved.pop(conversation, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Units, best first, and the milliseconds of a search that systems share."""

    units: Sequence[str]
    shared_ms: float = 0.0


Rank = Callable[[Shelved, Question], Order]


class Baseline:
    """Ranks all units by one rule, without a reranker."""

    def __init__(self, name: str, shelves: Shelves, rank: Rank, *, fill: Rank | None = None) -> None:
        self.name = name
        self.unit = shelves.unit.name
        self._shelves = shelves
        self._rank = rank
        self._fill = fill or rank

    def warm_up(self) -> None:
        """Import what searches; it is done once for all of them."""
        if self._rank in SEARCHES:
            self._shelves.warm_up()

    def ingest(self, conversation: Conversation) -> Indexed:
        """Take in the conversation's units, and index what the rule searches; nothing where it is an order alone."""
        shelved = self._shelves.of(conversation)
        seconds = sum((prepare(shelved.index) for prepare in SEARCHES.get(self._rank, ())), 0.0)
        return Indexed(turns=len(conversation.turns), seconds=seconds)

    def release(self, conversation: str) -> None:
        """Drop the conversation's units, for all that share them."""
        self._shelves.release(conversation)

    def ask(self, conversation: Conversation, question: Question, *, limit: int, budgets: Sequence[int]) -> Found:
        """Rank the units and fill contexts; ties are in the order said. Raises as the search does."""
        shelved = self._shelves.of(conversation)
        started = time.perf_counter()
        order = self._rank(shelved, question)
        total_ms = 1000.0 * (time.perf_counter() - started)
        filling = order if self._fill is self._rank else self._fill(shelved, question)
        return Found(
            ranked=tuple(order.units[:limit]),
            contexts=shelved.shelf.filled(question.question, filling.units, budgets),
            timings_ms={TOTAL: max(total_ms, order.shared_ms)},
            cost=NOTHING_READ,
        )


def by_words(shelved: Shelved, question: Question) -> Order:
    """BM25 over the units' texts."""
    return _best_first(shelved, shelved.index.by_words(question.question))


def by_vectors(shelved: Shelved, question: Question) -> Order:
    """Cosine of the embedder's vectors of the units' texts."""
    return _best_first(shelved, shelved.index.by_vectors(question.question))


def by_z_fusion(shelved: Shelved, question: Question) -> Order:
    """The sum of standardised scores of both, vectors weighing what they do in the library."""
    found, near = shelved.index.by_words(question.question), shelved.index.by_vectors(question.question)
    fused = z_fused(found.scores, near.scores)
    return _best_first(shelved, Scored(scores=fused, took_ms=found.took_ms + near.took_ms))


def by_rrf(shelved: Shelved, question: Question) -> Order:
    """Reciprocal rank fusion of both (Cormack et al. 2009), equally weighted."""
    found, near = shelved.index.by_words(question.question), shelved.index.by_vectors(question.question)
    fused = rrf_fused(found.scores, near.scores)
    return _best_first(shelved, Scored(scores=fused, took_ms=found.took_ms + near.took_ms))


def latest_first(shelved: Shelved, question: Question) -> Order:
    """What was said last comes first: a window over the end of the conversation."""
    return Order(units=shelved.ids[::-1])


def as_said(shelved: Shelved, question: Question) -> Order:
    """Everything, in the order said."""
    return Order(units=shelved.ids)


def evidence_alone(shelved: Shelved, question: Question) -> Order:
    """The units that hold the evidence, and nothing else: what no system can do better than."""
    return Order(units=list(dict.fromkeys(shelved.unit_of[turn] for turn in question.evidence)))


def by_chance(seed: int) -> Rank:
    """Return the rule that draws an order for each question."""

    def drawn(shelved: Shelved, question: Question) -> Order:
        draw = random.Random(f"{seed} {question.id}")
        return Order(units=draw.sample(shelved.ids, len(shelved.ids)))

    return drawn


SEARCHES: Mapping[Rank, Sequence[Callable[[UnitIndex], float]]] = {
    by_words: (UnitIndex.index_words,),
    by_vectors: (UnitIndex.index_vectors,),
    by_z_fusion: (UnitIndex.index_words, UnitIndex.index_vectors),
    by_rrf: (UnitIndex.index_words, UnitIndex.index_vectors),
}
"""The indexes that each rule searches; other rules search nothing."""


def _best_first(shelved: Shelved, scored: Scored) -> Order:
    ids = shelved.ids
    places = sorted(range(len(ids)), key=lambda place: -scored.scores.get(place, 0.0))
    return Order(units=[ids[place] for place in places], shared_ms=scored.took_ms)
