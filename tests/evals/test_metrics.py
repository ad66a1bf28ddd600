"""Scores and aggregates against values computed by hand."""

import pytest

from recollect.evals.metrics import (
    Mean,
    gold_ranks,
    mean,
    ndcg_at_k,
    percentile,
    recall_at_k,
    recall_of,
    reciprocal_rank,
)
from recollect.memory.errors import InvalidInput

RANKED = ("d", "a", "x", "b", "c")


@pytest.mark.parametrize(("k", "recall"), [(1, 0.0), (2, 1 / 3), (3, 1 / 3), (4, 2 / 3), (5, 1.0), (50, 1.0)])
def test_recall_at_k_is_the_fraction_of_gold_among_the_first_k(k: int, recall: float) -> None:
    assert recall_at_k(("a", "b", "c"), RANKED, k) == pytest.approx(recall)


def test_a_repeated_id_takes_up_ranks_and_counts_once() -> None:
    assert recall_at_k(("a", "b"), ("a", "a", "b"), 2) == 0.5
    assert recall_at_k(("a", "b"), ("a", "a", "b"), 3) == 1.0


def test_gold_named_twice_counts_once() -> None:
    assert recall_of(("a", "a", "b"), ("a",)) == 0.5


def test_recall_in_a_set_ignores_order_and_strangers() -> None:
    assert recall_of(("a", "b", "c", "e"), RANKED) == 0.75
    assert recall_of(("a",), ()) == 0.0


def test_recall_without_gold_is_refused() -> None:
    with pytest.raises(InvalidInput, match="without gold"):
        recall_of((), RANKED)


def test_recall_at_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 1"):
        recall_at_k(("a",), RANKED, 0)


def test_the_reciprocal_rank_is_that_of_the_first_gold() -> None:
    assert reciprocal_rank(("a", "b", "c"), RANKED) == 0.5
    assert reciprocal_rank(("b", "c"), RANKED) == 0.25
    assert reciprocal_rank(("e",), RANKED) == 0.0


def test_gold_ranks_are_those_of_the_first_time_each_stands_there() -> None:
    assert gold_ranks(("a", "b", "e"), ("x", "a", "a", "b")) == [2, 4]


def test_ndcg_discounts_by_the_logarithm_of_the_rank() -> None:
    # a at 2, b at 4, c at 5: 1/log2(3) + 1/log2(5) + 1/log2(6) = 0.63093 + 0.43068 + 0.38685 = 1.44846;
    # three gold first: 1 + 0.63093 + 0.5 = 2.13093
    assert ndcg_at_k(("a", "b", "c"), RANKED, 10) == pytest.approx(1.44846 / 2.13093, abs=1e-5)
    # within 2 ranks only a counts, and two gold at best: 0.63093 / 1.63093
    assert ndcg_at_k(("a", "b", "c"), RANKED, 2) == pytest.approx(0.63093 / 1.63093, abs=1e-5)
    assert ndcg_at_k(("d", "a"), RANKED, 10) == 1.0
    assert ndcg_at_k(("e",), RANKED, 10) == 0.0


def test_ndcg_counts_a_repeated_id_once() -> None:
    assert ndcg_at_k(("a", "b"), ("a", "a", "b"), 3) == pytest.approx((1 + 0.5) / 1.63093, abs=1e-5)


def test_ranks_without_gold_or_depth_are_refused() -> None:
    with pytest.raises(InvalidInput, match="reciprocal rank without gold"):
        reciprocal_rank((), RANKED)
    with pytest.raises(InvalidInput, match="nDCG without gold"):
        ndcg_at_k((), RANKED, 10)
    with pytest.raises(InvalidInput, match="at least 1"):
        ndcg_at_k(("a",), RANKED, 0)


def test_a_mean_knows_how_many_values_it_is_of() -> None:
    assert mean([1.0, 0.0, 0.5, 1.0]) == Mean(value=0.625, n=4)
    assert mean(value for value in (0.1,) * 10).value == 0.1


def test_the_mean_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="mean of no values"):
        mean([])


@pytest.mark.parametrize(("percent", "value"), [(0, 10.0), (25, 17.5), (50, 25.0), (95, 38.5), (100, 40.0)])
def test_percentiles_interpolate_between_the_two_nearest_values(percent: float, value: float) -> None:
    assert percentile([40.0, 10.0, 30.0, 20.0], percent) == pytest.approx(value)


def test_every_percentile_of_one_value_is_that_value() -> None:
    assert [percentile([7.0], percent) for percent in (0, 50, 95, 100)] == [7.0] * 4


def test_percentiles_agree_with_numpy() -> None:
    numpy = pytest.importorskip("numpy")
    values = [((index * 7919) % 101) / 3 for index in range(57)]
    for percent in (1, 5, 50, 90, 95, 99.5):
        assert percentile(values, percent) == pytest.approx(float(numpy.percentile(values, percent)))


@pytest.mark.parametrize("percent", [-1, 101, float("nan")])
def test_a_percentile_out_of_range_is_refused(percent: float) -> None:
    with pytest.raises(InvalidInput, match="from 0 to 100"):
        percentile([1.0], percent)


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no values"):
        percentile([], 50)
