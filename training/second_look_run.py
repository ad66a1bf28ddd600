"""A whole training run of the second look: the heads' order, updates, checkpoints, the file, held-out figures."""

import pickle
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..memory.embedder import MINILM_SHA256, minilm_folder
from ..memory.minilm import MiniLm
from ..rerank.block_weights import shipped_weights
from ..rerank.span_weights import SpanWeights, save_weights
from .asked import AskedPool
from .block_run import chosen
from .run_log import updates_made
from .second_look import Recipe, Trainer, mixed
from .second_look_lists import Heads, HeadsList, drawn_lists
from .second_look_measure import measure

MOST_LISTS = 2_500
"""Of a corpus that are drawn to learn from: reading them all takes the heads an hour on one core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe, the weights it goes on from, how many lists of a corpus are drawn, how often to save, in updates.

    What is written is `mix` of the trained weights and the rest of `start`.
    """

    recipe: Recipe
    start: SpanWeights
    mix: float = 1.0
    lists: int = MOST_LISTS
    save_every: int = 25


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

    The lists are in the order of the block ranker's heads as they ship; a later call finds them in `folder`.
    `on_update` hears (updates made, updates in all); losses go to `curve.jsonl`.
    """
    base = MiniLm(minilm_folder(), sha256=MINILM_SHA256, dtype=torch.bfloat16)
    heads = Heads(base, shipped_weights())
    kept = folder / f"heads-{plan.lists}-{plan.recipe.seed}.lists"
    if not kept.exists():
        drawn = random.Random(plan.recipe.seed)
        kept.write_bytes(pickle.dumps([heads.read(one) for one in drawn_lists(train, most=plan.lists, drawn=drawn)]))
    lists: list[HeadsList] = pickle.loads(kept.read_bytes())  # this machine wrote it
    trainer = Trainer(base, plan.start, lists, plan.recipe, folder)
    for made in updates_made(trainer, folder=folder, save_every=plan.save_every):
        on_update(made, plan.recipe.updates)
    weights = mixed(plan.start, trainer.weights(), plan.mix, rank=plan.recipe.rank)
    figures = measure(base, weights, [heads.read(one) for one in chosen(held_out)])
    recipe = asdict(plan.recipe) | {"mix": plan.mix}
    sha256 = save_weights(weights, out, told={"recipe": recipe, "held_out": figures})
    return {**figures, "recipe": recipe, "file": str(out), "sha256": sha256}
