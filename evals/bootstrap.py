"""How sure a difference is: paired, and resampled by conversation, as questions of one conversation are alike."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ..memory.errors import InvalidInput
from .metrics import mean, percentile

RESAMPLES = 2_000
LEVEL = 95.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean difference and the bounds of its 95 % interval, in the unit of the scores."""

    value: float
    low: float
    high: float


def paired_difference(
    scores: Sequence[float],
    baseline: Sequence[float],
    clusters: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return mean(scores - baseline) with its percentile bootstrap interval, whole clusters drawn with replacement.

    All three run parallel, one entry a question; `clusters` names the conversation of each. As many clusters are
    drawn as there are, and every question of a drawn one counts (percentile interval: Efron and Tibshirani 1993,
    chapter 13). With few clusters the interval is rough, with one it has no width. Raises InvalidInput where
    lengths differ or nothing is given.
    """
    if not len(scores) == len(baseline) == len(clusters):
        raise InvalidInput(
            f"{len(scores)} scores, {len(baseline)} of the baseline and {len(clusters)} clusters do not pair up; "
            "give one of each for every question."
        )
    differences = [score - base for score, base in zip(scores, baseline, strict=True)]
    value = mean(differences).value
    sums: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for cluster, difference in zip(clusters, differences, strict=True):
        sums[cluster] = sums.get(cluster, 0.0) + difference
        sizes[cluster] = sizes.get(cluster, 0) + 1
    names = list(sums)
    drawn = random.Random(seed)
    means: list[float] = []
    for _ in range(resamples):
        sample = drawn.choices(names, k=len(names))
        means.append(sum(sums[name] for name in sample) / sum(sizes[name] for name in sample))
    tail = (100.0 - LEVEL) / 2
    return Interval(value=value, low=percentile(means, tail), high=percentile(means, 100.0 - tail))
