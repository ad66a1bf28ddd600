"""One score from all heads: a linear reading of where an untrained encoder looks, learned on training sets.

METHODS section 12.5. No weight of the encoder is changed; what is learned is how much each head's attention says.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import torch
from torch import Tensor

from ..memory.errors import RecollectError
from ..memory.types import Candidate
from .block_attention import Heads

FIRST_STAGE = ("fused", "tokens", "lexical", "dense")
"""The features beside the heads': the first stage's scores and the length."""

_SMALLEST = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadReading:
    """Weights over `features`, float32 (features,); `encoder` is the SHA-256 of the encoder they were learned on."""

    weights: Tensor
    encoder: str


@lru_cache(maxsize=1)
def shipped_reading() -> HeadReading:
    """Return the reading that ships with the package; raises RecollectError when its file cannot be used."""
    try:
        stored = json.loads(files("recollect.rerank").joinpath("head_reading.json").read_text(encoding="utf-8"))
        return HeadReading(weights=torch.tensor(stored["weights"]), encoder=stored["encoder"])
    except (OSError, ValueError, KeyError) as error:
        raise RecollectError(
            f"The block ranker's weights cannot be read ({error!r}); install Recollect again."
        ) from error


def features(heads: Heads, candidates: Sequence[Candidate]) -> Tensor:
    """Return (candidates, 3 * heads + 4) features, each comparable between questions.

    For each head: log mass as a z-score over the candidates, mass scaled to 0..1, and log mass per token as a
    z-score; then the first stage's scores as z-scores and the log length, in the order of `FIRST_STAGE`.
    """
    mass = heads.mass + _SMALLEST  # (heads, candidates)
    tokens = heads.tokens.clamp(min=1).float()
    low, high = mass.amin(1, keepdim=True), mass.amax(1, keepdim=True)
    first_stage = torch.stack(
        [
            _z(torch.tensor([candidate.fused for candidate in candidates])),
            tokens.log(),
            _z(torch.tensor([candidate.lexical for candidate in candidates])),
            _z(torch.tensor([candidate.dense or 0.0 for candidate in candidates])),
        ]
    )
    scaled = (mass - low) / (high - low + _SMALLEST)
    return torch.cat([_z(mass.log()), scaled, _z((mass / tokens).log()), first_stage]).T


def _z(values: Tensor) -> Tensor:
    """Return z-scores over the last dimension; all zero where all values are the same."""
    spread = values.std(-1, correction=0, keepdim=True)
    return (values - values.mean(-1, keepdim=True)) / spread.clamp(min=1e-6)
