"""Rows of vectors inside faiss: the typed adapter to a library whose own types cannot be relied on.

Rows are numbered from 0 in the order they were appended; what the numbers stand for is kept by
`vectors.FaissIndex`. Nothing here is thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .ports import Vectors

Kind: TypeAlias = Literal["flat", "hnsw"]
Stored: TypeAlias = NDArray[np.float32] | NDArray[np.float16]
Mask: TypeAlias = NDArray[np.bool_]
RowNumbers: TypeAlias = NDArray[np.int64]

# faiss is a SWIG module: older wheels carry no stubs, and those of 1.15 describe the C++ signatures
# instead of the Python ones (IDSelectorBitmap, for one), so it is Any here and typed from here on.
_faiss: Any = faiss

LINKS: Final = 32  # neighbours of a node of the graph; 16 lost a third of the recall on random unit vectors
EFFORT_BUILDING: Final = 80  # candidates looked at when a node is linked
EFFORT_SEARCHING: Final = 1024  # candidates looked at by a search; 512 found 76 of 100 nearest in a million, not 82
EFFORT_LIMIT: Final = 4096  # ceiling when a search is restricted to a small part of the graph


@contextmanager
def faiss_threads(count: int | None) -> Generator[None]:
    """Let faiss use `count` OpenMP threads inside the block (None: whatever is set now).

    The setting belongs to the calling thread and is put back, so other users of faiss in the
    process do not notice.
    """
    before: int = _faiss.omp_get_max_threads()
    if count is not None:
        _faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        if count is not None:
            _faiss.omp_set_num_threads(before)


class FlatRows:
    """Exact float32 vectors, 4 bytes per component."""

    kind: Final = "flat"
    scan_limit: Final = 5_000  # rows; gathering more takes longer than letting faiss pass over all of them

    def __init__(self, dimensions: int) -> None:
        self._index: Any = _faiss.IndexFlatIP(dimensions)
        self._dimensions = dimensions

    @classmethod
    def blank(cls, dimensions: int, count: int) -> FlatRows:
        """Return `count` rows of zeros, to be filled through `matrix()` without a second copy in memory."""
        rows = cls(dimensions)
        # room for the first additions: growing a full vector would for a moment double the memory
        rows._index.codes.resize((count + count // 16 + 1) * dimensions * 4)
        rows._index.codes.resize(count * dimensions * 4)
        rows._index.ntotal = count
        return rows

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def matrix(self) -> Vectors:
        """Return a writable view, float32 (rows, dimensions), valid until rows are appended or dropped."""
        count = len(self)
        if not count:
            return np.empty((0, self._dimensions), np.float32)
        view: Vectors = _faiss.rev_swig_ptr(self._index.get_xb(), count * self._dimensions)
        return view.reshape(count, self._dimensions)

    def append(self, vectors: Vectors) -> None:
        """Append finite vectors, float32 (n, dimensions)."""
        self._index.add(vectors)

    def drop(self, dropped: Mask) -> None:
        """Delete the rows where `dropped` (rows,) is true; those behind move up and keep their order."""
        self._index.remove_ids(_selector(dropped))

    def nearest(self, query: Vectors, count: int, allowed: Mask | None) -> RowNumbers:
        """Return the rows of the `count` largest inner products with `query` (dimensions,), best first.

        `allowed` (rows,) restricts before ranking.
        """
        chosen = None if allowed is None else _faiss.SearchParameters(sel=_selector(allowed))
        return _found(self._index.search(query[None], count, params=chosen))


class HnswRows:
    """float16 vectors, 2 bytes per component, under a graph that finds nearly all of the nearest.

    Rows cannot be dropped: the owner leaves them out of `allowed` and rebuilds in time.
    """

    kind: Final = "hnsw"
    scan_limit: Final = 50_000  # rows; a scope up to here is searched exactly

    def __init__(self, dimensions: int) -> None:
        sixteen_bits = _faiss.ScalarQuantizer.QT_fp16
        self._index: Any = _faiss.IndexHNSWSQ(dimensions, sixteen_bits, LINKS, _faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = EFFORT_BUILDING
        self._dimensions = dimensions

    @classmethod
    def read(cls, dimensions: int, source: Callable[[int], bytes]) -> HnswRows:
        """Return the rows that `write` wrote, pulled from `source(most_bytes)`.

        Raises ValueError when the bytes are no such rows. Bytes must come from a verified file:
        faiss trusts what it reads.
        """

        def give(most_bytes: int) -> bytes:
            # an exception must not cross the C++ frames between here and read_index; too few bytes may
            try:
                return source(most_bytes)
            except OSError:
                return b""

        try:
            index: Any = _faiss.read_index(_faiss.PyCallbackIOReader(give))
        except RuntimeError as error:
            raise ValueError(f"faiss cannot read the graph: {error}") from error
        if not isinstance(index, _faiss.IndexHNSWSQ) or index.d != dimensions:
            raise ValueError("the graph is of another kind or dimension")
        rows = cls(dimensions)
        index.hnsw.efConstruction = EFFORT_BUILDING  # the one setting faiss does not write
        rows._index = index
        return rows

    def write(self, sink: Callable[[bytes], None]) -> None:
        """Hand graph and vectors to `sink` piece by piece; an OSError of `sink` comes out as it is."""
        failures: list[OSError] = []

        def take(piece: bytes) -> None:
            # an exception must not cross the C++ frames between here and write_index
            if failures:
                return
            try:
                sink(piece)
            except OSError as error:
                failures.append(error)

        _faiss.write_index(self._index, _faiss.PyCallbackIOWriter(take))
        if failures:
            raise failures[0]

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def matrix(self) -> NDArray[np.float16]:
        """Return a view, float16 (rows, dimensions), valid until rows are appended."""
        count = len(self)
        if not count:
            return np.empty((0, self._dimensions), np.float16)
        codes: Any = _faiss.downcast_index(self._index.storage).codes
        view: NDArray[np.uint8] = _faiss.rev_swig_ptr(codes.data(), count * self._dimensions * 2)
        return view.view(np.float16).reshape(count, self._dimensions)

    def append(self, vectors: Vectors) -> None:
        """Append finite vectors, float32 (n, dimensions); they are rounded to float16."""
        self._index.add(vectors)

    def nearest(self, query: Vectors, count: int, allowed: Mask | None) -> RowNumbers:
        """Return nearly always the rows of the `count` largest inner products, in no promised order.

        `allowed` (rows,) restricts before ranking; the smaller it is, the more of the graph is
        walked. Fewer than `count` come back when the walk meets no more.
        """
        share = 1.0 if allowed is None else max(float(np.count_nonzero(allowed)) / len(self), 1e-9)
        effort = max(count, min(int(EFFORT_SEARCHING / share), EFFORT_LIMIT))
        chosen = None if allowed is None else _selector(allowed)
        walk = _faiss.SearchParametersHNSW(efSearch=effort, sel=chosen)
        return _found(self._index.search(query[None], count, params=walk))


def _selector(allowed: Mask) -> Any:  # Any: a SWIG object that only faiss looks into
    return _faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))


def _found(result: tuple[Vectors, RowNumbers]) -> RowNumbers:
    rows: RowNumbers = result[1][0]
    known: RowNumbers = rows[rows >= 0]  # faiss fills up with -1
    return known
