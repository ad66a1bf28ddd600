"""QRRanker's normalisation and loss: the values and gradients of METHODS section 8, Q5 and Q6."""

import math

import pytest
import torch
from torch import Tensor

from recollect.training.losses import group_contrastive, min_max

SCORES = (0.30, 0.10, 0.20, 0.05)

LOSSES = [({0, 2}, 0.0249123), ({0}, 0.0418703), ({3}, 8.0418703), ({1}, 6.4418703)]

GRADIENTS = [
    ({0, 2}, False, (0.31870, 0.64827, -0.74726, -0.21971)),
    ({0, 2}, True, (-0.03189, 0.64827, -0.74726, 0.13088)),
    ({0}, False, (-0.76074, 0.05099, 1.2509, -0.54115)),
    ({0}, True, (-1.31219, 0.05099, 1.2509, 0.01029)),
    ({3}, False, (-0.76074, 0.05099, 1.2509, -0.54115)),
    ({3}, True, (30.68781, 0.05099, 1.2509, -31.98971)),
    ({1}, False, (5.63926, -31.94901, 1.2509, 25.05885)),
    ({1}, True, (30.68781, -31.94901, 1.2509, 0.01029)),
]


def scores(*values: float) -> Tensor:
    return torch.tensor(values or SCORES, dtype=torch.float64, requires_grad=True)


def evidence(places: set[int], count: int = 4) -> Tensor:
    return torch.tensor([place in places for place in range(count)])


def test_scores_are_spread_from_nought_to_eight() -> None:
    assert min_max(scores()).tolist() == pytest.approx([8.0, 1.6, 4.8, 0.0], abs=1e-6)


@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize(("positives", "loss"), LOSSES)
def test_the_loss_compares_each_positive_with_the_negatives_alone(
    positives: set[int], loss: float, detach: bool
) -> None:
    found = group_contrastive(min_max(scores(), detach=detach), evidence(positives))
    assert found.item() == pytest.approx(loss, abs=1e-6)


def test_the_loss_does_not_change_with_the_scale_and_the_zero_of_the_scores() -> None:
    moved = scores(*(3.0 * score - 7.0 for score in SCORES))
    found = group_contrastive(min_max(moved), evidence({0, 2}))
    assert found.item() == pytest.approx(0.0249123, abs=1e-6)


def test_the_loss_has_a_floor() -> None:
    found = group_contrastive(min_max(scores(1.0, *[0.0] * 49)), evidence({0}, 50))
    assert found.item() == pytest.approx(0.0163040, abs=1e-6)
    assert found.item() == pytest.approx(math.log1p(49 * math.exp(-8)), abs=1e-9)


@pytest.mark.parametrize(("positives", "detach", "wanted"), GRADIENTS)
def test_gradients_flow_through_the_extremes_only_when_asked_to(
    positives: set[int], detach: bool, wanted: tuple[float, ...]
) -> None:
    given = scores()
    group_contrastive(min_max(given, detach=detach), evidence(positives)).backward()  # type: ignore[no-untyped-call]
    assert given.grad is not None
    assert given.grad.tolist() == pytest.approx(wanted, abs=2e-5)


def test_equal_scores_are_all_nought() -> None:
    assert min_max(scores(0.2, 0.2, 0.2)).tolist() == [0.0, 0.0, 0.0]
