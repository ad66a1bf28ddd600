"""Learning the reading of the heads: the fit on lists whose answer is known."""

import torch

from recollect.training.head_reading import RankedList, fit, recalls


def lists(count: int) -> list[RankedList]:
    """Lists whose evidence has the largest second feature; the first one is noise."""
    generator = torch.Generator().manual_seed(3)
    made: list[RankedList] = []
    for _ in range(count):
        drawn = torch.randn(20, 2, generator=generator)
        best = int(drawn[:, 1].argmax())
        made.append(RankedList(features=drawn, is_evidence=torch.arange(20) == best, first_stage=drawn[:, 0], gold=1))
    return made


def test_fitting_finds_the_feature_that_tells_evidence() -> None:
    weights = fit(lists(40), ridge=0.001)
    assert weights[1] > 5 * weights[0].abs()
    assert recalls(lists(40), weights)["R@1"] >= 90.0
    assert recalls(lists(40), None)["R@1"] < 30.0


def test_more_ridge_means_smaller_weights() -> None:
    assert fit(lists(20), ridge=1.0).norm() < fit(lists(20), ridge=0.01).norm()


def test_recall_counts_evidence_that_was_not_among_the_candidates() -> None:
    (one,) = lists(1)
    found = RankedList(features=one.features, is_evidence=one.is_evidence, first_stage=-one.features[:, 1], gold=2)
    assert recalls([found], torch.tensor([0.0, 1.0]))["R@1"] == 50.0
