"""A whole training run of the span reader: questions, updates, checkpoints, the file that ships, held-out figures."""

import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..agent.span_reader import SpanReader
from ..agent.span_weights import save_weights
from ..memory.embedder import MINILM_SHA256, MiniLmEmbedder, minilm_folder
from ..memory.minilm import MiniLm
from .block_qr import note_down
from .reader_examples import Source
from .span_measure import measure
from .span_reader import Recipe, Trainer
from .span_sources import span_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe, how often to save, in updates, and how many questions of a corpus are measured at the end."""

    recipe: Recipe
    save_every: int = 50
    measured: int = 150


def run(
    data: Path, plan: Plan, *, folder: Path, out: Path, on_update: Callable[[int, int], object]
) -> dict[str, object]:
    """Train as planned from the last checkpoint in `folder`, write the weights to `out`, return the figures.

    `on_update` hears (updates made, updates in all); losses go to `curve.jsonl` in `folder`. Raises DataFormatError
    when a set is missing.
    """
    encoder = MiniLmEmbedder()
    sources = {split: _sources(data, split, encoder, plan.recipe.seed, folder) for split in ("train", "dev")}
    base = MiniLm(minilm_folder(), sha256=MINILM_SHA256, dtype=torch.bfloat16)
    trainer = Trainer(base, encoder, sources["train"], plan.recipe, folder)
    while not trainer.is_done:
        loss = trainer.step()
        note_down(folder, update=trainer.update, loss=round(loss, 4))
        if trainer.update % plan.save_every == 0 or trainer.is_done:
            trainer.save()
        on_update(trainer.update, plan.recipe.updates)
    weights = trainer.weights()
    figures = measure(SpanReader(encoder, weights), sources["dev"], most=plan.measured, seed=plan.recipe.seed)
    recipe = asdict(plan.recipe)
    sha256 = save_weights(weights, out, told={"recipe": recipe, "held_out": figures})
    return {**figures, "recipe": recipe, "file": str(out), "sha256": sha256}


def _sources(data: Path, split: str, encoder: MiniLmEmbedder, seed: int, folder: Path) -> dict[str, list[Source]]:
    """Return the questions of a split, from `folder` where an earlier call left them."""
    kept = folder / f"{split}-{seed}.sources"
    if not kept.exists():
        kept.write_bytes(pickle.dumps(span_sources(data, split, encoder, seed)))
    found: dict[str, list[Source]] = pickle.loads(kept.read_bytes())  # this machine wrote it
    return found
