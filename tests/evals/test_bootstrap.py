"""Intervals of differences against samples whose resamples can be listed by hand."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from recollect.evals.bootstrap import Resamples, paired_difference, survive_holm
from recollect.memory.errors import InvalidInput


def test_the_difference_is_the_mean_over_questions_not_over_conversations() -> None:
    scores, baseline = [1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]
    assert paired_difference(scores, baseline, ["a", "a", "a", "b"]).value == 0.5


def test_two_conversations_give_the_four_resamples_that_can_be_listed() -> None:
    # a: differences 1, 1, 1; b: -1. Drawn aa: 1, ab and ba: 0.5, bb: -1, a quarter of the resamples each.
    interval = paired_difference([1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"])
    assert (interval.value, interval.low, interval.high, interval.clusters) == (0.5, -1.0, 1.0, 2)
    assert interval.p == pytest.approx(0.5, abs=0.05)  # bb, twice for both sides


def test_three_conversations_give_the_distribution_of_all_27_resamples() -> None:
    scores = {"a": [1.0], "b": [0.0, 0.5], "c": [-1.0, 0.25, 0.0]}
    exact = Counter(
        round(sum(sum(scores[name]) for name in drawn) / sum(len(scores[name]) for name in drawn), 9)
        for drawn in product(scores, repeat=3)
    )
    assert sum(exact.values()) == 27
    column = np.array([[score] for several in scores.values() for score in several])
    clusters = [name for name, several in scores.items() for _ in several]
    resamples = Resamples(resamples=20_000)
    means: list[float] = resamples.means(column, clusters)[0].round(9).tolist()
    found = Counter(means)
    assert set(found) == set(exact)
    for mean, times in exact.items():
        assert found[mean] / 20_000 == pytest.approx(times / 27, abs=0.01)
    interval = resamples.intervals(column, clusters)[0]
    assert interval.value == 0.125  # over the six questions
    # aaa and ccc have 1/27 each, more than the 2.5 % that are cut off
    assert (interval.low, interval.high) == (-0.25, 1.0)
    below = sum(times for mean, times in exact.items() if mean <= 0) / 27
    assert interval.p == pytest.approx(2 * below, abs=0.02)


def test_columns_are_resampled_together_and_each_for_itself() -> None:
    scores = np.array([[1.0, 0.2, 7.0], [0.0, 0.4, 7.0], [0.5, 0.9, 7.0]])
    clusters = ["a", "b", "c"]
    means = Resamples(resamples=50).means(scores, clusters)
    assert means.shape == (3, 50)
    assert set(means[2].tolist()) == {7.0}
    together = Resamples().intervals(scores, clusters)
    assert together == [Resamples().intervals(scores[:, [metric]], clusters)[0] for metric in range(3)]


def test_bounds_are_those_of_the_exact_distribution_of_many_clusters() -> None:
    # 100 conversations of one question, half of them +1, half 0: resampled means are binomial(100, 1/2) / 100,
    # whose 2.5 and 97.5 per cent quantiles are 0.40 and 0.60.
    scores = [float(number % 2) for number in range(100)]
    interval = paired_difference(scores, [0.0] * 100, [str(number) for number in range(100)])
    assert interval.value == 0.5
    assert interval.low == pytest.approx(0.40, abs=0.015)
    assert interval.high == pytest.approx(0.60, abs=0.015)


def test_questions_of_one_conversation_are_drawn_together() -> None:
    scores = [1.0] * 50 + [0.0] * 50
    apart = paired_difference(scores, [0.0] * 100, [str(number) for number in range(100)])
    together = paired_difference(scores, [0.0] * 100, ["a"] * 50 + ["b"] * 50)
    assert (together.low, together.high) == (0.0, 1.0)
    assert apart.high - apart.low < 0.25


def test_of_one_conversation_the_questions_are_drawn_and_that_is_told() -> None:
    scores = [float(number % 2) for number in range(100)]
    alone = paired_difference(scores, [0.0] * 100, ["a"] * 100)
    assert alone.clusters == 1
    assert (alone.low, alone.high) == (pytest.approx(0.40, abs=0.015), pytest.approx(0.60, abs=0.015))


def test_one_question_has_no_spread() -> None:
    interval = paired_difference([1.0], [0.25], ["a"])
    assert (interval.value, interval.low, interval.high) == (0.75, 0.75, 0.75)


def test_what_adds_up_to_nothing_is_no_difference() -> None:
    # 0.1 + 0.2 - 0.3 is 5.6e-17 in floating point
    interval = paired_difference([0.1, 0.2, 0.0], [0.0, 0.0, 0.3], ["a", "a", "a"], resamples=10)
    assert interval.value == 0.0
    same = paired_difference([0.1, 0.2, 0.0] * 4, [0.0, 0.0, 0.3] * 4, [name for name in "abcd" for _ in range(3)])
    assert (same.low, same.high, same.p) == (0.0, 0.0, 1.0)


def test_draws_too_many_to_keep_are_made_in_blocks_and_come_out_the_same_twice() -> None:
    scores = np.linspace(0.0, 1.0, 5_000)[:, None]
    clusters = [str(number) for number in range(5_000)]
    resamples = Resamples()
    first, second = (resamples.intervals(scores, clusters)[0] for _ in range(2))
    assert first == second
    # the mean of n uniform values has a standard error of 0.289 / sqrt(n), of which 1.96 are either side
    assert first.low == pytest.approx(0.5 - 0.0080, abs=0.001)
    assert first.high == pytest.approx(0.5 + 0.0080, abs=0.001)


def test_holm_holds_the_smallest_p_against_the_level_over_all_and_stops_at_the_first_failure() -> None:
    assert survive_holm([0.04, 0.01, 0.03]) == [False, True, False]  # 0.01 < 0.05 / 3, 0.03 > 0.05 / 2
    assert survive_holm([0.02, 0.01, 0.04]) == [True, True, True]
    assert survive_holm([0.03, 0.02, 0.001, 0.9]) == [False, False, True, False]
    assert survive_holm([]) == []


def test_the_pairing_counts_and_not_the_spread_of_the_scores() -> None:
    baseline = [0.1, 0.9, 0.3, 0.7]
    interval = paired_difference([value + 0.05 for value in baseline], baseline, ["a", "b", "c", "d"])
    assert (interval.low, interval.high) == (pytest.approx(0.05), pytest.approx(0.05))


def test_the_same_seed_gives_the_same_interval() -> None:
    scores, clusters = [0.0, 1.0, 0.5, 1.0, 0.25], ["a", "b", "c", "d", "e"]
    first = paired_difference(scores, [0.0] * 5, clusters, resamples=50, seed=3)
    assert first == paired_difference(scores, [0.0] * 5, clusters, resamples=50, seed=3)
    assert first != paired_difference(scores, [0.0] * 5, clusters, resamples=50, seed=4)


def test_scores_that_do_not_pair_up_are_refused() -> None:
    with pytest.raises(InvalidInput, match="2 scores, 1 of the baseline"):
        paired_difference([1.0, 0.0], [1.0], ["a", "a"])
    with pytest.raises(InvalidInput, match="mean of no values"):
        paired_difference([], [], [])
