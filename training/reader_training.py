"""Trains the reader (`recollect train reader`): copying first, then short answers.

Cross-entropy of the answer's tokens, and beside it a lesson for a third of the heads of the last cross attention:
to look at the place in the context that the next token can be copied from (as the copy attention of See et al. 2017,
but as a loss alone: the network stays BART's). Matrices are multiplied in bf16 where the processor has it, the
weights that are updated are fp32. Interrupted runs go on from their last checkpoint and give the same weights.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BartForConditionalGeneration

from ..agent.reader_card import ReaderCard
from ..agent.reader_weights import ReaderShape, reader_network, trained_tensors
from ..memory.context import ContextBuilder
from ..memory.embedder import WordPieceCounter, load_tokenizer, minilm_folder
from ..memory.minilm import MiniLm
from .average import Average
from .reader_batches import IGNORED, Batch, Taught, Teacher, batched, padded
from .reader_examples import Showing, Source, draw_corpus, shown
from .reader_sets import SHARES


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything a run depends on beside its questions."""

    copying: int = 500
    answering: int = 4500
    examples: int = 64
    batch_tokens: int = 3072
    step: float = 4e-4
    encoder_step: float = 1.2e-4
    warm_up: int = 100
    decay: float = 0.01
    average: float = 0.998
    pointing: float = 0.3
    still_copying: float = 0.05
    seed: int = 11
    shape: ReaderShape = field(default_factory=ReaderShape)
    showing: Showing = field(default_factory=Showing)
    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))

    @property
    def updates(self) -> int:
        """Updates of both steps."""
        return self.copying + self.answering


