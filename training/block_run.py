"""A whole training run of the block ranker: updates, checkpoints, held-out figures, the file that ships."""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..memory.embedder import MINILM_SHA256, minilm_folder
from ..memory.minilm import MiniLm
from ..rerank.adapter import adapted
from ..rerank.block_weights import BlockWeights, save_weights
from .asked import AskedPool
from .block_lists import Example
from .block_measure import measure
from .block_qr import Recipe, Trainer, mixed
from .run_log import note_down, updates_made

HELD_OUT = {"msc": 150, "written": 150, "gathered": 100, "invented": 100, "friendsqa": 150, "qmsum": 40}
"""Lists of the dev splits that are measured, by corpus, drawn once for all runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe, and how often to save and to measure, in updates.

    With `start` a run goes on from these weights; what it writes is then `mix` of its own and the rest of `start`.
    """

    recipe: Recipe
    start: BlockWeights | None = None
    mix: float = 1.0
    save_every: int = 25
    measure_every: int = 100


def run(
    train: Sequence[AskedPool],
    held_out: Sequence[AskedPool],
    plan: Plan,
    *,
    folder: Path,
    out: Path,
    on_update: Callable[[int, int], object],
) -> dict[str, object]:
    """Train as planned from the last checkpoint in `folder`, write the weights to `out`, return the figures.

    `on_update` hears (updates made, updates in all). Losses and figures on the way go to `curve.jsonl`.
    """
    base = MiniLm(minilm_folder(), sha256=MINILM_SHA256, dtype=torch.bfloat16)
    trainer = Trainer(base, train, plan.recipe, folder, plan.start)
    lists = chosen(held_out)
    for made in updates_made(trainer, folder=folder, save_every=plan.save_every):
        if made % plan.measure_every == 0 and not trainer.is_done:
            figures = measure(trainer.encoder(), trainer.weights().reading, lists)
            note_down(folder, update=made, held_out=figures)
        on_update(made, plan.recipe.updates)
    weights = trainer.weights()
    if plan.start is not None:
        weights = mixed(plan.start, weights, plan.mix, rank=plan.recipe.rank)
    figures = measure(adapted(base, weights.adapter), weights.reading, lists)
    recipe = asdict(plan.recipe) | {"mix": plan.mix}
    sha256 = save_weights(weights, out, told={"recipe": recipe, "held_out": figures})
    return {**figures, "recipe": recipe, "file": str(out), "sha256": sha256}


def chosen(pools: Sequence[AskedPool]) -> list[Example]:
    """Return the held-out lists that every run is measured on."""
    found: dict[str, list[Example]] = {}
    for pool in pools:
        found.setdefault(pool.corpus, []).extend(Example(pool=pool, asked=asked) for asked in pool.lists)
    drawn = random.Random(5)
    return [one for name, every in found.items() for one in drawn.sample(every, min(HELD_OUT[name], len(every)))]
