"""The vector index gives what a brute-force scan gives, for every scope and after every change."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recollect.memory.errors import InvalidInput, InvalidVectors
from recollect.memory.ports import VectorIndex
from recollect.memory.types import Hit
from recollect.memory.vectors import FaissIndex

ALWAYS_FLAT = 10**9


def unit_vectors(count: int, dimensions: int, *, seed: int = 0) -> np.ndarray:
    matrix = np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def as_ids(*ids: int) -> np.ndarray:
    return np.array(ids, np.int64)


class BruteForce:
    """What every index must agree with: a dictionary and a sort."""

    def __init__(self) -> None:
        self.vectors: dict[int, np.ndarray] = {}

    def search(self, query: np.ndarray, limit: int, within: set[int] | None = None) -> list[Hit]:
        hits = [
            Hit(id=key, score=float(vector @ query))
            for key, vector in self.vectors.items()
            if within is None or key in within
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]


# Components are small multiples of 1/2: float16 holds them and every sum of products is exact, so that
# scores, and with them ties (there are many), can be compared with ==.
DIMENSIONS = 3
components = st.integers(-2, 2).map(lambda half: half / 2)
vectors = st.lists(components, min_size=DIMENSIONS, max_size=DIMENSIONS)
keys = st.integers(-3, 20)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.tuples(keys, vectors), max_size=8)),
        st.tuples(st.just("remove"), st.lists(keys, max_size=6)),
        st.tuples(st.just("search"), st.tuples(vectors, st.integers(-1, 8), st.none() | st.sets(keys))),
    ),
    max_size=25,
)


def play(index: FaissIndex, moves: list[tuple[str, object]], check: Callable[..., None]) -> None:
    model = BruteForce()
    for verb, content in moves:
        if verb == "add":
            model.vectors.update({key: np.array(vector, np.float32) for key, vector in content})
            index.add(
                [key for key, _ in content],
                np.array([vector for _, vector in content], np.float32).reshape(-1, DIMENSIONS),
            )
        elif verb == "remove":
            index.remove(content)
            for key in content:
                model.vectors.pop(key, None)
        else:
            query, limit, within = content
            check(index, model, np.array(query, np.float32), max(limit, -1), within)
        assert len(index) == len(model.vectors)
        assert index.ids().tolist() == sorted(model.vectors)
    found, matrix = index.vectors_of(list(range(-3, 21)))
    assert found.tolist() == sorted(model.vectors)
    assert all(np.array_equal(model.vectors[key], row) for key, row in zip(found.tolist(), matrix, strict=True))


def expect_equal(
    index: FaissIndex, model: BruteForce, query: np.ndarray, limit: int, within: set[int] | None
) -> None:
    scope = None if within is None else as_ids(*sorted(within))
    assert index.search(query, limit=limit, within=scope) == model.search(query, max(limit, 0), within)


def expect_nearly_equal(
    index: FaissIndex, model: BruteForce, query: np.ndarray, limit: int, within: set[int] | None
) -> None:
    if within is not None:
        expect_equal(index, model, query, limit, within)
        return
    hits, everything = index.search(query, limit=limit), model.search(query, len(model.vectors))
    assert len(hits) == min(max(limit, 0), len(everything))
    assert set(hits) <= set(everything)
    assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.id))


@settings(max_examples=150, deadline=None)
@given(moves=steps)
def test_any_sequence_of_changes_and_searches_equals_brute_force_while_flat(
    moves: list[tuple[str, object]],
) -> None:
    play(FaissIndex(DIMENSIONS, hnsw_threshold=ALWAYS_FLAT), moves, expect_equal)


@settings(max_examples=150, deadline=None)
@given(moves=steps, threshold=st.integers(0, 6))
def test_any_sequence_of_changes_and_scoped_searches_equals_brute_force_with_a_graph(
    moves: list[tuple[str, object]], threshold: int
) -> None:
    play(FaissIndex(DIMENSIONS, hnsw_threshold=threshold), moves, expect_nearly_equal)


def test_the_index_is_a_vector_index() -> None:
    index: VectorIndex = FaissIndex(2)
    assert index.search(np.ones(2, np.float32), limit=3) == []


@pytest.mark.parametrize("threshold", [ALWAYS_FLAT, 500])
def test_a_user_with_five_memories_gets_all_five_out_of_many(threshold: int) -> None:
    matrix = unit_vectors(3000, 16)
    index = FaissIndex(16, hnsw_threshold=threshold)
    index.add(np.arange(3000), matrix)
    query = matrix[7]
    mine = np.argsort(matrix @ query)[:5]  # the five that everyone else beats
    hits = index.search(query, limit=10, within=np.sort(mine))
    assert [hit.id for hit in hits] == mine[::-1].tolist()
    assert [hit.score for hit in hits] == pytest.approx((matrix @ query)[mine[::-1]].tolist(), abs=1e-3)


@pytest.mark.parametrize("count", [5_000, 5_001, 9_000])
def test_a_large_scope_is_exact_on_both_sides_of_the_scan_limit(count: int) -> None:
    matrix = unit_vectors(10_000, 8)
    index = FaissIndex(8)
    index.add(np.arange(10_000) * 2, matrix)
    within = np.sort(np.random.default_rng(1).choice(10_000, count, replace=False))
    scores = matrix[within] @ matrix[0]
    best = within[np.argsort(-scores, kind="stable")[:20]] * 2
    scope = np.sort(np.concatenate([within * 2, [1, 3, 30_001]]))  # three that are not there
    assert [hit.id for hit in index.search(matrix[0], limit=20, within=scope)] == best.tolist()


def test_a_tie_across_the_end_of_the_list_goes_to_the_smallest_ids() -> None:
    index = FaissIndex(8)
    index.add(np.arange(6_000)[::-1], np.tile(unit_vectors(1, 8), (6_000, 1)))
    query = unit_vectors(1, 8, seed=1)[0]
    assert [hit.id for hit in index.search(query, limit=30)] == list(range(30))
    assert [hit.id for hit in index.search(query, limit=3, within=np.arange(50, 5_900))] == [50, 51, 52]
    assert len({hit.score for hit in index.search(query, limit=6_000)}) == 1


def test_a_scope_that_is_unsorted_or_repeats_itself_is_understood() -> None:
    index = FaissIndex(2)
    index.add([1, 2, 3], np.array([[1, 0], [2, 0], [3, 0]], np.float32))
    hits = index.search(np.array([1, 0], np.float32), limit=9, within=[3, 1, 3, 99])
    assert [hit.id for hit in hits] == [3, 1]
    assert index.search(np.array([1, 0], np.float32), limit=9, within=[]) == []


def test_a_graph_finds_nearly_all_and_never_what_was_removed() -> None:
    centres = unit_vectors(60, 32, seed=3)
    noise = 0.12 * np.random.default_rng(4).standard_normal((3_000, 32))
    matrix = (np.repeat(centres, 50, axis=0) + noise).astype(np.float32)
    index = FaissIndex(32, hnsw_threshold=1_000)
    index.add(np.arange(3_000), matrix)
    assert not index.is_exact
    index.remove(np.arange(0, 3_000, 20))  # 5 %: tombstones, no rebuild yet
    living = np.setdiff1d(np.arange(3_000), np.arange(0, 3_000, 20))
    found = 0
    for query in centres:
        best = living[np.argsort(-(matrix[living] @ query), kind="stable")[:10]]
        hits = [hit.id for hit in index.search(query, limit=10)]
        assert not set(hits) - set(living.tolist())
        found += len(set(hits) & set(best.tolist()))
    assert found >= 0.97 * 10 * len(centres)
    assert len(index.search(centres[0], limit=5_000)) == len(living)


def test_a_graph_that_lost_a_tenth_is_rebuilt_and_a_small_one_becomes_flat_again() -> None:
    matrix = unit_vectors(200, 8)
    index = FaissIndex(8, hnsw_threshold=100)
    index.add(np.arange(200), matrix)
    index.remove(np.arange(20))
    with index.parts() as parts:
        assert len(parts.rows) == 200
    index.remove([20])
    with index.parts() as parts:
        assert len(parts.rows) == 179
    assert not index.is_exact
    index.remove(np.arange(150))
    assert index.is_exact
    assert index.ids().tolist() == list(range(150, 200))
    assert index.search(matrix[160], limit=1)[0].id == 160


def test_crossing_the_threshold_keeps_every_vector_and_a_replacement_replaces() -> None:
    matrix = unit_vectors(40, 4)
    index = FaissIndex(4, hnsw_threshold=30)
    index.add(np.arange(30), matrix[:30])
    assert index.is_exact
    index.add(np.arange(25, 30), matrix[:5])
    assert index.is_exact  # replaced, not grown
    index.add(np.arange(20, 40), matrix[20:])
    assert not index.is_exact
    assert len(index) == 40
    found, kept = index.vectors_of(np.arange(40))
    assert found.tolist() == list(range(40))
    np.testing.assert_allclose(kept, matrix, atol=1e-3)


def test_of_an_id_given_twice_the_last_vector_counts() -> None:
    index = FaissIndex(1)
    index.add([4, 2, 4], np.array([[1], [2], [3]], np.float32))
    assert index.search(np.ones(1, np.float32), limit=5) == [Hit(id=4, score=3.0), Hit(id=2, score=2.0)]


def test_vectors_of_keeps_the_order_asked_for_and_hands_out_copies() -> None:
    index = FaissIndex(2)
    index.add([1, 2, 3], np.array([[1, 0], [2, 0], [3, 0]], np.float32))
    found, matrix = index.vectors_of([3, 7, 1])
    assert found.tolist() == [3, 1]
    assert matrix.tolist() == [[3, 0], [1, 0]]
    matrix[:] = 9
    assert index.vectors_of([3])[1].tolist() == [[3, 0]]
    assert 3 in index
    assert 7 not in index
    assert "3" not in index


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, 1e300])
def test_a_vector_that_is_no_number_is_refused_whole(bad: float) -> None:
    index = FaissIndex(2)
    index.add([1], np.ones((1, 2), np.float32))
    batch = np.array([[5, 5], [bad, 0]])
    with pytest.raises(InvalidVectors, match="NaN, infinite or beyond"):
        index.add([1, 2], batch)
    with pytest.raises(InvalidVectors, match="NaN, infinite or beyond"):
        index.search(batch[1], limit=1)
    assert index.search(np.ones(2, np.float32), limit=5) == [Hit(id=1, score=2.0)]


@pytest.mark.parametrize("shape", [(1, 3), (1, 1), (2, 2), (2,), (0, 2)])
def test_a_batch_of_the_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    index = FaissIndex(2)
    with pytest.raises(InvalidVectors, match=r"Expected vectors of shape \(1, 2\)"):
        index.add([1], np.ones(shape, np.float32))
    assert len(index) == 0


@pytest.mark.parametrize("query", [np.ones(3), np.ones((1, 2)), np.float32(1)])
def test_a_query_of_the_wrong_shape_is_refused_even_by_an_empty_index(query: np.ndarray) -> None:
    with pytest.raises(InvalidVectors, match="Expected vectors of shape"):
        FaissIndex(2).search(query, limit=3)


def test_what_is_not_a_list_of_numbers_is_refused() -> None:
    index = FaissIndex(2)
    with pytest.raises(InvalidVectors, match="must be numbers"):
        index.add([1], [["a", "b"]])
    with pytest.raises(InvalidInput, match="flat list of integers"):
        index.add([1.5], np.ones((1, 2), np.float32))
    with pytest.raises(InvalidInput, match="at least 1 dimension"):
        FaissIndex(0)


@pytest.mark.parametrize("threshold", [ALWAYS_FLAT, 300])
def test_searches_of_several_threads_are_right_while_another_adds_and_removes(threshold: int) -> None:
    steady, passing = unit_vectors(200, 16), unit_vectors(600, 16, seed=1) * 0.5
    index = FaissIndex(16, hnsw_threshold=threshold)
    index.add(np.arange(200), steady)
    finished = threading.Event()
    mistakes: list[object] = []

    def write() -> None:
        for start in range(0, 600, 40):
            index.add(np.arange(1_000 + start, 1_040 + start), passing[start : start + 40])
            index.remove(np.arange(1_000 + start, 1_020 + start))
        finished.set()

    def read(seed: int) -> None:
        numbers = np.random.default_rng(seed)
        while not finished.is_set():
            wanted = int(numbers.integers(200))
            hits = index.search(steady[wanted], limit=3, within=np.arange(200))
            everywhere = index.search(steady[wanted], limit=3)
            if hits[0].id != wanted or len(hits) != 3 or everywhere[0].id != wanted:
                mistakes.append((wanted, hits, everywhere))

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(3)]
    threads.append(threading.Thread(target=write))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mistakes == []
    assert len(index) == 500