class Pointing:
    """Reads how the heads of a cross attention look at the context, without asking the network to return it."""

    def __init__(self, attention: nn.Module, *, heads: int, all_heads: int) -> None:
        self._heads, self._all_heads = heads, all_heads
        self._query = self._key = torch.empty(0)  # of the last pass
        attention.get_submodule("q_proj").register_forward_hook(self._take_query)
        attention.get_submodule("k_proj").register_forward_hook(self._take_key)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean negative log of the attention on places to copy from, over steps that have any."""
        query, key = self._split(self._query), self._split(self._key)  # (batch, heads, steps or length, size)
        scores = (query @ key.transpose(2, 3)).float() / query.shape[-1] ** 0.5  # (batch, heads, steps, length)
        scores = scores.masked_fill(~batch.mask[:, None, None, :], -1e9)
        held = scores.masked_fill(~batch.copied[:, None], -1e9).logsumexp(3) - scores.logsumexp(3)
        can = batch.copied.any(2)[:, None].expand_as(held)
        loss: Tensor = -held[can].mean() if bool(can.any()) else scores.sum() * 0.0
        return loss

    def _split(self, states: Tensor) -> Tensor:
        rows, length = states.shape[:2]
        return states.view(rows, length, self._all_heads, -1).transpose(1, 2)[:, : self._heads]

    def _take_query(self, _module: nn.Module, _given: object, made: Tensor) -> None:
        self._query = made

    def _take_key(self, _module: nn.Module, _given: object, made: Tensor) -> None:
        self._key = made


class Trainer:
    """One run over the questions of each corpus; `folder` holds its checkpoint."""

    def __init__(
        self,
        base: MiniLm,
        sources: Mapping[str, Sequence[Source]],
        recipe: Recipe,
        folder: Path,
        *,
        dtype: torch.dtype,
    ) -> None:
        self._sources, self._recipe, self._folder = sources, recipe, folder
        self._drawn = random.Random(recipe.seed)
        self._builder = ContextBuilder(WordPieceCounter())
        self.card = ReaderCard()
        self.teacher = Teacher(load_tokenizer(minilm_folder()), self.card)
        self.model: BartForConditionalGeneration = reader_network(base, recipe.shape)
        masters = trained_tensors(self.model, recipe.shape)
        self._masters = {name: one.detach().clone().float().requires_grad_() for name, one in masters.items()}
        self.model.set_attn_implementation("eager")  # pyright: ignore[reportUnknownMemberType] - a fifth faster than fused attention, whose backward is slow
        self.model.requires_grad_(False).to(dtype)  # type: ignore[arg-type]  # transformers wraps it
        self._live = trained_tensors(self.model, recipe.shape)
        self._average = Average(recipe.average)
        self.update = 0
        heads = base.shape.heads
        attention = self.model.model.decoder.layers[-1].get_submodule("encoder_attn")
        self._pointing = Pointing(attention, heads=heads // 3, all_heads=heads)
        self._optimiser = torch.optim.AdamW(self._groups(), betas=(0.9, 0.98))
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimiser, self._pace)
        if self._checkpoint.exists():
            self._restore()
        self._track()

    @property
    def is_done(self) -> bool:
        """Whether all updates were made."""
        return self.update >= self._recipe.updates

    @property
    def shape(self) -> ReaderShape:
        """The shape of the network."""
        return self._recipe.shape

    def averaged(self) -> dict[str, Tensor]:
        """Return the trained tensors, averaged over the last updates, fp32."""
        return {name: self._average.kept.get(name, one).detach().clone() for name, one in self._masters.items()}

    def step(self) -> dict[str, float]:
        """Make one update and return its mean losses for each token, by kind."""
        taught = [self._next() for _ in range(self._recipe.examples)]
        steps = sum(len(one.said) for one in taught)
        told = {"loss": 0.0, "pointing": 0.0}
        for group in batched(taught, tokens=self._recipe.batch_tokens):
            batch = padded(group)
            words, pointing = self._losses(batch)
            share = sum(len(one.said) for one in group) / steps
            ((words + self._recipe.pointing * pointing) * share).backward()  # type: ignore[no-untyped-call]
            self._collect()
            told["loss"] += float(words.detach()) * share
            told["pointing"] += float(pointing.detach()) * share
        torch.nn.utils.clip_grad_norm_(list(self._masters.values()), 1.0)
        self._optimiser.step()  # pyright: ignore[reportUnknownMemberType] - torch types it loosely
        self._optimiser.zero_grad(set_to_none=True)
        self._schedule.step()
        self._average.take(self._masters, self.update)
        self._refresh()
        self.update += 1
        return told

    def save(self) -> None:
        """Write a checkpoint, replacing the last one whole."""
        state = {
            "recipe": asdict(self._recipe),
            "update": self.update,
            "masters": {name: one.detach() for name, one in self._masters.items()},
            "average": self._average.kept,
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "drawn": self._drawn.getstate(),
        }
        torch.save(state, self._checkpoint.with_suffix(".new"))
        self._checkpoint.with_suffix(".new").replace(self._checkpoint)

    @property
    def _checkpoint(self) -> Path:
        return self._folder / "checkpoint.pt"

    def _next(self) -> Taught:
        source = self._drawn.choice(self._sources[draw_corpus(self._recipe.shares, self._drawn)])
        example = shown(source, self._builder, self._recipe.showing, self._drawn)
        copies = self.update < self._recipe.copying or self._drawn.random() < self._recipe.still_copying
        return self.teacher.repeat(example, self._drawn) if copies else self.teacher.answer(example)

    def _losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the mean cross-entropy of the wanted tokens and the pointing loss; logits of those tokens alone."""
        states = self.model.model(
            input_ids=batch.read,
            attention_mask=batch.mask.long(),
            decoder_input_ids=batch.given,
            use_cache=False,
        ).last_hidden_state  # (batch, steps, hidden)
        is_wanted = batch.wanted != IGNORED
        bias = self._live["final_logits_bias"]
        logits = functional.linear(states[is_wanted], self.model.lm_head.weight) + bias  # (tokens, vocabulary)
        return functional.cross_entropy(logits.float(), batch.wanted[is_wanted]), self._pointing.loss(batch)

    def _groups(self) -> list[dict[str, Any]]:
        def chosen(*, encoder: bool, matrices: bool) -> list[Tensor]:
            return [
                one
                for name, one in self._masters.items()
                if name.startswith("model.encoder") == encoder
                and (one.dim() > 1 and name != "final_logits_bias") == matrices
            ]

        return [
            {
                "params": chosen(encoder=encoder, matrices=matrices),
                "lr": self._recipe.encoder_step if encoder else self._recipe.step,
                "weight_decay": self._recipe.decay if matrices else 0.0,
            }
            for encoder in (True, False)
            for matrices in (True, False)
        ]

    def _pace(self, update: int) -> float:
        return min(1.0, (update + 1) / self._recipe.warm_up) * max(0.02, 1.0 - update / self._recipe.updates)

    def _collect(self) -> None:
        """Add the gradients of the network's tensors to those of the fp32 ones."""
        for name, live in self._live.items():
            if live.grad is not None:
                master = self._masters[name]
                master.grad = live.grad.float() if master.grad is None else master.grad.add_(live.grad)
                live.grad = None

    def _refresh(self) -> None:
        with torch.no_grad():
            for name, live in self._live.items():
                live.copy_(self._masters[name])

    def _track(self) -> None:
        named = dict(self.model.named_parameters())
        self._refresh()
        for name in self._live:
            if name in named:
                self._live[name] = named[name].requires_grad_()
        self._live["final_logits_bias"].requires_grad_()

    def _restore(self) -> None:
        state: dict[str, Any] = torch.load(self._checkpoint, weights_only=False)  # this machine wrote it
        with torch.no_grad():
            for name, one in self._masters.items():
                one.copy_(state["masters"][name])
        self._average.kept = state["average"]
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        self._drawn.setstate(state["drawn"])
        self.update = state["update"]
