"""Finds the QR heads of a decoder: those that look at the passages which answer a question (METHODS 5.1, 5.3).

QRHead (Zhang et al. 2025, arXiv 2506.09944) ranks heads by the mean QR score of the gold passages (section 3), or, as
its released code does on BEIR, by the NDCG@10 of each head as a retriever over shuffled passages. Sums over the
samples are all that is kept; they are on disk after each sample, so that a killed run goes on where it was.

How many heads: 1-2 % of all, 16 below 10 B parameters and 32 for 70 B; more of them read worse (METHODS 5.3).
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..memory.errors import DataFormatError, InvalidInput, RecollectError
from ..rerank.heads import HeadSet
from ..rerank.prompt import Passage
from ..rerank.scoring import head_scores
from .qr_samples import Sample, SampleSource
from .qr_state import RunningSums, read_state, write_state

Score: TypeAlias = Literal["qr", "ndcg"]

DEFAULT_TOP = 16
NDCG_AT = 10


class PromptTooLong(RecollectError):
    """The passages of one sample do not fit the model's window."""


class PassageScorer(Protocol):
    """Every head of one model as a retriever; `fingerprint` tells two models apart, whatever they are called."""

    @property
    def fingerprint(self) -> str: ...  # noqa: D102 - said above

    @property
    def shape(self) -> tuple[int, int]:
        """Layers and heads a layer."""
        ...

    def scores(self, question: str, passages: Sequence[Passage]) -> Tensor:
        """Return float32 (layers, heads, passages) on the CPU; raises PromptTooLong."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is asked and how heads are scored; `samples` None asks everything, all that is random comes from `seed`.

    `calibrate` says whether the scorer subtracts what it gives to the question "N/A"; it is the scorer that does.
    """

    samples: int | None = None
    top: int = DEFAULT_TOP
    score: Score = "qr"
    calibrate: bool = True
    seed: int = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """Mean head scores, float64 (layers, heads), and the best heads as (layer, head), best first.

    `samples` are behind the means; `skipped` more did not fit the window. `shared` of the best heads are also among
    as many best of either half of the samples alone, None where one half is empty.
    """

    scores: NDArray[np.float64]
    heads: tuple[tuple[int, int], ...]
    samples: int
    skipped: int
    shared: int | None


def detect(
    scorer: PassageScorer,
    source: SampleSource,
    recipe: Recipe,
    *,
    state: Path,
    on_sample: Callable[[int, int], None] = lambda done, total: None,
) -> Detected:
    """Score the heads over the samples, going on from `state` if it holds the sums of this very detection.

    `on_sample` hears (samples done, samples in all). The state stays when all is done: another `top` costs nothing.
    Raises InvalidInput for a state of another model, data or recipe and for more heads than there are,
    DataFormatError for data that is not in the documented form or of which nothing fits the window.
    """
    layers, heads = scorer.shape
    if not 1 <= recipe.top <= layers * heads:
        raise InvalidInput(f"The {recipe.top} best heads were asked for; the model has {layers * heads}.")
    total = min(source.count(), recipe.samples or source.count())
    settings = _settings(scorer, source, recipe)
    sums = read_state(state, settings) or RunningSums.blank(layers, heads)
    on_sample(sums.seen, total)
    for place, sample in enumerate(source.draw(recipe.samples, recipe.seed)):
        if place < sums.seen:
            continue
        sums = sums.plus(_scored(scorer, sample, recipe, place), sample.half)
        write_state(state, settings, sums)
        on_sample(sums.seen, total)
    if not sums.counted.sum():
        raise DataFormatError(f"None of {total} samples of {source.path} fits the model's window; give shorter ones.")
    return _concluded(sums, recipe.top)


def _settings(scorer: PassageScorer, source: SampleSource, recipe: Recipe) -> dict[str, object]:
    asked = asdict(recipe)
    del asked["top"]
    return {**asked, "model": scorer.fingerprint, "data": source.checksum(), "shape": list(scorer.shape)}


