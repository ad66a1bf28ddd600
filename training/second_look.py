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

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ..memory.minilm import MiniLm
from ..rerank.adapter_file import adapter_of
from ..rerank.span_logits import span_logits
from ..rerank.span_weights import SpanWeights
from .block_lists import Sampler
from .course import Course, read_checkpoint, write_checkpoint
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
        teaching = [one for one in lists if one.example.is_teaching]  # evidence may be behind what the heads read
        self._sampler = Sampler(examples=by_corpus(teaching), shares=recipe.shares, drawn=self._drawn)
        lora = Lora(base, recipe.rank, seed=recipe.seed)
        lora.restore(start.adapter)
        self._course = Course(
            lora,
            "head",
            start.head.clone(),
            steps=(recipe.step, _HEAD_PACE * recipe.step),
            pace=self._pace,
            decay=recipe.decay,
            most=recipe.average,
        )
        if (state := read_checkpoint(self._checkpoint)) is not None:
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

    def weights(self) -> SpanWeights:
        """Return the averaged weights."""
        kept = self._course.averaged()
        return SpanWeights(adapter=adapter_of(kept), head=kept["head"])

    def step(self) -> float:
        """Make one update and return the mean loss of its lists."""
        model = self._course.begin()
        shown = [self._next() for _ in range(self._recipe.lists)]
        rows = [row for one in shown for line in one.rows for row in line]
        # one pass for all: the lists are told apart afterwards
        tells = span_logits(model, self._course.matrix, rows).tells
        every = torch.split(tells, [sum(map(len, one.rows)) for one in shown])
        losses = [ordering_loss(part, one, self._recipe.telling) for part, one in zip(every, shown, strict=True)]
        loss = torch.stack(losses).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        self._course.advance()
        return float(loss.detach())

    def save(self) -> None:
        """Write a checkpoint, replacing the last one whole."""
        stands = {**self._course.state(), **self._sampler.state()}
        write_checkpoint(self._checkpoint, {"recipe": asdict(self._recipe), **stands})

    def _next(self) -> ShownLines:
        while (found := shown_lines(self._sampler.next(), self._recipe.lines, self._drawn)) is None:
            pass
        return found

    def _pace(self, update: int) -> float:
        return min(1.0, (update + 1) / self._recipe.warm_up) * max(0.03, 1.0 - update / self._recipe.updates)


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
