"""Retrieval scores of one question and their aggregates, as pure functions (METHODS section 1)."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..memory.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """An arithmetic mean and the number of values behind it."""

    value: float
    n: int


def recall_at_k(gold: Collection[str], ranked: Sequence[str], k: int) -> float:
    """Return |gold in the first k| / |gold|, from 0.0 to 1.0.

    A repeated id takes up its ranks and counts once. Raises InvalidInput where there is no gold or
    `k` is below 1.
    """
    if k < 1:
        raise InvalidInput(f"Recall at {k} is not defined; k must be at least 1.")
    return recall_of(gold, ranked[:k])


def recall_of(gold: Collection[str], found: Iterable[str]) -> float:
    """Return |gold in found| / |gold|, from 0.0 to 1.0, whatever the order of `found`.

    Raises InvalidInput where there is no gold.
    """
    wanted = frozenset(gold)
    if not wanted:
        raise InvalidInput("Recall without gold is not defined; leave such questions out.")
    return len(wanted.intersection(found)) / len(wanted)


def mean(values: Iterable[float]) -> Mean:
    """Return the arithmetic mean and n. Raises InvalidInput where there are no values."""
    collected = tuple(values)
    if not collected:
        raise InvalidInput("The mean of no values is not defined.")
    return Mean(value=math.fsum(collected) / len(collected), n=len(collected))


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the value below which `percent` per cent (0 to 100) of the values lie.

    Linear interpolation between the two nearest order statistics: rank (n - 1) * percent / 100,
    counted from 0 (type 7 of Hyndman and Fan 1996, numpy's default). Raises InvalidInput where
    there are no values or `percent` is out of range.
    """
    ordered = sorted(values)
    if not ordered:
        raise InvalidInput("A percentile of no values is not defined.")
    if not 0 <= percent <= 100:
        raise InvalidInput(f"There is no percentile {percent}; give a number from 0 to 100.")
    rank = (len(ordered) - 1) * percent / 100
    below = math.floor(rank)
    above = math.ceil(rank)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)
