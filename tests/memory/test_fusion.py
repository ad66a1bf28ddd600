"""Two orders become one by hand-computed numbers, and nothing else about the scores matters."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.memory.fusion import rrf_fused, z_fused, z_scores

# Grades with room between them: float rounding then never decides an order.
grades = st.dictionaries(st.integers(1, 12), st.integers(-50, 50).map(float), max_size=10)


def order(fused: dict[int, float]) -> list[int]:
    return sorted(fused, key=lambda key: (-round(fused[key], 9), key))


def test_z_scores_are_distances_from_the_mean_in_standard_deviations() -> None:
    root = math.sqrt(1.5)
    assert z_scores({1: 1.0, 2: 2.0, 3: 3.0}) == pytest.approx({1: -root, 2: 0.0, 3: root})
    assert z_scores({1: 0.0, 2: 10.0}) == pytest.approx({1: -1.0, 2: 1.0})


def test_equal_scores_say_nothing() -> None:
    assert z_scores({1: 0.3, 2: 0.3, 3: 0.3}) == {1: 0.0, 2: 0.0, 3: 0.0}
    assert z_scores({1: 0.1 + 0.2, 2: 0.3}) == {1: 0.0, 2: 0.0}  # differ in the last bit
    assert z_scores({7: 5.0}) == {7: 0.0}
    assert z_scores({}) == {}


def test_a_spread_too_small_to_mean_anything_is_not_blown_up() -> None:
    assert z_scores({1: 0.0, 2: 0.02}, least_spread=0.1) == pytest.approx({1: -0.1, 2: 0.1})
    fused = z_fused({1: 1e-6, 2: 2e-6}, {1: 0.9, 2: 0.1})
    assert fused[1] > fused[2]  # the seventh decimal of BM25 outweighs no similarity


def test_z_fused_adds_the_weighted_z_scores() -> None:
    fused = z_fused({1: 0.0, 2: 10.0}, {1: 0.9, 2: 0.1}, dense_weight=0.5)
    assert fused == pytest.approx({1: -1.0 + 0.5, 2: 1.0 - 0.5})


def test_a_missing_score_is_the_lowest_of_its_kind() -> None:
    root = math.sqrt(1.5)
    fused = z_fused({1: 1.0, 2: 2.0, 3: 3.0}, {3: 0.0, 4: 1.0}, dense_weight=2.0)
    assert fused == pytest.approx({1: -root - 2.0, 2: -2.0, 3: root - 2.0, 4: -root + 2.0})


def test_one_search_alone_decides_when_the_other_found_nothing() -> None:
    assert order(z_fused({1: 1.0, 2: 5.0}, {})) == [2, 1]
    assert order(z_fused({}, {1: 1.0, 2: 5.0})) == [2, 1]
    assert z_fused({}, {}) == {}


def test_a_weight_of_zero_leaves_the_words_alone() -> None:
    assert z_fused({1: 1.0, 2: 5.0}, {1: 9.0, 2: 1.0}, dense_weight=0.0) == pytest.approx({1: -1.0, 2: 1.0})


@given(
    lexical=grades,
    dense=grades,
    factor=st.integers(4, 40).map(lambda n: n / 4),
    shift=st.integers(-99, 99),
)
def test_the_scale_and_origin_of_one_side_change_no_z_order(
    lexical: dict[int, float], dense: dict[int, float], factor: float, shift: int
) -> None:
    moved = {key: factor * score + shift for key, score in dense.items()}
    assert order(z_fused(lexical, moved)) == order(z_fused(lexical, dense))
    moved = {key: factor * score + shift for key, score in lexical.items()}
    assert order(z_fused(moved, dense)) == order(z_fused(lexical, dense))


@given(lexical=grades, dense=grades)
def test_every_memory_of_either_side_gets_a_finite_score(lexical: dict[int, float], dense: dict[int, float]) -> None:
    for fused in (z_fused(lexical, dense), rrf_fused(lexical, dense)):
        assert fused.keys() == lexical.keys() | dense.keys()
        assert all(math.isfinite(score) for score in fused.values())


def test_a_memory_best_in_both_is_best() -> None:
    assert order(z_fused({1: 9.0, 2: 1.0, 3: 2.0}, {1: 0.9, 3: 0.8, 4: 0.1}))[0] == 1


# -- reciprocal ranks ----------------------------------------------------------------------------

A, B, C, D = 1, 2, 3, 4
FIRST = {A: 3.0, B: 2.0, C: 1.0}
SECOND = {C: 0.9, A: 0.8, D: 0.7}


def test_oracle_c5_reciprocal_rank_fusion_with_k_60() -> None:
    expected = {A: 0.03252247, C: 0.03226646, B: 0.01612903, D: 0.01587302}
    assert rrf_fused(FIRST, SECOND) == pytest.approx(expected, abs=1e-8)
    assert order(rrf_fused(FIRST, SECOND)) == [A, C, B, D]


def test_oracle_c5_inverse_ranks_are_k_0() -> None:
    assert rrf_fused(FIRST, SECOND, k=0) == pytest.approx({A: 1.5, C: 1.3333333, B: 0.5, D: 0.3333333})


def test_oracle_c5_weights_break_ties() -> None:
    # weight 1.0 for CAD, .999 for ABC: the first argument always has weight 1
    fused = rrf_fused(SECOND, FIRST, dense_weight=0.999, k=0)
    assert fused == pytest.approx({A: 1.499, C: 1.333, B: 0.4995, D: 0.3333333})


def test_equal_scores_are_ranked_by_id() -> None:
    assert rrf_fused({5: 1.0, 2: 1.0}, {}, k=0) == {2: 1.0, 5: 0.5}


@given(lexical=grades, dense=grades)
def test_ranks_know_nothing_of_distances(lexical: dict[int, float], dense: dict[int, float]) -> None:
    stretched = {key: score**3 for key, score in lexical.items()}
    assert rrf_fused(stretched, dense) == rrf_fused(lexical, dense)
