"""How sure a mean or a difference is: resampled by conversation, as questions of one conversation are alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..memory.errors import InvalidInput

RESAMPLES = 2_000
LEVEL = 95.0
KEPT = 2**23
"""Counts (64 MB) up to which the draws for a number of clusters are kept for the next figures."""
BLOCK = 2**22
DECIMALS = 12
"""Resampled means are rounded to these, so that what adds up to nothing is nothing and not 1e-17."""

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean and the bounds of its 95 % interval, in the unit of the scores.

    `p`: how likely resamples are to lie on the other side of 0, two-sided, at most 1; `clusters`: how many
    conversations were resampled; with 1 its questions were.
    """

    value: float
    low: float
    high: float
    p: float
    clusters: int


class Resamples:
    """The draws that all figures of a run share: of as many conversations the same ones are drawn for each of them.

    Percentile intervals (Efron and Tibshirani 1993, chapter 13) of whole clusters drawn with replacement, as many as
    there are; every question of a drawn one counts, and a resample's mean is over its questions. With fewer than
    about ten conversations intervals are rough and rather too narrow. One conversation alone has no spread to look
    at: its questions are drawn instead, and `Interval.clusters` is 1.
    """

    def __init__(self, *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        self._resamples = resamples
        self._seed = seed
        self._kept: dict[int, tuple[Scores, ...]] = {}

    def intervals(self, scores: Scores, clusters: Sequence[str]) -> list[Interval]:
        """Return the mean of each column with its interval; `scores` are (question, metric) without NaN.

        `clusters` names the conversation of each question. Raises InvalidInput where there is no question or the
        clusters do not run parallel.
        """
        means = self.means(scores, clusters)  # (metric, resample)
        tail = (100.0 - LEVEL) / 2
        low, high = np.percentile(means, [tail, 100.0 - tail], axis=1)
        below, above = np.sum(means <= 0, axis=1), np.sum(means >= 0, axis=1)
        p = np.minimum(1.0, 2.0 * (1.0 + np.minimum(below, above)) / (self._resamples + 1.0))
        value = scores.mean(axis=0).round(DECIMALS)
        found = len(set(clusters))
        return [
            Interval(
                value=float(value[metric]),
                low=float(low[metric]),
                high=float(high[metric]),
                p=float(p[metric]),
                clusters=found,
            )
            for metric in range(scores.shape[1])
        ]

    def means(self, scores: Scores, clusters: Sequence[str]) -> Scores:
        """Return the mean of each metric in each resample, (metric, resample). Raises as `intervals` does."""
        if not len(scores):
            raise InvalidInput("The mean of no values is not defined.")
        if len(scores) != len(clusters):
            raise InvalidInput(
                f"{len(scores)} scores and {len(clusters)} clusters do not pair up; give one for each."
            )
        numbers = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
        if len(numbers) == 1:
            sums, sizes = scores, np.ones(len(scores))
        else:
            members = np.array([numbers[name] for name in clusters])
            sums = np.zeros((len(numbers), scores.shape[1]))  # (cluster, metric)
            np.add.at(sums, members, scores)
            sizes = np.bincount(members).astype(np.float64)  # (cluster,)
        means = [(counts @ sums).T / (counts @ sizes) for counts in self._draws(len(sizes))]
        joined: Scores = np.concatenate(means, axis=1).round(DECIMALS)
        return joined

    def _draws(self, clusters: int) -> Iterator[Scores]:
        """Yield how often each cluster was drawn, (resample, cluster), a block of resamples at a time."""
        if clusters * self._resamples > KEPT:
            yield from self._drawn(clusters)
            return
        if clusters not in self._kept:
            self._kept[clusters] = tuple(self._drawn(clusters))
        yield from self._kept[clusters]

    def _drawn(self, clusters: int) -> Iterator[Scores]:
        random = np.random.default_rng((self._seed, clusters))
        rows = max(1, BLOCK // clusters)
        for start in range(0, self._resamples, rows):
            size = min(rows, self._resamples - start)
            picked = random.integers(clusters, size=(size, clusters)) + np.arange(size)[:, None] * clusters
            counts = np.bincount(picked.ravel(), minlength=size * clusters)
            yield counts.reshape(size, clusters).astype(np.float64)


def paired_difference(
    scores: Sequence[float],
    baseline: Sequence[float],
    clusters: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return mean(scores - baseline) with its interval; all three run parallel, one entry a question.

    `clusters` names the conversation of each; see `Resamples`. Raises InvalidInput where lengths differ or nothing
    is given.
    """
    if not len(scores) == len(baseline) == len(clusters):
        raise InvalidInput(
            f"{len(scores)} scores, {len(baseline)} of the baseline and {len(clusters)} clusters do not pair up; "
            "give one of each for every question."
        )
    differences = np.asarray(scores, dtype=np.float64) - np.asarray(baseline, dtype=np.float64)
    return Resamples(resamples=resamples, seed=seed).intervals(differences[:, None], clusters)[0]


def survive_holm(p_values: Sequence[float], *, level: float = 1.0 - LEVEL / 100) -> list[bool]:
    """Return which of several tests are significant together (Holm 1979, step-down; any dependence between them).

    The smallest p is held against level / m, the next against level / (m - 1), and so on to the first that fails.
    """
    survivors = [False] * len(p_values)
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] > level / (len(p_values) - step):
            break
        survivors[place] = True
    return survivors
