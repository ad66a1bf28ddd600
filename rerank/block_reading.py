"""One score from all heads: how the block ranker reads where the small encoder looks, beside the first stage.

METHODS section 12. The reading is linear; its weights ship with the encoder's changes (`block_weights`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..memory.types import Candidate, Turn
from .block_attention import Heads
from .speakers import named_speakers

FIRST_STAGE = ("fused", "lexical", "dense", "named")
"""The columns of `first_stage`."""

SMALLEST = 1e-6
LOG_SCALE = 0.5
"""Brings logarithms of mass to the size of the other features, so that one step size fits all weights."""


def first_stage(question: str, candidates: Sequence[Candidate]) -> Tensor:
    """Return (candidates, 4): recall's scores as z-scores over the list, and if the question names the speaker."""
    speakers = [c.memory.speaker if isinstance(c.memory, Turn) else "" for c in candidates]
    scores = torch.tensor([[c.fused, c.lexical, c.dense or 0.0] for c in candidates], dtype=torch.float64)
    columns = [*(z_scores(column) for column in scores.T), torch.tensor(named_speakers(question, speakers))]
    return torch.stack(columns, 1)


def features(heads: Heads, beside: Tensor) -> Tensor:
    """Return (candidates, 2 * heads + 5) features; `beside` is that of `first_stage`.

    For each head: the logarithm of its mass less the list's mean, and its mass as a share of the largest; then
    `beside`, then the log length in tokens. Means and largest values are constants to the gradient: back-propagating
    through the extremes would push the wrong candidates (METHODS 6.4).
    """
    mass = heads.mass + SMALLEST  # (heads, candidates)
    logs = mass.log()
    centred = logs - logs.mean(1, keepdim=True).detach()
    shares = mass / mass.amax(1, keepdim=True).detach()
    lengths = heads.tokens.clamp(min=1).float().log()[:, None]
    return torch.cat([LOG_SCALE * centred.T, shares.T, beside, lengths], 1)


def z_scores(values: Tensor) -> Tensor:
    """Return z-scores of (candidates,), fp32; all zero where all values are the same."""
    values = values.double()  # in fp32 the mean of equal values may be another value, and then its distance counts
    return ((values - values.mean()) / values.std(correction=0).clamp(min=1e-6)).float()
