"""From attention to scores: QR score, 'N/A' calibration, the outlier rule, and what a document's tokens add up to.

METHODS 5.1, 5.2 and 6.2 (QRHead, arXiv 2506.09944; QRRanker, arXiv 2602.12192). Pure tensor maths, differentiable.
Keys are counted from 0; the tokens of document d are `spans[d]`, `(start, end)` without `end`.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor

Spans: TypeAlias = Sequence[tuple[int, int]]
Aggregation: TypeAlias = Literal["sum", "mean"]

OUTLIER_DEVIATIONS = 2.0


def qr_scores(attention: Tensor, spans: Spans) -> Tensor:
    """Return (heads, documents) of attention (heads, rows, keys): mean over rows, sum over tokens (METHODS 5.1)."""
    return per_document(attention.mean(1), spans)


def per_document(tokens: Tensor, spans: Spans, how: Aggregation = "sum") -> Tensor:
    """Return (…, documents) of (…, keys): the sum over each document's tokens, or their mean.

    A sum favours long documents: under even attention 40 tokens get four times as much as 10.
    """
    sums = torch.stack([tokens[..., start:end].sum(-1) for start, end in spans], -1)
    if how == "sum":
        return sums
    return sums / torch.tensor([max(1, end - start) for start, end in spans], device=tokens.device)


def best_token(tokens: Tensor, spans: Spans) -> Tensor:
    """Return (…, documents) of (…, keys): the most that any token of a document drew (METHODS 6.2, as in ColBERT)."""
    return torch.stack([tokens[..., start:end].amax(-1) for start, end in spans], -1)


def calibrated(real: Tensor, null: Tensor) -> Tensor:
    """Return (…, keys) of what the question drew beyond the null question 'N/A' (METHODS 5.2, steps 4 and 5).

    The keys both have are compared; what follows the documents does not line up, and no document reaches it.
    """
    keys = min(real.shape[-1], null.shape[-1])
    return real[..., :keys] - null[..., :keys]


def kept(tokens: Tensor, spans: Spans) -> Tensor:
    """Return (…, keys) with outliers set to 0: tokens at or below their document's mean - 2 std.

    METHODS 5.2, step 6. The deviation is the unbiased one. Only abnormally low tokens go. A document of one token, or
    of equal ones, has no outliers.
    """
    cleaned = tokens.clone()
    for start, end in spans:
        own = tokens[..., start:end]
        if end - start < 2:
            continue
        deviation, mean = torch.std_mean(own, -1, correction=1, keepdim=True)
        is_outlier = (own <= mean - OUTLIER_DEVIATIONS * deviation) & (deviation > 0)
        cleaned[..., start:end] = own.masked_fill(is_outlier, 0.0)
    return cleaned


def ranking_scores(tokens: Tensor, spans: Spans, *, how: Aggregation = "sum", drop_outliers: bool = False) -> Tensor:
    """Return (documents,) of the chosen heads' (heads, keys): heads are added first, then outliers are dropped.

    METHODS 5.2, step 6: this is the order of ranking.
    """
    total = tokens.sum(0)
    return per_document(kept(total, spans) if drop_outliers else total, spans, how)


def detection_scores(tokens: Tensor, spans: Spans, *, drop_outliers: bool = True) -> Tensor:
    """Return (heads, documents) of (heads, keys): outliers are dropped in each head by itself.

    METHODS 5.2, step 7: this is the order of detection.
    """
    return per_document(kept(tokens, spans) if drop_outliers else tokens, spans)


def head_scores(documents: Tensor, gold: Sequence[int]) -> Tensor:
    """Return (heads,) of (heads, documents): what each head gives the gold documents (METHODS 5.1)."""
    return documents[:, list(gold)].sum(1)


def gated_heads(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the `count` heads a gate opens for, best first, and their weights, which add up to 1.

    `logits` (tokens, heads); a head's weight is its mean softmax (METHODS 6.4, "Middle layers").
    """
    best = logits.softmax(-1).mean(0).topk(count)
    return best.indices, best.values / best.values.sum()
