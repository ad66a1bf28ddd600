"""Losses of rankers over one list of candidates: scores (candidates,), evidence (candidates,) bool."""

import torch
from torch import Tensor

SCALE = 8.0
_SMALLEST = 1e-12


def min_max(scores: Tensor, *, scale: float = SCALE, detach: bool = True) -> Tensor:
    """Return scores moved to 0 … `scale` over one list (QRRanker, arXiv 2602.12192, Eq. 3; METHODS 6.4).

    Through minimum and maximum no gradient flows unless `detach` is false. If it does, both extremes are constants,
    and a positive that is ranked last is not pulled up.
    """
    low, high = scores.amin(-1, keepdim=True), scores.amax(-1, keepdim=True)
    if detach:
        low, high = low.detach(), high.detach()
    return scale * (scores - low) / (high - low + _SMALLEST)


def group_contrastive(scores: Tensor, is_evidence: Tensor) -> Tensor:
    """Return -mean over evidence p of log e^s_p / (e^s_p + sum over the others e^s_n) (METHODS 6.4, Eq. 4).

    Other evidence is not in the denominator. Lists without evidence, or of nothing else, have no loss: skip them.
    """
    evidence, others = scores[is_evidence], scores[~is_evidence]
    denominators = torch.cat([evidence[:, None], others.expand(len(evidence), -1)], 1).logsumexp(1)
    return (denominators - evidence).mean()
