"""Nearest memories by vector: exact while the store is small, a graph when it is large."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from .checked_vectors import checked_vectors
from .errors import InvalidInput
from .faiss_rows import FlatRows, HnswRows, Mask, RowNumbers, faiss_threads
from .row_ids import RowIds
from .types import Hit

if TYPE_CHECKING:
    from .ports import Ids, Vectors

HNSW_THRESHOLD: Final = 200_000  # vectors; above it an exact scan takes tens of milliseconds
DEAD_SHARE: Final = 0.10  # of the rows of a graph, before it is rebuilt
_BLOCK: Final = 512  # rows scored at a time: small enough for the cache and for malloc to reuse
_BUILD_BLOCK: Final = 20_000  # rows handed to faiss at a time; from here on all its threads are worth waking
_LINK_BLOCK: Final = 512  # the same for a graph, where a row is a thousand times the work
_ROUNDING: Final = 2e-6  # two ways of summing the same float32 products differ by less on unit vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexParts:
    """What an index is made of: `ids` (rows,) names the row, `alive` (rows,) is false where it was removed."""

    rows: FlatRows | HnswRows
    ids: Ids
    alive: Mask


class FaissIndex:
    """Maximum inner product search over memory ids; implements `memory.ports.VectorIndex`.

    Up to `hnsw_threshold` vectors they are kept as float32 and every search is exact. Above it they
    are kept as float16 in an HNSW graph: a search of all of them finds nearly all of the nearest,
    one `within` at most 50,000 ids is still exact (over the float16 values). Crossing the threshold
    builds the graph once, and so does a graph of which more than 10 % are removed; both hold up other
    callers meanwhile. Equal scores come in ascending order of id.

    `threads` is the number of OpenMP threads of faiss for one search and for a small `add`; one query gains
    nothing from a second one and loses time spinning for it (None: leave it to faiss). Large adds
    use what the process has set. No setting of another thread or library is touched.

    Any thread may call anything at any time; calls run one after another.
    """

    def __init__(self, dimensions: int, *, hnsw_threshold: int = HNSW_THRESHOLD, threads: int | None = 1) -> None:
        if dimensions < 1:
            raise InvalidInput(f"A vector index needs at least 1 dimension, not {dimensions}.")
        self._dimensions = dimensions
        self._hnsw_threshold = hnsw_threshold
        self._threads = threads
        self._lock = threading.RLock()
        self._rows: FlatRows | HnswRows = FlatRows(dimensions)
        self._names = RowIds()

    @classmethod
    def from_parts(cls, parts: IndexParts, dimensions: int, *, hnsw_threshold: int = HNSW_THRESHOLD) -> FaissIndex:
        """Return an index made of `parts`, which belong to it from now on."""
        index = cls(dimensions, hnsw_threshold=hnsw_threshold)
        index._rows = parts.rows
        index._names = RowIds(parts.ids, parts.alive)
        return index

    @contextmanager
    def parts(self) -> Generator[IndexParts]:
        """Lend the parts for reading; other callers wait until the block is left."""
        with self._lock:
            yield IndexParts(rows=self._rows, ids=self._names.ids, alive=self._names.alive)

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._dimensions

    @property
    def is_exact(self) -> bool:
        """Whether every search is exact (no graph has been built)."""
        return isinstance(self._rows, FlatRows)

    def __len__(self) -> int:
        with self._lock:
            return len(self._names)

    def __contains__(self, memory: object) -> bool:
        with self._lock:
            return isinstance(memory, int) and bool(len(self._names.find(_as_ids([memory]))[1]))

    def ids(self) -> Ids:
        """Return the ids in ascending order, int64 (n,)."""
        with self._lock:
            return self._names.ascending().copy()

    def vectors_of(self, ids: Ids | Sequence[int]) -> tuple[Ids, Vectors]:
        """Return those of `ids` that are here, in the order given, and their vectors, float32 (found, dimensions)."""
        wanted = _as_ids(ids)
        with self._lock:
            places, rows = self._names.find(wanted)
            return wanted[places], self._rows.matrix()[rows].astype(np.float32, copy=False)

    def add(self, ids: Ids | Sequence[int], vectors: Vectors) -> None:
        """Add vectors, float32 (n, dimensions), replacing those whose ids, int64 (n,), are already here.

        Of an id that comes twice the last vector counts. Raises InvalidVectors, and adds nothing, when
        shapes do not fit or a component is NaN, infinite or beyond ±65504.
        """
        names = _as_ids(ids)
        matrix = checked_vectors(vectors, (len(names), self._dimensions))
        last = _last_of_each(names)
        if len(last) < len(names):
            names, matrix = names[last], matrix[last]
        if not len(names):
            return
        with self._lock:
            places, rows = self._names.find(names)
            if self.is_exact and len(self._names) + len(names) - len(rows) > self._hnsw_threshold:
                self._rebuild(HnswRows(self._dimensions))
                places, rows = self._names.find(names)
            self._put(names, matrix, places, rows)

    def remove(self, ids: Ids | Sequence[int]) -> None:
        """Remove ids; unknown ones are ignored."""
        gone = _as_ids(ids)
        with self._lock:
            _, rows = self._names.find(gone)
            if not len(rows):
                return
            self._names.bury(rows)
            if isinstance(self._rows, FlatRows):
                self._rows.drop(~self._names.alive)
                self._names.compact()
            else:
                self._rebuild_if_dying()

    def search(self, vector: Vectors, *, limit: int, within: Ids | Sequence[int] | None = None) -> list[Hit]:
        """Return the best `limit` hits for a vector of shape (dimensions,), best first.

        `within`, ascending int64 ids, restricts *before* ranking, so a scope of five ids gives five hits;
        ids that are not here are ignored. Raises InvalidVectors when the vector has the wrong size
        or a component that is NaN, infinite or beyond ±65504.
        """
        query = checked_vectors(vector, (self._dimensions,))
        if limit <= 0:
            return []
        with self._lock, faiss_threads(self._threads):
            if within is None:
                return self._search_many(query, limit, None)
            scope = _as_ids(within)
            rows = self._names.find(scope if _is_ascending(scope) else np.unique(scope))[1]
            if len(rows) <= self._rows.scan_limit:
                return self._ranked(query, rows, limit)
            return self._search_many(query, limit, rows)

    def _search_many(self, query: Vectors, limit: int, rows: RowNumbers | None) -> list[Hit]:
        everyone = self._names.rows() if rows is None else rows
        if limit >= len(everyone):
            return self._ranked(query, everyone, limit)
        allowed = None
        if len(everyone) < len(self._rows):
            allowed = np.zeros(len(self._rows), np.bool_)
            allowed[everyone] = True
        # one more than asked for: a tie across the edge of the list must not be broken by chance
        near = self._rows.nearest(query, limit + 1, allowed)
        if self.is_exact and self._is_tied(query, near):
            near = everyone
        if len(near) < limit:  # the walk through the graph got stuck
            near = everyone
        return self._ranked(query, near, limit)

    def _is_tied(self, query: Vectors, near: RowNumbers) -> bool:
        """Say whether the last two of `near` (best first) score the same, as far as rounding lets us know."""
        last, beyond = self._scores(query, near[-2:])
        return bool(abs(last - beyond) <= _ROUNDING * max(1.0, abs(float(last))))

    def _ranked(self, query: Vectors, rows: RowNumbers, limit: int) -> list[Hit]:
        """Score `rows` exactly and return the best `limit`; the one place that orders hits."""
        scores = self._scores(query, rows)
        if limit < len(rows):
            least = np.partition(scores, len(rows) - limit)[len(rows) - limit]
            kept = scores >= least
            scores, rows = scores[kept], rows[kept]
        ids = self._names.ids[rows]
        best = np.lexsort((ids, -scores))[:limit]
        return [Hit(id=int(ids[place]), score=float(scores[place])) for place in best]

    def _scores(self, query: Vectors, rows: RowNumbers) -> Vectors:
        """Return the inner products, float32 (rows,).

        einsum sums every row the same way wherever it stands, so equal vectors score exactly equal,
        which neither BLAS nor the kernels of faiss promise.
        """
        matrix = self._rows.matrix()
        scores = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), _BLOCK):
            block = matrix.take(rows[start : start + _BLOCK], axis=0).astype(np.float32, copy=False)
            scores[start : start + _BLOCK] = np.einsum("ij,j->i", block, query)
        return scores

    def _put(self, names: Ids, matrix: Vectors, places: RowNumbers, rows: RowNumbers) -> None:
        """Overwrite `rows` with the vectors at `places` and append the others (a graph cannot overwrite)."""
        if isinstance(self._rows, FlatRows):
            if len(rows):
                self._rows.matrix()[rows] = matrix[places]
                fresh = np.ones(len(names), np.bool_)
                fresh[places] = False
                names, matrix = names[fresh], matrix[fresh]
            self._append(matrix)
            self._names.append(names)
        else:
            self._append(matrix)
            self._names.bury(rows)
            self._names.append(names)
            self._rebuild_if_dying()

    def _append(self, matrix: Vectors) -> None:
        worth_waking = _BUILD_BLOCK if self.is_exact else _LINK_BLOCK
        with faiss_threads(self._threads if len(matrix) < worth_waking else None):
            self._rows.append(matrix)

    def _rebuild_if_dying(self) -> None:
        if len(self._rows) - len(self._names) > DEAD_SHARE * len(self._rows):
            is_large = len(self._names) > self._hnsw_threshold
            self._rebuild(HnswRows(self._dimensions) if is_large else FlatRows(self._dimensions))

    def _rebuild(self, target: FlatRows | HnswRows) -> None:
        """Copy the living rows into `target`, in ascending order of id, and continue with it."""
        names, rows = self._names.ascending().copy(), self._names.rows()
        matrix = self._rows.matrix()
        for start in range(0, len(rows), _BUILD_BLOCK):
            target.append(matrix[rows[start : start + _BUILD_BLOCK]].astype(np.float32, copy=False))
        self._rows, self._names = target, RowIds(names)


def _as_ids(ids: Ids | Sequence[int]) -> Ids:
    """Return ids as int64 (n,); raise InvalidInput for anything that is not a list of whole numbers."""
    array = np.asarray(ids)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InvalidInput(f"Memory ids must be a flat list of integers, not {array.dtype} of shape {array.shape}.")
    return array.astype(np.int64, copy=False)


def _is_ascending(ids: Ids) -> bool:
    return bool(np.all(ids[1:] > ids[:-1]))


def _last_of_each(ids: Ids) -> RowNumbers:
    """Return the places of the last occurrence of every id, ascending."""
    if _is_ascending(ids):
        return np.arange(len(ids))
    first_from_behind = np.unique(ids[::-1], return_index=True)[1]
    return np.sort(len(ids) - 1 - first_from_behind)
