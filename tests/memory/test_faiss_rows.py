"""The adapter to faiss keeps its promises about threads, memory and bytes it cannot read."""

import faiss
import numpy as np
import pytest

from recollect.memory.faiss_rows import EFFORT_BUILDING, FlatRows, HnswRows, faiss_threads
from recollect.memory.vectors import FaissIndex


def test_the_thread_setting_is_put_back_even_after_an_error() -> None:
    before = faiss.omp_get_max_threads()
    with pytest.raises(ZeroDivisionError), faiss_threads(before + 1):
        _ = faiss.omp_get_max_threads() // 0
    with faiss_threads(before + 1):
        assert faiss.omp_get_max_threads() == before + 1
    index = FaissIndex(2, threads=before + 2)
    index.add([1], np.ones((1, 2), np.float32))
    index.search(np.ones(2, np.float32), limit=1)
    assert faiss.omp_get_max_threads() == before


def test_blank_rows_are_filled_in_place_and_grow_like_others() -> None:
    rows = FlatRows.blank(3, 2)
    rows.matrix()[:] = [[1, 2, 3], [4, 5, 6]]
    rows.append(np.array([[7, 8, 9]], np.float32))
    assert rows.matrix().tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert rows.nearest(np.ones(3, np.float32), 2, np.array([True, True, False])).tolist() == [1, 0]


def test_a_graph_that_was_read_continues_with_the_same_effort_and_rows() -> None:
    rows, pieces = HnswRows(4), []
    rows.append(np.eye(4, dtype=np.float32))
    rows.write(lambda piece: pieces.append(bytes(piece)))
    whole = memoryview(b"".join(pieces))
    position = 0

    def source(most_bytes: int) -> bytes:
        nonlocal position
        start, position = position, position + most_bytes
        return bytes(whole[start:position])

    read = HnswRows.read(4, source)
    assert read._index.hnsw.efConstruction == EFFORT_BUILDING
    read.append(2 * np.eye(4, dtype=np.float32))
    assert read.matrix().tolist() == [*np.eye(4).tolist(), *(2 * np.eye(4)).tolist()]


def test_bytes_that_are_no_graph_are_refused() -> None:
    def broken(most_bytes: int) -> bytes:
        raise OSError(5, "input/output error")

    for source in (lambda _: b"", lambda most: b"x" * most, broken):
        with pytest.raises(ValueError, match="faiss cannot read the graph"):
            HnswRows.read(4, source)
