"""How well the second look puts held-out lists in order, beside the heads alone."""

from collections.abc import Sequence
from statistics import median

import numpy as np
import torch

from ..memory.minilm import MiniLm
from ..rerank.adapter import adapted
from ..rerank.block import BREVITY
from ..rerank.block_products import packed
from ..rerank.neighbours import AMONG_SEVERAL
from ..rerank.second_look import READ, WEIGHT
from ..rerank.span_logits import joined, row_logits
from ..rerank.span_weights import SpanWeights
from .block_measure import Figures, Scores, beside_others, figures_of, recalls
from .second_look_lists import HeadsList, line_rows


def measure(
    base: MiniLm,
    weights: SpanWeights,
    lists: Sequence[HeadsList],
    *,
    weight: float = WEIGHT,
    brevity: float = BREVITY,
) -> Figures:
    """Return recall in per cent by "corpus heads", "corpus second look", with n; evidence not offered counts.

    `weight` is what the log-odds of a line count beside the heads' score, as in `SecondLook`.
    """
    model = packed(adapted(base, weights.adapter))
    found: dict[str, list[list[float]]] = {}
    for one in lists:
        corpus = one.example.pool.corpus
        looked = looked_at(model, weights, one, weight)
        for way, scores in (("heads", one.scores), ("second look", looked)):
            found.setdefault(f"{corpus} {way}", []).append(recalls(one.example, scores, brevity=brevity))
    return figures_of(found)


def looked_at(model: MiniLm, weights: SpanWeights, of: HeadsList, weight: float) -> Scores:
    """Return the scores of a list, parallel to its candidates, after the best of the heads were read again."""
    best = [int(place) for place in of.order[:READ]]
    lines = [line_rows(of.example, int(of.example.asked.candidates[place])) for place in best]
    rows = [row for line in lines for row in line]
    if len(best) < 2 or not rows:
        return of.scores
    with torch.inference_mode():
        tells = joined(row_logits(model, weights.head, rows)).tells
    told = torch.split(tells, [len(line) for line in lines])
    known = [float(part.max()) for part in told if len(part)]
    odds = np.array([float(part.max()) if len(part) else min(known) for part in told])
    scores: Scores = (of.scores + weight * median(odds)).astype(np.float32)
    scores[best] = of.scores[best] + weight * odds
    return beside_others(of.example, scores, weight=AMONG_SEVERAL) if of.example.pool.several_speak else scores
