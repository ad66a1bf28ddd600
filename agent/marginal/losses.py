"""Losses of answers whose document is not known: RAG-Sequence, RAG-Token and Re2G, in log space.

Shapes: logits (batch, k, tokens, vocabulary) of k documents a question, scores (batch, k), targets (batch, tokens)
with `pad` where they are over. The prior counts for targets of one token too, where transformers drops it
(METHODS 2.5). Losses are one a question, (batch,), in nats.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .prior import log_prior


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """Log-probabilities of targets and of all words, padding 0: both (batch, k, tokens)."""

    documents: Tensor  # (batch, k)
    target: Tensor
    every_word: Tensor
    vocabulary: int


def sequence_loss(logits: Tensor, scores: Tensor, targets: Tensor, *, pad: int, smoothing: float = 0.0) -> Tensor:
    """Return -log sum over z of p(z | x) prod over i of p(y_i | x, z, y_<i) (RAG, arXiv 2005.11401, section 2.1).

    With label smoothing e: (1 - e) of it, and e / vocabulary of the same with the sum over all words'
    log-probabilities in place of the target's. Raises ValueError for shapes that do not belong together.
    """
    answers = _answers(logits, scores, targets, pad)

    loss = -(answers.documents + answers.target.sum(-1)).logsumexp(-1)
    # the prior comes once a word, as in transformers' `get_nll`: of the mean over words it is then one part
    smooth = -(answers.vocabulary * answers.documents + answers.every_word.sum(-1)).logsumexp(-1)
    return _smoothed(loss, smooth, answers.vocabulary, smoothing)


def token_loss(logits: Tensor, scores: Tensor, targets: Tensor, *, pad: int, smoothing: float = 0.0) -> Tensor:
    """Return -sum over i of log sum over z of p(z | x) p(y_i | x, z, y_<i) (RAG, arXiv 2005.11401, section 2.1).

    With label smoothing e: e / vocabulary of minus the sum of the *mixed* log-probability of every word, as in
    transformers' `get_nll`. Raises ValueError for shapes that do not belong together.
    """
    answers = _answers(logits, scores, targets, pad)
    is_said = targets != pad  # (batch, tokens)
    mixed = (answers.documents[..., None] + answers.target).logsumexp(1) * is_said
    loss = -mixed.sum(-1)
    if not smoothing:
        return loss
    words = (answers.documents[..., None, None] + logits.log_softmax(-1)).logsumexp(1)  # (batch, tokens, vocabulary)
    return _smoothed(loss, -(words.sum(-1) * is_said).sum(-1), answers.vocabulary, smoothing)


def re2g_loss(logits: Tensor, relevance: Tensor, targets: Tensor, *, pad: int, smoothing: float = 0.0) -> Tensor:
    """Return RAG-Token's loss with a reranker's log p(relevant) as scores (Re2G, arXiv 2207.06300, section 3).

    It is the marginal of the authors' code; the sum that the paper prints is none (METHODS 3.6). Raises ValueError
    for shapes that do not belong together and for relevances above 0, which are no log-probabilities.
    """
    if relevance.numel() and float(relevance.detach().max()) > 1e-6:
        raise ValueError("Re2G's prior is made of log p(relevant), which is never above 0; pass `relevance(logits)`.")
    return token_loss(logits, relevance, targets, pad=pad, smoothing=smoothing)


def _answers(logits: Tensor, scores: Tensor, targets: Tensor, pad: int) -> _Answers:
    if logits.ndim != 4 or scores.shape != logits.shape[:2] or targets.shape != (logits.shape[0], logits.shape[2]):
        raise ValueError(
            f"Logits (batch, k, tokens, vocabulary) {tuple(logits.shape)}, scores (batch, k) {tuple(scores.shape)} "
            f"and targets (batch, tokens) {tuple(targets.shape)} do not belong together."
        )
    log_probs = logits.log_softmax(-1)
    is_said = (targets != pad)[:, None]  # (batch, 1, tokens)
    at = torch.where(targets == pad, 0, targets)[:, None, :, None].expand(-1, logits.shape[1], -1, 1)
    return _Answers(
        documents=log_prior(scores),
        target=log_probs.gather(-1, at).squeeze(-1) * is_said,
        every_word=log_probs.sum(-1) * is_said,
        vocabulary=logits.shape[-1],
    )


def _smoothed(loss: Tensor, smooth: Tensor, vocabulary: int, smoothing: float) -> Tensor:
    return (1.0 - smoothing) * loss + smoothing / vocabulary * smooth if smoothing else loss
