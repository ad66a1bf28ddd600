"""The scores of METHODS section 8 (Q1 to Q4, Q7, Q10, Q12), number by number."""

import pytest
import torch
from torch import Tensor

from recollect.rerank.scoring import (
    best_token,
    calibrated,
    detection_scores,
    gated_heads,
    head_scores,
    kept,
    per_document,
    qr_scores,
    ranking_scores,
)

REAL = torch.tensor(
    [
        [[0.4, 0.1, 0.1, 0.2, 0.2, 0, 0], [0.2, 0.05, 0.15, 0.3, 0.2, 0.1, 0]],
        [[0.5, 0.2, 0.1, 0.1, 0.1, 0, 0], [0.3, 0.25, 0.15, 0.1, 0.1, 0.05, 0.05]],
    ],
    dtype=torch.float64,
)  # (heads, rows, keys)
NULL = torch.tensor([[[0.6, 0.1, 0.1, 0.1, 0.1, 0, 0]], [[0.4, 0.2, 0.2, 0.05, 0.15, 0, 0]]], dtype=torch.float64)
SPANS = [(1, 3), (3, 5)]


def numbers(*rows: object) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def same(found: Tensor, wanted: Tensor, within: float = 1e-6) -> None:
    torch.testing.assert_close(found, wanted, atol=within, rtol=0)


def test_a_qr_score_is_the_mean_over_rows_of_the_sum_over_tokens() -> None:
    scores = qr_scores(REAL, SPANS)
    same(scores, numbers([0.2, 0.45], [0.35, 0.2]))
    same(scores.sum(0), numbers(0.55, 0.65))
    same(scores.mean(0), numbers(0.275, 0.325))
    same(ranking_scores(REAL.mean(1), SPANS), numbers(0.55, 0.65))


def test_the_best_token_may_count_instead_of_the_sum() -> None:
    same(best_token(REAL.mean(1), SPANS)[0], numbers(0.125, 0.25))


def test_the_null_question_is_subtracted() -> None:
    same(qr_scores(NULL, SPANS), numbers([0.2, 0.2], [0.4, 0.2]))
    tokens = calibrated(REAL.mean(1), NULL.mean(1))
    same(per_document(tokens, SPANS), numbers([0.0, 0.25], [-0.05, 0.0]))
    same(ranking_scores(tokens, SPANS), numbers(-0.05, 0.25))


def test_a_shorter_null_prompt_calibrates_the_keys_both_have() -> None:
    assert calibrated(torch.ones(2, 9), torch.ones(2, 7)).shape == (2, 7)
    assert calibrated(torch.ones(2, 7), torch.ones(2, 9)).shape == (2, 7)


def test_the_head_that_looks_at_the_gold_document_comes_first() -> None:
    same(head_scores(qr_scores(REAL, SPANS), [1]), numbers(0.45, 0.2))


def test_an_abnormally_low_token_is_dropped_and_a_high_one_stays() -> None:
    low = numbers(0.1, 0.1, 0.1, 0.1, 0.1, -0.9)
    assert float(low.mean() - 2 * low.std()) == pytest.approx(-0.8831632, abs=1e-6)
    same(ranking_scores(low[None], [(0, 6)], drop_outliers=True), numbers(0.5))
    same(ranking_scores(low[None], [(0, 6)]), numbers(-0.4))
    high = numbers(-0.1, -0.1, -0.1, -0.1, -0.1, 0.9)
    same(ranking_scores(high[None], [(0, 6)], drop_outliers=True), numbers(0.4))


def test_the_deviation_of_the_outlier_rule_is_the_unbiased_one() -> None:
    five = numbers(0.1, 0.1, 0.1, 0.1, -0.9)  # unbiased: -0.9 > mean - 2 std = -0.994; biased: -0.9 <= -0.9
    same(ranking_scores(five[None], [(0, 5)], drop_outliers=True), numbers(-0.5))


def test_ranking_adds_heads_and_then_drops_outliers_and_detection_the_other_way_round() -> None:
    even = [0.1] * 5
    tokens = numbers([*even, -0.9], [*even, 0.9])
    same(ranking_scores(tokens, [(0, 6)], drop_outliers=True), numbers(1.0))  # in the sum, nothing stands out
    same(detection_scores(tokens, [(0, 6)]), numbers([0.5], [1.4]))


def test_one_token_and_equal_tokens_are_no_outliers() -> None:
    same(kept(numbers(0.3, 0.2, 0.2, 0.2), [(0, 1), (1, 4)]), numbers(0.3, 0.2, 0.2, 0.2))


def test_outliers_belong_to_their_own_document() -> None:
    tokens = numbers(*[0.1] * 5, -0.9, *[-0.9] * 5, 0.1)
    same(per_document(kept(tokens, [(0, 6), (6, 12)]), [(0, 6), (6, 12)]), numbers(0.5, -4.4))


def test_the_halves_of_a_document_add_up_to_the_whole() -> None:
    torch.manual_seed(1)
    tokens = torch.rand(3, 40, dtype=torch.float64)
    whole = per_document(tokens, [(4, 31)])[:, 0]
    same(per_document(tokens, [(4, 17), (17, 31)]).sum(1), whole, within=1e-12)


def test_sums_favour_long_documents_and_means_do_not() -> None:
    even = torch.full((2, 50), 0.02, dtype=torch.float64)
    spans = [(0, 40), (40, 50)]
    total = ranking_scores(even, spans)
    assert float(total[0] / total[1]) == pytest.approx(4.0)
    mean = ranking_scores(even, spans, how="mean")
    assert float(mean[0] / mean[1]) == pytest.approx(1.0)


def test_everything_that_is_given_adds_up_to_one() -> None:
    scores = qr_scores(REAL, [(0, 1), *SPANS, (5, 7)])
    same(scores.sum(1), numbers(1.0, 1.0))


def test_a_gate_opens_for_the_heads_with_the_largest_mean_softmax() -> None:
    logits = numbers([1.0, 0.0, 2.0, 0.0], [0.0, 0.0, 3.0, 1.0])
    same(logits.softmax(1).mean(0), numbers(0.1324158, 0.0614555, 0.7100358, 0.0960929))
    heads, weights = gated_heads(logits, 2)
    assert heads.tolist() == [2, 0]
    same(weights, numbers(0.8428209, 0.1571791))
