"""How probable each document is, before an answer and after it; pure functions on log-probabilities."""

import torch
from torch import Tensor

RE2G_DOCUMENTS = 5
"""Documents that Re2G generates from, out of those that were reranked (arXiv 2207.06300, section 3.1)."""


def log_prior(scores: Tensor) -> Tensor:
    """Return log p(z | x) (…, k) of document scores (…, k): their log-softmax over the k documents.

    The prior is renormalised over the documents at hand, without a temperature (RAG, arXiv 2005.11401, section 2.2).
    """
    return scores.float().log_softmax(-1) if scores.dtype != torch.float64 else scores.log_softmax(-1)


def relevance(logits: Tensor) -> Tensor:
    """Return log p(relevant) (…,) of a reranker with two labels, logits (…, 2): the scores z_r of Re2G.

    The log-softmax of the second label, as the authors' code does, not the bare logit (METHODS 3.6); the softmax of
    these over documents is p_relevant / sum of p_relevant.
    """
    if logits.shape[-1] != 2:
        raise ValueError(f"Re2G's reranker has two labels; logits of shape {tuple(logits.shape)} have others.")
    return logits.log_softmax(-1)[..., 1]


def relevance_of_logit(logits: Tensor) -> Tensor:
    """Return log p(relevant) (…,) of a reranker with one logit a document (…,): log sigmoid."""
    return torch.nn.functional.logsigmoid(logits)


def sequence_posterior(log_documents: Tensor, log_answers: Tensor) -> Tensor:
    """Return p(z | x, y) (…, k), proportional to p(z | x) p(y | x, z), of the logs of both factors (…, k)."""
    return (log_documents + log_answers).softmax(-1)


def token_posterior(log_documents: Tensor, log_tokens: Tensor) -> Tensor:
    """Return the mean over tokens of p(z | x, y_i, y_<i) (…, k), of log p(z | x) (…, k) and of tokens (…, k, n).

    Raises ValueError without any token, of which nothing follows.
    """
    if not log_tokens.shape[-1]:
        raise ValueError("A posterior needs an answer of at least one token.")
    return (log_documents[..., None] + log_tokens).softmax(-2).mean(-1)
