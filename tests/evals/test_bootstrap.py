"""Intervals of differences against samples whose resamples can be listed by hand."""

import pytest

from recollect.evals.bootstrap import Interval, paired_difference
from recollect.memory.errors import InvalidInput


def test_the_difference_is_the_mean_over_questions_not_over_conversations() -> None:
    scores, baseline = [1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]
    assert paired_difference(scores, baseline, ["a", "a", "a", "b"]).value == 0.5


def test_two_conversations_give_the_four_resamples_that_can_be_listed() -> None:
    # a: differences 1, 1, 1; b: -1. Drawn aa: 1, ab and ba: 0.5, bb: -1, a quarter of the resamples each.
    interval = paired_difference([1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"])
    assert interval == Interval(value=0.5, low=-1.0, high=1.0)


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


def test_one_conversation_says_nothing_about_the_spread() -> None:
    assert paired_difference([1.0, 0.5], [0.0, 0.0], ["a", "a"]) == Interval(value=0.75, low=0.75, high=0.75)


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
