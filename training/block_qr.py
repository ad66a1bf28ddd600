"""Trains the block ranker (`recollect train qr`): a low-rank change to the small encoder and a reading of its heads.

METHODS 12.4-12.5. First the reading alone is fitted over the untrained heads (convex, ridge), then both are trained
with the group contrastive loss (METHODS 6.4, Eq. 4) on lists of our own first stage. The features' means and extremes
are constants to the gradient, which is what detaching the min-max normalisation is for. What ships is the moving
average of the weights. Interrupted runs go on from their last checkpoint.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ..memory.minilm import MiniLm
from ..rerank.adapter import adapted
from ..rerank.adapter_file import adapter_of
from ..rerank.block_weights import BlockWeights
from .asked import AskedPool
from .block_lists import Reading, Sampler, examples_of, show
from .course import Course, read_checkpoint, write_checkpoint
from .lora import Lora, mean_of
from .losses import group_contrastive

SHARES = {
    "invented": 0.36,
    "gathered": 0.11,
    "written": 0.13,
    "msc": 0.11,
    "friendsqa": 0.13,
    "squad": 0.02,
    "multihop": 0.03,
    "qmsum": 0.10,
    "crd3": 0.01,
}
"""How often a list of each set is drawn (data README, with more of what needs no wording by rule)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything a run depends on beside its lists."""

    updates: int = 900
    lists: int = 8
    rank: int = 64
    first_layer: int = 0
    step: float = 5e-4
    reading_step: float = 3e-3
    warm_up: int = 30
    decay: float = 0.01
    average: float = 0.99
    start_lists: int = 250
    ridge: float = 0.05
    seed: int = 11
    reading: Reading = field(default_factory=Reading)
    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))


class Trainer:
    """One run over lists; `folder` holds its checkpoint and its log (`curve.jsonl`).

    It goes on from the weights `start`, whose rank is at most the recipe's, or begins with the untrained heads.
    """

    def __init__(
        self,
        base: MiniLm,
        pools: Sequence[AskedPool],
        recipe: Recipe,
        folder: Path,
        start: BlockWeights | None = None,
    ) -> None:
        self._base = base
        self._recipe = recipe
        self._checkpoint = folder / "checkpoint.pt"
        self._drawn = random.Random(recipe.seed)
        self._sampler = Sampler(examples=examples_of(pools), shares=recipe.shares, drawn=self._drawn)
        lora = Lora(base, recipe.rank, seed=recipe.seed, first_layer=recipe.first_layer)
        state = read_checkpoint(self._checkpoint)
        if state is not None:
            reading = state["tensors"]["reading"].clone()
        elif start is not None:
            lora.restore(start.adapter)
            reading = start.reading.clone()
        else:
            reading = self._start()
        self._course = Course(
            lora,
            "reading",
            reading,
            steps=(recipe.step, recipe.reading_step),
            pace=self._pace,
            decay=recipe.decay,
            most=recipe.average,
        )
        if state is not None:
            self._course.restore(state)
            self._sampler.restore(state)

    @property
    def update(self) -> int:
        """Updates made."""
        return self._course.update

    @property
    def is_done(self) -> bool:
        """Whether all updates were made."""
        return self.update >= self._recipe.updates

    def weights(self) -> BlockWeights:
        """Return the averaged weights."""
        kept = self._course.averaged()
        return BlockWeights(adapter=adapter_of(kept), reading=kept["reading"])

    def encoder(self) -> MiniLm:
        """Return the encoder with the averaged change."""
        return adapted(self._base, self.weights().adapter)

    def step(self) -> float:
        """Make one update and return the mean loss of its lists."""
        model = self._course.begin()
        total = 0.0
        for _ in range(self._recipe.lists):
            shown = show(self._sampler.next(), self._recipe.reading, self._drawn)
            scores = shown.features(model, gradient=True) @ self._course.matrix
            loss = group_contrastive(scores, shown.is_evidence)
            (loss / self._recipe.lists).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        self._course.advance()
        return total / self._recipe.lists

    def save(self) -> None:
        """Write a checkpoint, replacing the last one whole."""
        stands = {**self._course.state(), **self._sampler.state()}
        write_checkpoint(self._checkpoint, {"recipe": asdict(self._recipe), **stands})

    def _start(self) -> Tensor:
        """Fit the reading over the untrained heads."""
        lists: list[tuple[Tensor, Tensor]] = []
        for _ in range(self._recipe.start_lists):
            shown = show(self._sampler.next(), self._recipe.reading, self._drawn)
            lists.append((shown.features(self._base, gradient=False).clone(), shown.is_evidence))
        return fitted(lists, ridge=self._recipe.ridge)

    def _pace(self, update: int) -> float:
        return min(1.0, (update + 1) / self._recipe.warm_up) * max(0.02, 1.0 - update / self._recipe.updates)


def mixed(start: BlockWeights, trained: BlockWeights, share: float, *, rank: int) -> BlockWeights:
    """Return weights between two, `share` of the trained ones (Wortsman et al. 2022, arXiv 2109.01903, Eq. 1)."""
    return BlockWeights(
        adapter=mean_of([start.adapter, trained.adapter], rank=rank, shares=[1.0 - share, share]),
        reading=torch.lerp(start.reading, trained.reading, share),
    )


def fitted(lists: Sequence[tuple[Tensor, Tensor]], *, ridge: float) -> Tensor:
    """Return the weights, float32 (features,), that minimise the mean loss plus ridge * |w|^2.

    `lists` are features (candidates, features) and evidence (candidates,).
    """
    weights = torch.zeros(lists[0][0].shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=150, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        total = ridge * (weights**2).sum()
        for rows, is_evidence in lists:
            total = total + group_contrastive(rows @ weights, is_evidence) / len(lists)
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach()
