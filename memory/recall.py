"""From a question to candidates: both searches inside a scope, fused into one order."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .checked_vectors import embed_question
from .errors import EmbedderError, InvalidVectors
from .fusion import DENSE_WEIGHT, Fusion, rrf_fused, z_fused
from .ports import Embedder, LexicalIndex
from .types import Candidate, Hit, Memory, Scope

if TYPE_CHECKING:
    from .ports import Ids, Vectors

POOL = 200


class Memories(Protocol):
    """What recall needs of the store."""

    def memories(self, ids: Sequence[int]) -> Mapping[int, Memory]:
        """Return the memories with these ids."""
        ...

    def preceding(self, ids: Sequence[int]) -> Mapping[int, str]:
        """Return what was said right before each of these turns."""
        ...


class ScopedVectors(Protocol):
    """What recall needs of the vector index."""

    def search(self, vector: "Vectors", *, limit: int, scope: Scope) -> list[Hit]:
        """Return the best hits inside a scope."""
        ...

    def vectors_of(self, ids: "Ids | Sequence[int]") -> "tuple[Ids, Vectors]":
        """Return the ids that have vectors, and their vectors."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallOptions:
    """How recall weighs its two searches; the defaults were tuned on MSC, FriendsQA and QMSum (docs/lab.md)."""

    fusion: Fusion = "z"
    dense_weight: float = DENSE_WEIGHT
    pool: int = POOL


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """Candidates, best first, with milliseconds by stage and what went wrong without costing the answer."""

    candidates: tuple[Candidate, ...]
    timings: Mapping[str, float]
    problems: tuple[str, ...] = ()


class Recall:
    """Lexical and dense search over one store."""

    def __init__(
        self,
        memories: Memories,
        lexical: LexicalIndex,
        vectors: ScopedVectors,
        embedder: Embedder,
        options: RecallOptions | None = None,
    ) -> None:
        self._memories = memories
        self._lexical = lexical
        self._vectors = vectors
        self._embedder = embedder
        self._options = options or RecallOptions()

    def recall(self, question: str, *, scope: Scope, limit: int = 100, vector: "Vectors | None" = None) -> Recalled:
        """Return up to `limit` candidates inside `scope`, best first; ties by id.

        `vector` (dimensions,) saves embedding a question twice. When the embedder fails, the order is lexical
        alone and `problems` says so. Raises StoreError and its kin.
        """
        clock = _Clock()
        problems: tuple[str, ...] = ()
        if vector is None and question.strip():
            try:
                vector = embed_question(self._embedder, question)
            except EmbedderError as error:
                problems = (f"Recalled by words alone, the question could not be embedded: {error}",)
            clock.lap("embed")
        pool = max(self._options.pool, limit)
        lexical = _scores(self._lexical.search(question, limit=pool, scope=scope))
        clock.lap("lexical")
        dense: dict[int, float] = {}
        if vector is not None:
            try:
                dense = _scores(self._vectors.search(vector, limit=pool, scope=scope))
                dense |= self._dense_scores(vector, [i for i in lexical if i not in dense])
            except InvalidVectors as error:  # the store's own: they were damaged, or written by another embedder
                dense = {}
                problems += (f"Recalled by words alone, the vectors could not be searched: {error}",)
        clock.lap("dense")
        fused = self._fuse(lexical, dense)
        best = sorted(fused, key=lambda i: (-fused[i], i))[:limit]
        found = self._memories.memories(best)
        preceding = self._memories.preceding(best)
        candidates = tuple(
            Candidate(
                memory=found[i],
                lexical=lexical.get(i, 0.0),
                dense=dense.get(i),
                fused=fused[i],
                preceding=preceding.get(i, ""),
            )
            for i in best
            if i in found  # another process may have deleted it since the search
        )
        clock.lap("fuse")
        return Recalled(candidates=candidates, timings=clock.laps, problems=problems)

    def _dense_scores(self, vector: "Vectors", ids: Sequence[int]) -> dict[int, float]:
        if not ids:
            return {}
        found, matrix = self._vectors.vectors_of(ids)
        return {int(i): float(score) for i, score in zip(found, matrix @ vector, strict=True)}

    def _fuse(self, lexical: Mapping[int, float], dense: Mapping[int, float]) -> dict[int, float]:
        if self._options.fusion == "rrf":
            return rrf_fused(lexical, dense, dense_weight=self._options.dense_weight)
        words = {i: lexical.get(i, 0.0) for i in lexical.keys() | dense.keys()}
        return z_fused(words, dense, dense_weight=self._options.dense_weight)


class _Clock:
    """Milliseconds by stage."""

    def __init__(self, read: Callable[[], float] = time.perf_counter) -> None:
        self._read = read
        self._last = read()
        self.laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """Book the time since the last lap on `stage`."""
        now = self._read()
        self.laps[stage] = self.laps.get(stage, 0.0) + 1000.0 * (now - self._last)
        self._last = now


def _scores(hits: Sequence[Hit]) -> dict[int, float]:
    return {hit.id: hit.score for hit in hits}