def _scored(scorer: PassageScorer, sample: Sample, recipe: Recipe, place: int) -> NDArray[np.float64] | None:
    """Return the head scores of one sample, (layers, heads), or None for one that does not fit the window."""
    shown = _shuffled(sample, random.Random(f"{recipe.seed} {place}")) if recipe.score == "ndcg" else sample
    try:
        scores = scorer.scores(shown.question, shown.passages)
    except PromptTooLong:
        return None
    gold = sorted(shown.evidence)
    found = ndcg(scores, gold) if recipe.score == "ndcg" else head_scores(scores.double().flatten(0, 1), gold)
    return found.view(scorer.shape).numpy()


def _shuffled(sample: Sample, drawn: random.Random) -> Sample:
    order = drawn.sample(range(len(sample.passages)), len(sample.passages))
    return replace(
        sample,
        passages=tuple(sample.passages[place] for place in order),
        evidence=frozenset(new for new, old in enumerate(order) if old in sample.evidence),
    )


def ndcg(scores: Tensor, gold: Sequence[int], *, at: int = NDCG_AT) -> Tensor:
    """Return NDCG@`at` of each head as a retriever, float64 (layers, heads), from 0 to 1.

    `scores` (layers, heads, passages), `gold` places of passages, at least one; gains are binary, equal scores keep
    the order of the passages (METHODS 5.3).
    """
    passages = scores.shape[-1]
    gains = torch.zeros(passages, dtype=torch.float64)
    gains[list(gold)] = 1.0
    discounts = 1.0 / torch.arange(2, passages + 2, dtype=torch.float64).log2()
    discounts[at:] = 0.0
    order = scores.argsort(dim=-1, descending=True, stable=True)
    return (gains[order] * discounts).sum(-1) / discounts[: len(gold)].sum()


def best_heads(scores: NDArray[np.float64], top: int) -> tuple[tuple[int, int], ...]:
    """Return the `top` heads as (layer, head), best first; of equal ones the lower layer and head first."""
    order = np.argsort(-scores, axis=None, kind="stable")[:top]
    return tuple((int(place) // scores.shape[1], int(place) % scores.shape[1]) for place in order)


def _concluded(sums: RunningSums, top: int) -> Detected:
    counted = int(sums.counted.sum())
    mean = sums.totals.sum(0) / counted
    shared = None
    if sums.counted.all():
        halves = [set(best_heads(total / n, top)) for total, n in zip(sums.totals, sums.counted, strict=True)]
        shared = len(halves[0] & halves[1])
    return Detected(scores=mean, heads=best_heads(mean, top), samples=counted, skipped=sums.skipped, shared=shared)


def head_set(found: Detected, recipe: Recipe, *, model_id: str, dataset: str) -> HeadSet:
    """Return what was found as a head set, with how it was found."""
    layers, heads = found.scores.shape
    score = f"NDCG@{NDCG_AT} over shuffled passages" if recipe.score == "ndcg" else "mean QR score of the evidence"
    calibration = "'N/A' calibration and outlier rule" if recipe.calibrate else "not calibrated"
    robust = "" if found.shared is None else f" {found.shared} of {len(found.heads)} shared by both halves."
    return HeadSet(
        model_id=model_id,
        layers=layers,
        heads_per_layer=heads,
        heads=found.heads,
        dataset=dataset,
        source="recollect heads detect; Zhang et al. 2025, arXiv 2506.09944",
        note=f"{found.samples} samples, seed {recipe.seed}: {score}, {calibration}.{robust}",
    )


def usual_top(layers: int, heads: int) -> tuple[int, int]:
    """Return 1 % and 2 % of all heads, rounded up: between them lies how many heads are worth reading."""
    return math.ceil(0.01 * layers * heads), math.ceil(0.02 * layers * heads)
