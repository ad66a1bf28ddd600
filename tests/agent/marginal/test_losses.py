"""Losses of RAG and Re2G: the oracles A1 to A4 and A7 of METHODS section 8, gradients by finite differences."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# mypy: disable-error-code=no-untyped-call
# torch and transformers type tolist, backward, manual_seed and their loaders loosely

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import RagSequenceForGeneration, RagTokenForGeneration

from recollect.agent.marginal.losses import re2g_loss, sequence_loss, token_loss
from recollect.agent.marginal.prior import log_prior, sequence_posterior, token_posterior
from tests.tiny_seq2seq import PAD, START, bart, rag

LOSSES: list[Any] = [sequence_loss, token_loss]
PRIOR = torch.tensor([[0.6, 0.4]], dtype=torch.float64)
TOKENS = torch.tensor([[[0.5, 0.2, 0.9], [0.1, 0.8, 0.3]]], dtype=torch.float64)  # (1, documents, tokens)


def toy(tokens: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Logits whose word 1 has the probabilities of METHODS 8 A, word 0 is padding and word 2 the rest."""
    p = TOKENS[..., :tokens]
    logits = torch.stack([torch.full_like(p, 1e-30), p, 1.0 - p], -1).log()
    return logits, PRIOR.log(), torch.ones(1, tokens, dtype=torch.int64)


def random(seed: int = 0, tokens: int = 4, words: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    made = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, tokens, words, generator=made, dtype=torch.float64)
    scores = torch.randn(2, 3, generator=made, dtype=torch.float64)
    return logits, scores, torch.randint(1, words, (2, tokens), generator=made)


def test_losses_of_the_toy_are_those_computed_by_hand() -> None:
    assert sequence_loss(*toy(), pad=0).item() == pytest.approx(2.7551418, abs=1e-6)
    assert token_loss(*toy(), pad=0).item() == pytest.approx(2.3153057, abs=1e-6)
    assert re2g_loss(*toy(), pad=0).item() == pytest.approx(2.3153057, abs=1e-6)


def test_both_marginals_agree_on_one_token_one_document_and_equal_documents() -> None:
    first = toy(1)
    assert sequence_loss(*first, pad=0).exp().item() == pytest.approx(1 / 0.34, abs=1e-6)
    assert token_loss(*first, pad=0).exp().item() == pytest.approx(1 / 0.34, abs=1e-6)
    logits, scores, targets = random()
    same = logits[:, :1].expand(-1, 3, -1, -1)
    for given in ((logits[:, :1], scores[:, :1], targets), (same, scores, targets)):
        assert torch.allclose(sequence_loss(*given, pad=0), token_loss(*given, pad=0), atol=1e-9)


def test_gradients_on_scores_are_prior_less_posterior() -> None:
    logits, scores, targets = toy()
    expected = {sequence_loss: -0.2490566, token_loss: -0.1732620}
    for loss, first in expected.items():
        leaf = scores.clone().requires_grad_()
        loss(logits, leaf, targets, pad=0).sum().backward()
        assert leaf.grad is not None
        assert leaf.grad.tolist()[0] == pytest.approx([first, -first], abs=1e-6)


def test_posteriors_of_the_toy_are_those_computed_by_hand() -> None:
    documents, tokens = PRIOR.log()[0], TOKENS.log()[0]
    whole = sequence_posterior(documents, tokens.sum(-1))
    assert whole.tolist() == pytest.approx([0.8490566, 0.1509434], abs=1e-6)
    mean = token_posterior(documents, tokens)
    assert mean.tolist() == pytest.approx([0.6 + 0.1732620 / 3, 0.4 - 0.1732620 / 3], abs=1e-6)
    with pytest.raises(ValueError, match="at least one token"):
        token_posterior(documents, tokens[:, :0])


@pytest.mark.parametrize("loss", LOSSES)
def test_padding_shifted_scores_and_the_order_of_documents_change_nothing(loss: Callable[..., Tensor]) -> None:
    logits, scores, targets = random()
    for smoothing in (0.0, 0.1):
        plain = loss(logits, scores, targets, pad=0, smoothing=smoothing)
        longer = torch.cat([logits, torch.randn(2, 3, 2, 6, dtype=torch.float64)], 2)
        padded = torch.cat([targets, torch.zeros(2, 2, dtype=torch.int64)], 1)
        order = [2, 0, 1]
        others = (
            loss(longer, scores, padded, pad=0, smoothing=smoothing),
            loss(logits, scores + 7.0, targets, pad=0, smoothing=smoothing),
            loss(logits[:, order], scores[:, order], targets, pad=0, smoothing=smoothing),
        )
        assert all(torch.allclose(plain, other, atol=1e-9) for other in others)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradients_are_those_of_finite_differences(loss: Callable[..., Tensor], smoothing: float) -> None:
    logits, scores, targets = random(tokens=3, words=4)
    targets[1, 2] = 0
    of_both = partial(loss, targets=targets, pad=0, smoothing=smoothing)
    assert torch.autograd.gradcheck(of_both, (logits.requires_grad_(), scores.requires_grad_()), atol=1e-6)


