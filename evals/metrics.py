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


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds per question."""

    p50_ms: float
    p95_ms: float


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


def gold_ranks(gold: Collection[str], ranked: Sequence[str]) -> list[int]:
    """Return the rank, counted from 1, at which each gold id first stands in `ranked`, ascending."""
    wanted = set(gold)
    ranks: list[int] = []
    for rank, found in enumerate(ranked, start=1):
        if found in wanted:
            wanted.remove(found)
            ranks.append(rank)
    return ranks


def reciprocal_rank(gold: Collection[str], ranked: Sequence[str]) -> float:
    """Return 1 / rank of the first gold id, 0.0 where none is ranked (Voorhees 1999, TREC-8 question answering).

    Raises InvalidInput where there is no gold.
    """
    if not gold:
        raise InvalidInput("A reciprocal rank without gold is not defined; leave such questions out.")
    return next((1.0 / rank for rank in gold_ranks(gold, ranked)), 0.0)


def ndcg_at_k(gold: Collection[str], ranked: Sequence[str], k: int) -> float:
    """Return the discounted gain of the first k over the best there can be, from 0.0 to 1.0.

    Gains are binary, the discount is 1 / log2(rank + 1), and the ideal order has min(k, |gold|) gold ids first
    (Järvelin and Kekäläinen 2002, with the discount of Burges et al. 2005). A repeated id takes up its ranks and
    counts once. Raises InvalidInput where there is no gold or `k` is below 1.
    """
    if k < 1:
        raise InvalidInput(f"nDCG at {k} is not defined; k must be at least 1.")
    wanted = frozenset(gold)
    if not wanted:
        raise InvalidInput("nDCG without gold is not defined; leave such questions out.")
    gain = math.fsum(1.0 / math.log2(rank + 1) for rank in gold_ranks(wanted, ranked[:k]))
    return gain / math.fsum(1.0 / math.log2(rank + 1) for rank in range(1, min(k, len(wanted)) + 1))


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
