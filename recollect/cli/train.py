"""train: how the shipped models are made, for whoever wants to make them again."""

import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from .invocation import Invocation, pass_invocation
from .output import console, say

data_option = click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The folder that holds msc/ and friendsqa/ (docs.jsonl.xz and qa.jsonl.xz each).",
)


@click.group()
def train() -> None:
    """Fit what ships with Recollect again, from the training sets."""


@train.command()
@data_option
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where to write the weights."
)
@click.option(
    "--conversations", type=click.IntRange(min=2), default=90, show_default=True, help="How many of each split."
)
@click.option("--seed", type=int, default=13, show_default=True)
@pass_invocation
def extractive(invocation: Invocation, data: Path, out: Path, conversations: int, seed: int) -> None:
    """Fit which sentence the extractive generator quotes, and when it does not remember (about five minutes)."""
    from ..training.extractive import Recipe, ask, fit, write
    from ..wiring import open_memory

    config = invocation.config
    with tempfile.TemporaryDirectory(prefix="recollect-train-") as folder:
        root = open_memory(Path(folder) / "train.db", user="train", config=config)
        with root, console(stderr=True).status("Asking the training conversations"):
            recipe = Recipe(conversations=conversations, seed=seed)
            calibration = fit(*ask(data, root.as_user, recipe), recipe)
    write(calibration, out)
    for name, value in asdict(calibration).items():
        say(f"{name}: {value}")


@train.command()
@data_option
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where to write the weights."
)
@click.option("--seed", type=int, default=11, show_default=True)
@pass_invocation
def heads(invocation: Invocation, data: Path, out: Path, seed: int) -> None:
    """Learn how much each attention head of the offline encoder says, for `--rerank block` (about ten minutes)."""
    from ..memory.embedder import MiniLmEmbedder
    from ..training.head_reading import Recipe, learn, write
    from ..wiring import open_memory

    with tempfile.TemporaryDirectory(prefix="recollect-train-") as folder:
        root = open_memory(Path(folder) / "train.db", user="train", config=invocation.config)
        with root, console(stderr=True).status("Asking the training conversations"):
            learned = learn(data, root.as_user, MiniLmEmbedder(), Recipe(seed=seed))
    write(learned, out)
    for name, value in asdict(learned).items():
        if name != "weights":
            say(f"{name}: {value}")


COMMANDS = (train,)
