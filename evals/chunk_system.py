"""Puts chunks under test: ranked by the library through their turns, and by BM25 over their texts for reference."""

import time
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any

from ..memory.errors import InvalidInput
from ..memory.types import Turn
from ..memory.words import STOP_WORDS, words
from ..rerank.base import Reranker
from ..rerank.chunks import Chunk, rank_chunks
from .dataset import Conversation, DatasetTurn
from .retrieval import Retrieval
from .system import SharedMemories, ref_of, timed
from .units import ChunkUnit

K1, B = 0.9, 0.4
"""BM25's parameters of the published baselines (Pyserini's defaults)."""


class ChunkSystem:
    """The library with one reranker: turns are recalled and reranked, chunks ranked by their turns' scores.

    `reranker` makes it when it is first asked.
    The context is the best chunks that fit the budget, whole; its tokens are those of its chunks.
    """

    def __init__(self, memories: SharedMemories, reranker: Callable[[], Reranker], unit: ChunkUnit) -> None:
        self._memories = memories
        self._make_reranker = reranker
        self._unit = unit
        self._chunks: dict[str, list[Chunk[Turn]]] = {}

    @cached_property
    def _reranker(self) -> Reranker:
        return self._make_reranker()

    def ingest(self, conversation: Conversation) -> None:
        """Store the conversation's turns, unless another system did, and pack them."""
        self._chunks[conversation.id] = self._unit.chunks(self._memories.ingest(conversation))

    def retrieve(self, conversation_id: str, question: str, *, limit: int, budget: int) -> Retrieval:
        """Ask the conversation's memory for turns and rank its chunks by them.

        Raises InvalidInput where the conversation was not ingested; errors of the reranker pass through.
        """
        offered = self._memories.offered(conversation_id, question)
        clock = self._memories.clock
        started = clock()
        candidates = offered.recalled.candidates
        found = offered.memory.reranked(
            question, offered.recalled, self._reranker, limit=len(candidates), budget=budget
        )
        chunks = [scored.chunk for scored in rank_chunks(found.ranked, self._chunks[conversation_id])]
        total_ms = offered.took_ms + 1000.0 * (clock() - started)
        order = [(ref_of(chunk.turns[0]), chunk.tokens) for chunk in chunks]
        context, tokens = _fitting(order, budget)
        held = {candidate.memory.id for candidate in candidates}
        return Retrieval(
            ranked=tuple(chunk_id for chunk_id, _ in order[:limit]),
            context=context,
            context_tokens=tokens,
            timings_ms=timed(found.timings, total_ms),
            problems=found.problems,
            pool=tuple(ref_of(chunk.turns[0]) for chunk in chunks if not held.isdisjoint(t.id for t in chunk.turns)),
        )


class Bm25Chunks:
    """The field's reference: BM25 of rank-bm25 over the chunks' terms, speakers included."""

    name = "bm25"

    def __init__(self, unit: ChunkUnit, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._unit = unit
        self._clock = clock
        self._indexes: dict[str, tuple[list[Chunk[DatasetTurn]], Any]] = {}  # rank-bm25 ships no types

    def ingest(self, conversation: Conversation) -> None:
        """Pack the conversation's turns and index the chunks. Raises InvalidInput where they hold no word."""
        from rank_bm25 import BM25Okapi

        chunks = self._unit.chunks(conversation.turns)
        texts = ("\n".join(f"{turn.speaker}: {turn.text}" for turn in chunk.turns) for chunk in chunks)
        terms = [stemmed(text) for text in texts]
        if not any(terms):
            raise InvalidInput(f"{conversation.id} holds no word that BM25 could find; leave it out.")
        self._indexes[conversation.id] = (chunks, BM25Okapi(terms, k1=K1, b=B))

    def retrieve(self, conversation_id: str, question: str, *, limit: int, budget: int) -> Retrieval:
        """Rank all chunks; ties keep their order. Raises InvalidInput where the conversation was not ingested."""
        if conversation_id not in self._indexes:
            raise InvalidInput(f"{conversation_id} is unknown; ingest it before asking.")
        chunks, index = self._indexes[conversation_id]
        started = self._clock()
        scores: Sequence[float] = index.get_scores(stemmed(question)).tolist()
        places = sorted(range(len(chunks)), key=lambda place: -scores[place])
        took_ms = 1000.0 * (self._clock() - started)
        order = [(chunks[place].turns[0].id, chunks[place].tokens) for place in places]
        context, tokens = _fitting(order, budget)
        return Retrieval(
            ranked=tuple(chunk_id for chunk_id, _ in order[:limit]),
            context=context,
            context_tokens=tokens,
            timings_ms=timed({}, took_ms),
        )


def stemmed(text: str) -> list[str]:
    """Return the words of a text, function words left out, cut to their stems (Porter 1980), as search engines do.

    Without stems and with function words BM25 finds far less, which would flatter whatever stands beside it.
    """
    stems: list[str] = _stemmer().stemWords([word for word in words(text) if word not in STOP_WORDS])
    return stems


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("porter")  # pyright: ignore - it ships no types


def _fitting(order: Sequence[tuple[str, int]], budget: int) -> tuple[tuple[str, ...], int]:
    """Return the best chunks, as (id, tokens), that fit together, passing over those that no longer do."""
    chosen: list[str] = []
    spent = 0
    for chunk_id, tokens in order:
        if spent + tokens <= budget:
            chosen.append(chunk_id)
            spent += tokens
    return tuple(chosen), spent
