"""A whole training run of the span reader: questions, updates, checkpoints, the file that ships, held-out figures."""

import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import torch

from ..agent.long_term_memory import LongTermMemory
from ..agent.span_reader import SpanReader
from ..memory.embedder import MINILM_SHA256, MiniLmEmbedder, minilm_folder
from ..memory.minilm import MiniLm
from ..rerank.line_reader import LineReader
from ..rerank.span_weights import save_weights
from .reader_examples import Source
from .run_log import updates_made
from .span_contexts import context_sources
from .span_measure import measure
from .span_questions import TAUGHT, Asking, put_questions
from .span_reader import Recipe, Trainer
from .span_sources import span_sources

OpenMemory: TypeAlias = Callable[[str], LongTermMemory]
Sources: TypeAlias = dict[str, list[Source]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe, what is asked for contexts, how often to save, in updates, and how many of a corpus are measured."""

    recipe: Recipe
    asking: Asking = TAUGHT
    save_every: int = 50
    measured: int = 150


def run(
    data: Path,
    plan: Plan,
    *,
    folder: Path,
    out: Path,
    open_memory: OpenMemory,
    on_update: Callable[[int, int], object],
) -> dict[str, object]:
    """Train as planned from the last checkpoint in `folder`, write the weights to `out`, return the figures.

    `open_memory(name)` gives an empty memory, asked for contexts (`span_contexts`). `on_update` hears (updates made,
    updates in all); losses go to `curve.jsonl` in `folder`. Raises DataFormatError when a set is missing.
    """
    encoder = MiniLmEmbedder()
    seed = plan.recipe.seed
    sources = {
        split: _kept(folder / f"{split}-{seed}.sources", partial(span_sources, data, split, encoder, seed))
        for split in ("train", "dev")
    }
    if any(stage.contexts for stage in plan.recipe.stages):
        sources["train"] |= _kept(
            folder / f"contexts-{seed}.sources",
            lambda: context_sources(
                put_questions(data, "train", open_memory, asking=plan.asking, seed=seed), sources["train"], seed=seed
            ),
        )
    base = MiniLm(minilm_folder(), sha256=MINILM_SHA256, dtype=torch.bfloat16)
    trainer = Trainer(base, encoder, sources["train"], plan.recipe, folder)
    for made in updates_made(trainer, folder=folder, save_every=plan.save_every):
        on_update(made, plan.recipe.updates)
    weights = trainer.weights()
    figures = measure(
        SpanReader(LineReader(encoder, weights)), sources["dev"], most=plan.measured, seed=plan.recipe.seed
    )
    recipe = asdict(plan.recipe)
    sha256 = save_weights(weights, out, told={"recipe": recipe, "held_out": figures})
    return {**figures, "recipe": recipe, "file": str(out), "sha256": sha256}


def _kept(path: Path, make: Callable[[], Sources]) -> Sources:
    """Return questions from a file where an earlier call left them."""
    if not path.exists():
        path.write_bytes(pickle.dumps(make()))
    found: Sources = pickle.loads(path.read_bytes())  # this machine wrote it
    return found
