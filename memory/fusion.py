"""One order out of two: z-scored sum (the default) and reciprocal rank fusion."""

from collections.abc import Mapping
from statistics import fmean, pstdev
from typing import Literal, TypeAlias

Fusion: TypeAlias = Literal["z", "rrf"]
RRF_K = 60
DENSE_WEIGHT = 0.5


def z_scores(scores: Mapping[int, float]) -> dict[int, float]:
    """Return (score - mean) / population standard deviation; all zero when every score is the same."""
    if not scores:
        return {}
    mean, deviation = fmean(scores.values()), pstdev(scores.values())
    if deviation <= 1e-12 * max(1.0, abs(mean)):
        return dict.fromkeys(scores, 0.0)
    return {key: (score - mean) / deviation for key, score in scores.items()}


def z_fused(
    lexical: Mapping[int, float], dense: Mapping[int, float], *, dense_weight: float = DENSE_WEIGHT
) -> dict[int, float]:
    """Return z(lexical) + dense_weight * z(dense) for every id of either; a missing score is that kind's lowest.

    A memory without a matching term has BM25 0, which the caller may pass; one without a vector is no worse off
    than the least similar memory.
    """
    ids = lexical.keys() | dense.keys()
    words, vectors = z_scores(lexical), z_scores(dense)
    least_words, least_vectors = min(words.values(), default=0.0), min(vectors.values(), default=0.0)
    return {i: words.get(i, least_words) + dense_weight * vectors.get(i, least_vectors) for i in ids}


def rrf_fused(
    lexical: Mapping[int, float], dense: Mapping[int, float], *, dense_weight: float = 1.0, k: int = RRF_K
) -> dict[int, float]:
    """Return the sum of weight / (k + rank), ranks from 1, ties by id (Cormack et al. 2009; METHODS section 1)."""
    fused: dict[int, float] = {}
    for scores, weight in ((lexical, 1.0), (dense, dense_weight)):
        for rank, key in enumerate(sorted(scores, key=lambda key: (-scores[key], key)), 1):
            fused[key] = fused.get(key, 0.0) + weight / (k + rank)
    return fused
