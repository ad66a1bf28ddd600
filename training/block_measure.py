"""How well a block ranker orders held-out lists: recall at k, and inside a small context."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..memory.minilm import MiniLm
from ..rerank.block import BREVITY
from ..rerank.neighbours import WEIGHT as NEIGHBOURS
from ..rerank.neighbours import neighbours_leads
from .block_lists import Example, show_whole

KS = (1, 3, 5, 10)
BUDGETS = (400, 854)
LINE_TOKENS = 6
"""What a line of a context takes beside its words, about."""

Scores = NDArray[np.float32]


Figures: TypeAlias = dict[str, dict[str, float]]


def measure(model: MiniLm, reading: Tensor, held_out: Sequence[Example], *, brevity: float = BREVITY) -> Figures:
    """Return recall in per cent by "corpus first stage", "corpus block", with n; evidence not offered counts."""
    found: dict[str, list[list[float]]] = {}
    for example in held_out:
        scores = beside_others(example, (show_whole(example).features(model, gradient=False) @ reading).numpy())
        for way, given, short in (("first stage", example.asked.fused, 0.0), ("block", scores, brevity)):
            found.setdefault(f"{example.pool.corpus} {way}", []).append(recalls(example, given, brevity=short))
    return figures_of(found)


def figures_of(recalled: Mapping[str, Sequence[Sequence[float]]]) -> Figures:
    """Return the means of what `recalls` gives, in per cent, by name, with n."""
    names = [*(f"R@{k}" for k in KS), *(f"recall@{budget}" for budget in BUDGETS)]
    return {
        way: {name: round(100.0 * float(v), 1) for name, v in zip(names, np.mean(rows, 0), strict=True)}
        | {"n": float(len(rows))}
        for way, rows in recalled.items()
    }


def beside_others(example: Example, scores: Scores, *, weight: float = NEIGHBOURS) -> Scores:
    """Return the scores with what the neighbours of each candidate add to them, as in `BlockReranker`.

    `weight` is what a lead counts.
    """
    sessions = np.cumsum(example.pool.before < 0)
    every: list[int] = example.asked.candidates.tolist()
    leads = neighbours_leads([(int(sessions[place]), place) for place in every], scores.tolist())
    return (scores + weight * np.array(leads)).astype(np.float32)


def recalls(example: Example, scores: Scores, *, brevity: float) -> list[float]:
    """Return recall at each k and inside each budget, 0 to 1.

    A context takes candidates by score less `brevity` times the logarithm of their tokens, and passes over what does
    not fit.
    """
    evidence, gold = example.is_evidence, max(1, len(example.asked.evidence))
    order = np.argsort(-scores, kind="stable")
    at_k = [float(evidence[order[:k]].sum()) / gold for k in KS]
    places: list[int] = example.asked.candidates.tolist()
    costs = np.array([len(example.pool.turns[place]) + LINE_TOKENS for place in places])
    by_room = np.argsort(-(scores - brevity * np.log(costs)), kind="stable")
    inside: list[float] = []
    for budget in BUDGETS:
        spent, got = 0, 0
        for place in by_room:
            if spent + costs[place] <= budget:
                spent += int(costs[place])
                got += int(evidence[place])
        inside.append(got / gold)
    return at_k + inside