def test_the_gradient_of_the_re2g_loss_is_that_of_finite_differences() -> None:
    logits, scores, targets = random(tokens=3, words=4)
    relevance = torch.nn.functional.logsigmoid(scores).requires_grad_()
    of_both = partial(re2g_loss, targets=targets, pad=0, smoothing=0.1)
    assert torch.autograd.gradcheck(of_both, (logits.requires_grad_(), relevance), atol=1e-6)


def test_only_the_question_encoder_learns_from_scores() -> None:
    logits, _, targets = random()
    question = torch.randn(2, 5, dtype=torch.float64, requires_grad=True)
    passages = torch.randn(2, 3, 5, dtype=torch.float64)  # d(z): constants
    scores = torch.einsum("bd,bkd->bk", question, passages)
    for loss in (sequence_loss, token_loss):
        (gradient,) = torch.autograd.grad(loss(logits, scores, targets, pad=0).sum(), question, retain_graph=True)
        assert gradient.abs().min() > 0
    assert passages.grad is None
    assert not passages.requires_grad


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(
    ("kind", "loss"), [(RagSequenceForGeneration, sequence_loss), (RagTokenForGeneration, token_loss)]
)
def test_losses_are_those_of_transformers_from_two_tokens_on(
    kind: Any, loss: Callable[..., Tensor], smoothing: float
) -> None:
    ours, theirs = both_losses(kind, loss, torch.tensor([[4, 3, 5], [6, 2, PAD]]), smoothing)
    assert ours.tolist() == pytest.approx(theirs.tolist(), abs=1e-6)


def test_transformers_drops_the_prior_of_one_token_and_we_do_not() -> None:
    ours, theirs = both_losses(RagSequenceForGeneration, sequence_loss, torch.tensor([[4], [6]]), 0.0)
    assert (ours - theirs).abs().min() > 0.1
    tokens, theirs = both_losses(RagTokenForGeneration, token_loss, torch.tensor([[4], [6]]), 0.0)
    assert tokens.tolist() == pytest.approx(theirs.tolist(), abs=1e-6)
    assert ours.tolist() == pytest.approx(tokens.tolist(), abs=1e-6)


def test_what_transformers_drops_of_one_token_is_the_prior() -> None:
    logits, scores, targets = toy(1)
    swapped = logits[..., [1, 0, 2]].expand(-1, -1, 2, -1)  # its padding is word 1; it wants one more place
    labels = torch.tensor([[START, 0]])  # its labels begin with the start token
    theirs = rag(RagSequenceForGeneration, bart()).get_nll(swapped.flatten(0, 1), scores, labels, n_docs=2)
    assert theirs.exp().item() == pytest.approx(1 / (0.5 + 0.1), abs=1e-6)
    assert sequence_loss(logits, scores, targets, pad=0).exp().item() == pytest.approx(1 / 0.34, abs=1e-6)


def both_losses(kind: Any, loss: Any, targets: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Our losses and transformers' own of the same logits; its labels begin with the start token, as ours do not."""
    batch, tokens = targets.shape
    logits = torch.randn(batch, 3, tokens + 1, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    scores = torch.randn(batch, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    labels = torch.cat([torch.full((batch, 1), START), targets], 1)
    theirs = rag(kind, bart()).get_nll(logits.flatten(0, 1), scores, labels, epsilon=smoothing, n_docs=3)
    return loss(logits[:, :, :tokens], scores, targets, pad=PAD, smoothing=smoothing), theirs


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    logits, scores, targets = random()
    for given in ((logits[0], scores, targets), (logits, scores[:, :2], targets), (logits, scores, targets[:, :2])):
        with pytest.raises(ValueError, match="do not belong together"):
            sequence_loss(*given, pad=0)
    with pytest.raises(ValueError, match="never above 0"):
        re2g_loss(logits, scores.abs(), targets, pad=0)


def test_a_prior_is_renormalised_over_the_documents_at_hand() -> None:
    assert log_prior(torch.tensor([1.0, 1.0, 1.0])).exp().tolist() == pytest.approx([1 / 3] * 3)
    assert log_prior(torch.tensor([0.0, 1.0], dtype=torch.bfloat16)).dtype == torch.float32
