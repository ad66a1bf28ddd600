"""What Re2G trains with: the oracles C1 to C6 of METHODS section 8."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# mypy: disable-error-code=no-untyped-call
# torch and transformers type tolist, backward, manual_seed and their loaders loosely

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from recollect.agent.marginal.losses import re2g_loss
from recollect.agent.marginal.prior import log_prior, relevance, relevance_of_logit, relevance_of_scores
from recollect.agent.marginal.re2g import distillation_loss, merged_by_rank, provenance_loss, surrogate_loss

STUDENT = torch.tensor([2.0, 1.0, 0.0], dtype=torch.float64)
TEACHER = torch.tensor([1.0, 3.0, 0.0], dtype=torch.float64)


def test_distillation_is_the_divergence_of_the_authors_code_and_not_the_printed_one() -> None:
    assert distillation_loss(STUDENT, TEACHER, temperature=1.0).item() == pytest.approx(0.8111542, abs=1e-6)
    assert distillation_loss(STUDENT, TEACHER).item() == pytest.approx(0.8263248, abs=1e-6)
    printed = distillation_loss(TEACHER, STUDENT, temperature=1.0).item()
    assert printed == pytest.approx(0.9380241, abs=1e-6)
    assert distillation_loss(TEACHER, STUDENT).item() == pytest.approx(0.8159754, abs=1e-6)
    hot, hotter = (distillation_loss(STUDENT, TEACHER, temperature=t).item() for t in (5e2, 1e3))
    assert 2 * hotter - hot == pytest.approx(0.7777778, abs=1e-6)  # what is left of 1 / T cancels


def test_distillation_teaches_the_student_alone_and_knows_scores_up_to_a_constant() -> None:
    student, teacher = STUDENT.clone().requires_grad_(), TEACHER.clone().requires_grad_()
    distillation_loss(student, teacher, temperature=1.0).backward()
    assert student.grad is not None
    assert student.grad.tolist() == pytest.approx([0.5510458, -0.5990663, 0.0480205], abs=1e-6)
    assert teacher.grad is None
    for temperature in (1.0, 10.0):
        leaf = STUDENT.clone().requires_grad_()
        distillation_loss(leaf, TEACHER, temperature=temperature).backward()
        expected = temperature * ((STUDENT / temperature).softmax(0) - (TEACHER / temperature).softmax(0))
        assert leaf.grad is not None
        assert leaf.grad.tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    assert distillation_loss(STUDENT, STUDENT).item() == pytest.approx(0.0, abs=1e-9)
    shifted = distillation_loss(STUDENT + 5.0, TEACHER - 3.0)
    assert shifted.item() == pytest.approx(distillation_loss(STUDENT, TEACHER).item(), abs=1e-9)
    with pytest.raises(ValueError, match="different lists"):
        distillation_loss(STUDENT, TEACHER[:2])


def test_the_provenance_loss_is_a_sum_over_evidence() -> None:
    scores = torch.tensor([2.0, 1.0, 0.0, -1.0], dtype=torch.float64)
    is_evidence = torch.tensor([True, False, True, False])
    assert provenance_loss(scores, is_evidence).item() == pytest.approx(2.8803794, abs=1e-6)


def test_the_marginal_is_that_of_the_code_and_not_the_printed_sum() -> None:
    prior = torch.tensor([[0.6, 0.4]], dtype=torch.float64)
    p = torch.tensor([[[0.5, 0.2, 0.9], [0.1, 0.8, 0.3]]], dtype=torch.float64)
    logits = torch.stack([torch.full_like(p, 1e-30), p, 1.0 - p], -1).log()
    loss = re2g_loss(logits, prior.log(), torch.ones(1, 3, dtype=torch.int64), pad=0).item()
    assert loss == pytest.approx(2.3153057, abs=1e-6)
    printed = -(p * prior[..., None]).log().sum().item()
    assert printed == pytest.approx(10.4189961, abs=1e-6)


def test_a_rerankers_relevance_is_the_log_probability_of_its_second_label() -> None:
    logits = torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.0, -1.0]], dtype=torch.float64)
    scores = relevance(logits)
    assert scores.tolist() == pytest.approx([-0.3132617, -0.6931472, -1.3132617], abs=1e-6)
    weights = log_prior(scores).exp()
    assert weights.tolist() == pytest.approx([0.4873724, 0.3333333, 0.1792943], abs=1e-6)
    assert relevance_of_logit(logits[:, 1]).tolist() == pytest.approx(scores.tolist(), abs=1e-9)
    for told in (scores, logits[:, 1]):  # what a cross-encoder says with two labels, and with one
        assert relevance_of_scores(told).tolist() == pytest.approx(scores.tolist(), abs=1e-9)
    with pytest.raises(ValueError, match="two labels"):
        relevance(logits[:, :1])


def test_lists_are_merged_by_inverse_rank_and_by_content() -> None:
    merged = merged_by_rank(["ABC", "CAD"])
    assert list(merged) == ["A", "C", "B", "D"]
    assert list(merged.values()) == pytest.approx([1.5, 4 / 3, 0.5, 1 / 3], abs=1e-6)
    weighted = merged_by_rank(["ABC", "CAD"], weights=[0.999, 1.0])
    expected: list[Any] = [
        ("A", pytest.approx(1.499)),
        ("C", pytest.approx(1.333)),
        ("B", pytest.approx(0.4995)),
        ("D", pytest.approx(1 / 3)),
    ]
    assert list(weighted.items()) == expected
    texts = merged_by_rank([["same words", "same words", "others"]])
    assert texts == {"same words": 1.0, "others": 0.5}
    with pytest.raises(ValueError, match="1 weights"):
        merged_by_rank(["AB", "CD"], weights=[1.0])


def generator_loss(scores: Tensor) -> Tensor:
    logits = torch.randn(1, 3, 4, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return re2g_loss(logits, scores[None], torch.tensor([[1, 4, 2, 5]]), pad=0).sum()


def test_only_distillation_teaches_the_query_encoder_and_the_surrogate_is_the_chain_rule() -> None:
    torch.manual_seed(0)
    reranker, encoder = nn.Linear(4, 2).double(), nn.Linear(4, 4).double()
    pairs, passages, question = torch.randn(3, 4).double(), torch.randn(3, 4).double(), torch.randn(4).double()

    direct = torch.autograd.grad(generator_loss(relevance(reranker(pairs))), reranker.weight)[0]
    leaf = relevance(reranker(pairs)).detach().requires_grad_()
    generator_loss(leaf).backward()
    assert leaf.grad is not None
    surrogate_loss(relevance(reranker(pairs)), leaf.grad).backward()
    assert reranker.weight.grad is not None
    assert torch.allclose(reranker.weight.grad, direct, atol=1e-12)
    assert direct.abs().max() > 0
    assert encoder.weight.grad is None

    before = reranker.weight.grad.clone()
    distillation_loss(passages @ encoder(question), relevance(reranker(passages))).backward()
    assert encoder.weight.grad is not None
    assert encoder.weight.grad.abs().max() > 0
    assert torch.equal(reranker.weight.grad, before)
