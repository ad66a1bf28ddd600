"""One order out of two: z-scored sum (the default) and reciprocal rank fusion."""

from collections.abc import Mapping
from statistics import fmean, pstdev
from typing import Literal, TypeAlias

Fusion: TypeAlias = Literal["z", "rrf"]
RRF_K = 60
DENSE_WEIGHT = 0.75
"""Chosen on MSC and FriendsQA pools, train splits (benchmarks/first_stage.py, docs/lab.md)."""


LEXICAL_SPREAD = 0.25
DENSE_SPREAD = 0.02
"""Standard deviations under which scores tell nothing apart; smaller ones are not blown up to 1.

FTS5 gives every term that more than half of the rows hold the weight 1e-6, as all terms are in a store of a few
turns, whose words are their neighbours' context; BM25 then differs in the seventh decimal, for no reason.
"""


def z_scores(scores: Mapping[int, float], *, least_spread: float = 0.0) -> dict[int, float]:
    """Return (score - mean) / max(population standard deviation, least_spread); all zero when all are the same."""
    if not scores:
        return {}
    mean, deviation = fmean(scores.values()), pstdev(scores.values())
    if deviation <= 1e-12 * max(1.0, abs(mean)):
        return dict.fromkeys(scores, 0.0)
    deviation = max(deviation, least_spread)
    return {key: (score - mean) / deviation for key, score in scores.items()}


def z_fused(
    lexical: Mapping[int, float], dense: Mapping[int, float], *, dense_weight: float = DENSE_WEIGHT
) -> dict[int, float]:
    """Return z(lexical) + dense_weight * z(dense) for every id of either; a missing score is that kind's lowest.

    A memory without a matching term has BM25 0, which the caller may pass; one without a vector is no worse off
    than the least similar memory.
    """
    ids = lexical.keys() | dense.keys()
    words = z_scores(lexical, least_spread=LEXICAL_SPREAD)
    vectors = z_scores(dense, least_spread=DENSE_SPREAD)
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
