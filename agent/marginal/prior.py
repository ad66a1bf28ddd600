"""How probable each document is, before an answer and after it; pure functions on log-probabilities."""

import torch
from torch import Tensor

RE2G_DOCUMENTS = 5
"""Documents that Re2G generates from, out of those that were reranked (arXiv 2207.06300, section 3.1)."""


def log_prior(scores: Tensor) -> Tensor:
    """Return log p(z | x) (…, k) of document scores (…, k): their log-softmax over the k documents.

    The prior is renormalised over the documents at hand, without a temperature (RAG, arXiv 2005.11401, section 2.2).
    """
    return at_least_fp32(scores).log_softmax(-1)


def at_least_fp32(tensor: Tensor) -> Tensor:
    """Return a tensor in fp32, or in fp64 where it is: sums of logs lose whole answers in fewer bits."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


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


def relevance_of_scores(scores: Tensor) -> Tensor:
    """Return Re2G's z_r = log p(relevant) (…, k) of what a cross-encoder scored k documents with.

    Of two labels the score is z_r already, and none is above 0 (METHODS 3.1); of one label it is a logit, and z_r its
    log sigmoid. Logits that are all below 0 cannot be told from z_r and are taken as they are, which changes the odds
    of two documents by less than a factor of 2.
    """
    return scores if not scores.numel() or float(scores.max()) <= 0.0 else relevance_of_logit(scores)


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
