"""Means of columns of scores with their intervals, whatever questions each column leaves out."""

from collections.abc import Mapping, Sequence

import numpy as np

from .bootstrap import Interval, Resamples
from .columns import Values
from .summary import Figure


def intervals_of(
    columns: Mapping[str, Values], clusters: Sequence[str], resamples: Resamples
) -> dict[str, tuple[Interval, int]]:
    """Return for every column that holds something its interval and n, in the order given.

    Columns are (question,) with NaN where they leave one out; `clusters` names the conversation of each question.
    Columns over the same questions are resampled together, which is why this is fast.
    """
    groups: dict[bytes, list[str]] = {}
    for name, values in columns.items():
        held = ~np.isnan(values)
        if held.any():
            groups.setdefault(held.tobytes(), []).append(name)
    found: dict[str, tuple[Interval, int]] = {}
    for mask, names in groups.items():
        rows: list[int] = np.flatnonzero(np.frombuffer(mask, dtype=np.bool_)).tolist()
        scores = np.stack([columns[name][rows] for name in names], axis=1)  # (question, metric)
        intervals = resamples.intervals(scores, [clusters[row] for row in rows])
        found.update({name: (one, len(rows)) for name, one in zip(names, intervals, strict=True)})
    return {name: found[name] for name in columns if name in found}


def figures_of(columns: Mapping[str, Values], clusters: Sequence[str], resamples: Resamples) -> dict[str, Figure]:
    """Return the figure of every column that holds something; as `intervals_of`."""
    return {
        name: Figure(value=one.value, low=one.low, high=one.high, n=n, conversations=one.clusters)
        for name, (one, n) in intervals_of(columns, clusters, resamples).items()
    }
