"""Trains the second look (`recollect train second-look`): a span reader goes on with putting lines in order.

Lines of one list are read beside its question, each alone (a cross-encoder, Nogueira and Cho, arXiv 1901.04085); the
log-odds that they answer are put in order by the group contrastive loss (METHODS 6.4, Eq. 4), most lines being such
as our own heads took for the answer. A little of each line's own cross-entropy keeps the odds odds. What ships is the
moving average of the weights. Interrupted runs go on from their last checkpoint.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ..memory.minilm import MiniLm
from ..rerank.adapter_file import adapter_of
from ..rerank.span_logits import span_logits
from ..rerank.span_weights import SpanWeights
from .block_lists import Sampler
from .block_qr import Average
from .lora import Lora, mean_of
from .losses import group_contrastive
from .second_look_lists import HeadsList, ShownLines, by_corpus, shown_lines

SHARES = {
    "invented": 0.30,
    "gathered": 0.14,
    "written": 0.15,
    "msc": 0.12,
    "friendsqa": 0.13,
    "squad": 0.03,
    "multihop": 0.04,
    "qmsum": 0.08,
    "crd3": 0.01,
}
"""How often a list of each set is drawn."""

_HEAD_PACE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything a run depends on beside its lists and the weights it goes on from.

    `telling` is what the summed cross-entropy of a list's lines counts; the head's step is twice `step`.
    """

    updates: int = 900
    lists: int = 12
    lines: int = 16
    rank: int = 48
    step: float = 4e-4
    warm_up: int = 25
    decay: float = 0.01
    average: float = 0.985
    telling: float = 0.03
    seed: int = 11
    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))


class Trainer:
    """One run over lists from the weights `start`, of the recipe's rank or less; `folder` holds its checkpoint."""

    def __init__(
        self, base: MiniLm, start: SpanWeights, lists: Sequence[HeadsList], recipe: Recipe, folder: Path
    ) -> None:
        self._recipe = recipe
        self._checkpoint = folder / "checkpoint.pt"
        self._drawn = random.Random(recipe.seed)
        self._sampler = Sampler(examples=by_corpus(lists), shares=recipe.shares, drawn=self._drawn)
        self._lora = Lora(base, recipe.rank, seed=recipe.seed)
        self._lora.restore(start.adapter)
        self._head = start.head.clone().requires_grad_()
        self._average = Average(recipe.average)
        self.update = 0
        groups = [
            {"params": self._lora.parameters(), "lr": recipe.step},
            {"params": [self._head], "lr": _HEAD_PACE * recipe.step},
        ]
        self._optimiser = torch.optim.AdamW(groups, weight_decay=recipe.decay, betas=(0.9, 0.98))
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimiser, self._pace)
        if self._checkpoint.exists():
            self._restore()

    @property
    def is_done(self) -> bool:
        """Whether all updates were made."""
        return self.update >= self._recipe.updates

    def weights(self) -> SpanWeights:
        """Return the averaged weights."""
        kept = self._average.kept or {name: one.detach() for name, one in self._tensors().items()}
        return SpanWeights(adapter=adapter_of(kept), head=kept["head"])

    def step(self) -> float:
        """Make one update and return the mean loss of its lists."""
        model = self._lora.encoder()
        self._optimiser.zero_grad()
        shown = [self._next() for _ in range(self._recipe.lists)]
        # one pass for all: the lists are told apart afterwards
        tells = span_logits(model, self._head, [row for one in shown for line in one.rows for row in line]).tells
        ends = [sum(map(len, one.rows)) for one in shown]
        every = torch.split(tells, ends)
        losses = [ordering_loss(part, one, self._recipe.telling) for part, one in zip(every, shown, strict=True)]
        loss = torch.stack(losses).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        self._lora.collect()
        torch.nn.utils.clip_grad_norm_([*self._lora.parameters(), self._head], 1.0)
        self._optimiser.step()  # pyright: ignore[reportUnknownMemberType] - torch types it loosely
        self._schedule.step()
        self._average.take(self._tensors(), self.update)
        self.update += 1
        return float(loss.detach())

    def save(self) -> None:
        """Write a checkpoint, replacing the last one whole."""
        state = {
            "recipe": asdict(self._recipe),
            "update": self.update,
            "tensors": {name: one.detach() for name, one in self._tensors().items()},
            "average": self._average.kept,
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "drawn": self._drawn.getstate(),
            "queues": self._sampler.queues,
        }
        torch.save(state, self._checkpoint.with_suffix(".new"))
        self._checkpoint.with_suffix(".new").replace(self._checkpoint)

    def _restore(self) -> None:
        state: dict[str, Any] = torch.load(self._checkpoint, weights_only=False)  # this machine wrote it
        self._lora.restore(adapter_of(state["tensors"]))
        with torch.no_grad():
            self._head.copy_(state["tensors"]["head"])
        self._average.kept = state["average"]
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        self._drawn.setstate(state["drawn"])
        self._sampler.queues = state["queues"]
        self.update = state["update"]

    def _next(self) -> ShownLines:
        while (found := shown_lines(self._sampler.next(), self._recipe.lines, self._drawn)) is None:
            pass
        return found

    def _pace(self, update: int) -> float:
        return min(1.0, (update + 1) / self._recipe.warm_up) * max(0.03, 1.0 - update / self._recipe.updates)

    def _tensors(self) -> dict[str, Tensor]:
        return {**self._lora.tensors(), "head": self._head}


def mixed(start: SpanWeights, trained: SpanWeights, share: float, *, rank: int) -> SpanWeights:
    """Return weights between two, `share` of the trained ones (Wortsman et al. 2022, arXiv 2109.01903, Eq. 1)."""
    return SpanWeights(
        adapter=mean_of([start.adapter, trained.adapter], rank=rank, shares=[1.0 - share, share]),
        head=torch.lerp(start.head, trained.head, share),
    )


def ordering_loss(tells: Tensor, shown: ShownLines, telling: float) -> Tensor:
    """Return the loss of one list, a scalar; `tells` are the log-odds of its rows, one line after another."""
    parts = torch.split(tells, [len(line) for line in shown.rows])
    of_lines = torch.stack([part.max() for part in parts])
    is_evidence = torch.tensor(shown.is_evidence)
    each = binary_cross_entropy_with_logits(of_lines, is_evidence.float(), reduction="sum")
    return group_contrastive(of_lines, is_evidence) + telling * each
