"""The features of the block ranker's linear reading, by hand."""

import math

import pytest
import torch

from recollect.memory.types import Candidate
from recollect.rerank.block_attention import Heads
from recollect.rerank.block_reading import FIRST_STAGE, features, first_stage, z_scores
from tests.rerank.candidates import candidate, event

CANDIDATES = [candidate(number, "Yes.", fused=-float(number)) for number in range(4)]


def test_features_are_logs_shares_what_stands_beside_and_lengths() -> None:
    heads = Heads(mass=torch.tensor([[0.1, 0.2, 0.3, 0.4]]), tokens=torch.tensor([10, 10, 0, 10]))
    read = features(heads, first_stage("What did Bob say?", CANDIDATES))
    assert read.shape == (4, 2 * 1 + 4 + 1)
    assert read[:, 0].mean().item() == pytest.approx(0.0, abs=1e-6)
    assert (read[3, 0] - read[0, 0]).item() == pytest.approx(0.5 * math.log(4), abs=1e-4)
    assert read[:, 1].tolist() == pytest.approx([0.25, 0.5, 0.75, 1.0], abs=1e-5)
    assert read[:, 2].tolist() == pytest.approx([1.3416408, 0.4472136, -0.4472136, -1.3416408])  # fused 0, -1, -2, -3
    assert read[:, 3:6].abs().max().item() == 0.0  # scores all the same; Bob said none of it
    assert read[:, 6].tolist() == pytest.approx([math.log(10), math.log(10), 0.0, math.log(10)])


def test_candidates_that_draw_nothing_have_finite_features() -> None:
    heads = Heads(mass=torch.zeros(72, 2), tokens=torch.tensor([0, 0]))
    assert bool(torch.isfinite(features(heads, first_stage("", CANDIDATES[:2]))).all())


def test_means_and_extremes_are_constants_to_the_gradient() -> None:
    mass = torch.tensor([[0.1, 0.2, 0.4]], requires_grad=True)
    read = features(Heads(mass=mass, tokens=torch.tensor([1, 1, 1])), torch.zeros(3, 4))
    (of_logs,) = torch.autograd.grad(read[0, 0], [mass], retain_graph=True)
    (of_shares,) = torch.autograd.grad(read[0, 1], [mass])
    assert of_logs.tolist()[0] == pytest.approx([0.5 / 0.1, 0.0, 0.0], rel=1e-4)
    assert of_shares.tolist()[0] == pytest.approx([1 / 0.4, 0.0, 0.0], rel=1e-4)


def test_the_first_stage_is_its_scores_and_who_is_named() -> None:
    said = [candidate(1, "Yes.", speaker="Ann", fused=2.0), candidate(2, "No.", speaker="Bo", fused=1.0)]
    told = Candidate(memory=event(3, "Ann said yes.", (1,)), lexical=3.0, dense=0.5, fused=0.0)
    read = first_stage("What did Ann say?", [*said, told])
    assert read.shape == (3, len(FIRST_STAGE))
    assert read.dtype == torch.float32
    assert read[:, 0].tolist() == pytest.approx([1.2247449, 0.0, -1.2247449])
    assert read[:, 1].tolist() == pytest.approx([-0.7071068, -0.7071068, 1.4142136])
    assert read[:, 2].tolist() == pytest.approx([-0.7071068, -0.7071068, 1.4142136])  # no vector: 0.0
    assert read[:, 3].tolist() == [1.0, -1.0, -1.0]


@pytest.mark.parametrize("value", [0.0, 0.1, 7.7, 20.3, -1234.5])
@pytest.mark.parametrize("count", [1, 3, 10, 100])
def test_z_scores_of_equal_values_are_nought(value: float, count: int) -> None:
    found = z_scores(torch.full((count,), value))  # the fp32 mean of ten 20.3 is not 20.3
    assert found.dtype == torch.float32
    assert found.tolist() == pytest.approx([0.0] * count, abs=1e-6)


def test_whole_numbers_are_scores_too() -> None:
    said = [candidate(1, "Yes.", fused=1), candidate(2, "No.", fused=0)]
    assert first_stage("?", said)[:, 0].tolist() == [1.0, -1.0]
