"""Trains the span reader (`recollect train spans`): a low-rank change to the small encoder, and where answers lie.

The loss is that of shared normalisation (Clark and Gardner 2018, arXiv 1710.10723, section 3.2): minus the logarithm
of the share of the softmax over all tokens of all lines that falls on where an answer starts, and the same for its
end; where there is no answer, on the lines' `[CLS]`; where only the telling lines are known, on any of their tokens.
Added to it are the cross-entropy of whether each line answers by itself, and the group contrastive loss of the lines
by the same log-odds (METHODS 6.4, Eq. 4): the ranker's second look orders memories by them. The second stage of a run
also draws questions beside the lines that our own memory finds (`span_contexts`). What ships is the mean of the
moving averages at the ends of the stages: either alone does worse on questions of the other's kind. Interrupted runs
go on from their last checkpoint.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ..memory.embedder import MiniLmEmbedder
from ..memory.minilm import MiniLm
from ..rerank.adapter_file import adapter_of
from ..rerank.span_logits import Logits, span_logits
from ..rerank.span_weights import SpanWeights
from .course import Course, read_checkpoint, write_checkpoint
from .lora import Lora, mean_of
from .losses import group_contrastive
from .reader_examples import Source, draw_corpus
from .span_contexts import SHARES as CONTEXT_SHARES
from .span_contexts import SHOWING
from .span_examples import Showing, Spans, spans_of
from .span_sources import SHARES

_HEAD_PACE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Updates with one schedule: the step size rises for `warm_up` of them and falls to nearly nothing.

    `contexts` is the share of the questions that are shown beside what our own memory finds, 0 to 1. The head's step
    is twice the size.
    """

    updates: int
    step: float
    warm_up: int
    contexts: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything a run depends on beside its questions.

    `telling` is what each line's own cross-entropy counts, `ordering` what the group contrastive loss of a question's
    lines does.
    """

    stages: tuple[Stage, ...] = (
        Stage(updates=1_200, step=1e-3, warm_up=60),
        Stage(updates=600, step=8e-4, warm_up=30, contexts=0.5),
    )
    questions: int = 16
    rank: int = 48
    decay: float = 0.01
    average: float = 0.99
    telling: float = 1.0 / 3.0
    ordering: float = 0.5
    seed: int = 11
    showing: Showing = field(default_factory=Showing)
    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))

    @property
    def updates(self) -> int:
        """All of them."""
        return sum(stage.updates for stage in self.stages)

    def shortened(self, updates: int | None) -> "Recipe":
        """Return a recipe of that many updates, at least one a stage, stages in proportion; None leaves it alone."""
        if updates is None:
            return self
        share = updates / self.updates
        return replace(
            self,
            stages=tuple(
                replace(
                    one,
                    updates=max(1, round(share * one.updates)),
                    warm_up=max(1, min(one.warm_up, round(share * one.updates / 2))),
                )
                for one in self.stages
            ),
        )

    def at(self, update: int) -> tuple[Stage, int]:
        """Return the stage of an update, and which of the stage's updates it is; the last one's end after all."""
        for stage in self.stages:
            if update < stage.updates:
                return stage, update
            update -= stage.updates
        return self.stages[-1], self.stages[-1].updates

    def step(self, update: int) -> float:
        """Return the step size of an update."""
        stage, made = self.at(update)
        return stage.step * min(1.0, (made + 1) / stage.warm_up) * max(0.02, 1.0 - made / stage.updates)


class Trainer:
    """One run over questions by corpus; `folder` holds its checkpoint."""

    def __init__(
        self,
        base: MiniLm,
        encoder: MiniLmEmbedder,
        sources: Mapping[str, Sequence[Source]],
        recipe: Recipe,
        folder: Path,
    ) -> None:
        self._encoder = encoder
        self._sources = sources
        self._recipe = recipe
        self._checkpoint = folder / "checkpoint.pt"
        self._drawn = random.Random(recipe.seed)
        self._queues: dict[str, list[int]] = {}
        drawn = torch.Generator().manual_seed(recipe.seed)
        self._ends: list[dict[str, Tensor]] = []
        self._course = Course(
            Lora(base, recipe.rank, seed=recipe.seed),
            "head",
            torch.randn(3, base.shape.hidden + 1, generator=drawn) * 0.02,
            steps=(1.0, _HEAD_PACE),
            pace=recipe.step,
            decay=recipe.decay,
            most=recipe.average,
        )
        if (state := read_checkpoint(self._checkpoint)) is not None:
            self._course.restore(state)
            self._ends = state["ends"]
            self._drawn.setstate(state["drawn"])
            self._queues = state["queues"]

    @property
    def update(self) -> int:
        """Updates made."""
        return self._course.update

    @property
    def is_done(self) -> bool:
        """Whether all updates were made."""
        return self.update >= self._recipe.updates

    def weights(self) -> SpanWeights:
        """Return the averaged weights, at the end the mean of those at the ends of the stages."""
        ends = self._ends if self.is_done else [self._course.averaged()]
        adapter = mean_of([adapter_of(one) for one in ends], rank=self._recipe.rank)
        return SpanWeights(adapter=adapter, head=torch.stack([one["head"] for one in ends]).mean(0))

    def step(self) -> float:
        """Make one update and return the mean loss of its questions, in nats, of start and end together."""
        model = self._course.begin()
        asked = [self._next() for _ in range(self._recipe.questions)]
        # one pass for all: the lines of a question are told apart afterwards
        every = span_logits(model, self._course.matrix, [row for one in asked for row in one.rows])
        loss = torch.stack(
            [
                span_loss(part, one)
                + self._recipe.telling * telling_loss(part, one)
                + self._recipe.ordering * ordering_loss(part, one)
                for part, one in zip(parts(every, asked), asked, strict=True)
            ]
        ).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        self._course.advance()
        if self._recipe.at(self.update - 1)[0] is not self._recipe.at(self.update)[0] or self.is_done:
            self._ends.append({name: one.clone() for name, one in self._course.averaged().items()})
        return float(loss.detach())

    def save(self) -> None:
        """Write a checkpoint, replacing the last one whole."""
        drawing = {"drawn": self._drawn.getstate(), "queues": self._queues, "ends": self._ends}
        write_checkpoint(self._checkpoint, {"recipe": asdict(self._recipe), **self._course.state(), **drawing})

    def _next(self) -> Spans:
        share = self._recipe.at(self.update)[0].contexts
        chances = {name: (1.0 - share) * chance for name, chance in self._recipe.shares.items()}
        chances |= {name: share * chance for name, chance in CONTEXT_SHARES.items()}
        corpus = draw_corpus({name: chances.get(name, 0.0) for name in self._sources}, self._drawn)
        every = self._sources[corpus]
        if not self._queues.get(corpus):
            self._queues[corpus] = self._drawn.sample(range(len(every)), len(every))
        showing = SHOWING if corpus in CONTEXT_SHARES else self._recipe.showing
        return spans_of(every[self._queues[corpus].pop()], self._encoder, showing, self._drawn)


def parts(every: Logits, asked: Sequence[Spans]) -> list[Logits]:
    """Return the logits of each question, for those of all their rows one after another."""
    found: list[Logits] = []
    row = place = 0
    ends = [*(int(begin) for begin in every.begins), len(every.start)]
    for one in asked:
        last = ends[row + len(one.rows)]
        found.append(
            Logits(
                row=every.row[place:last] - row,
                start=every.start[place:last],
                end=every.end[place:last],
                begins=every.begins[row : row + len(one.rows)] - place,
                tells=every.tells[row : row + len(one.rows)],
            )
        )
        row, place = row + len(one.rows), last
    return found


def span_loss(logits: Logits, spans: Spans) -> Tensor:
    """Return the loss of one question, a scalar."""
    begins = logits.begins
    if not spans.telling:
        starts = ends = begins
    elif spans.starts:
        starts = torch.stack([begins[row] + 1 + token for row, token in spans.starts])
        ends = torch.stack([begins[row] + 1 + token for row, token in spans.ends])
    else:
        is_telling = torch.isin(logits.row, torch.tensor(spans.telling))
        is_telling[begins] = False
        starts = ends = is_telling.nonzero()[:, 0]
    start = logits.start.logsumexp(0) - logits.start[starts].logsumexp(0)
    return start + logits.end.logsumexp(0) - logits.end[ends].logsumexp(0)


def telling_loss(logits: Logits, spans: Spans) -> Tensor:
    """Return the summed cross-entropy of whether each row of a question answers it, a scalar."""
    return binary_cross_entropy_with_logits(logits.tells, _is_telling(spans).float(), reduction="sum")


def ordering_loss(logits: Logits, spans: Spans) -> Tensor:
    """Return how far the telling rows of a question are from standing before the others, a scalar (METHODS 6.4).

    Nothing where all rows tell, or none.
    """
    is_telling = _is_telling(spans)
    if bool(is_telling.all()) or not bool(is_telling.any()):
        return torch.zeros(())
    return group_contrastive(logits.tells, is_telling)


def _is_telling(spans: Spans) -> Tensor:
    found = torch.zeros(len(spans.rows), dtype=torch.bool)
    found[list(spans.telling)] = True
    return found
