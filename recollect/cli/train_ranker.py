"""train qr, train second-look: the two halves of the block ranker."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from .invocation import Invocation, pass_invocation
from .output import console, progress, say
from .threads import settle_threads

if TYPE_CHECKING:
    from ..training.asked import AskedPool
    from ..training.block_corpora import Extent

data_option = click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The folder that holds msc/ and friendsqa/ (docs.jsonl.xz and qa.jsonl.xz each).",
)
folder_option = click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="Keeps lists and checkpoints."
)
out_option = click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The safetensors file."
)
share_option = click.option(
    "--share", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="Of the sets."
)
seed_option = click.option("--seed", type=int, default=11, show_default=True)
mix_option = click.option(
    "--mix",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="How much the trained weights count in what is written; the rest is --start's.",
)


class RankerRecipe(TypedDict):
    """What both commands may vary."""

    updates: int
    share: float
    seed: int
    start: Path | None
    mix: float


@click.command()
@data_option
@out_option
@folder_option
@click.option(
    "--updates", type=click.IntRange(min=0), default=900, show_default=True, help="0 fits the reading alone."
)
@share_option
@seed_option
@click.option(
    "--start",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Weights of a block ranker to go on from [default: the untrained heads].",
)
@mix_option
@pass_invocation
def qr(invocation: Invocation, data: Path, out: Path, folder: Path, **recipe: Unpack[RankerRecipe]) -> None:
    """Train the block ranker on the sets in --data; an interrupted run goes on where it stopped.

    Half an hour for the lists and an hour or two for 900 updates on one core.
    """
    from ..rerank.block_weights import load_weights
    from ..training.block_corpora import Extent
    from ..training.block_qr import Recipe
    from ..training.block_run import Plan, run

    if recipe["start"] is None and recipe["mix"] < 1:
        raise click.UsageError("--mix needs --start: the rest of what is written comes from the weights there.")
    settle_threads(invocation.config)
    begun = None if recipe["start"] is None else load_weights(recipe["start"])
    train_lists, held_out = _asked_lists(invocation, data, folder, Extent(share=recipe["share"], seed=recipe["seed"]))
    plan = Plan(
        recipe=Recipe(updates=recipe["updates"], seed=recipe["seed"]),
        start=begun,
        mix=recipe["mix"],
    )
    with progress("Training", "updates") as advance:
        result = run(train_lists, held_out, plan, folder=folder, out=out, on_update=advance)
    for name, value in result.items():
        say(f"{name}: {value}")


def _asked_lists(
    invocation: Invocation, data: Path, folder: Path, extent: "Extent"
) -> tuple[list["AskedPool"], list["AskedPool"]]:
    """Return the lists that train and those held out, from `folder` where an earlier call left them."""
    from ..training.block_corpora import lists_of
    from ..wiring import open_memory

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="recollect-train-") as place:
        root = open_memory(Path(place) / "train.db", user="train", config=invocation.config)
        with root, console(stderr=True).status("Asking the training conversations"):
            return (
                lists_of(data, "train", folder, root.as_user, extent),
                lists_of(data, "dev", folder, root.as_user, extent),
            )


@click.command(name="second-look")
@data_option
@out_option
@folder_option
@click.option("--updates", type=click.IntRange(min=1), default=900, show_default=True)
@share_option
@seed_option
@click.option(
    "--start",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Weights of a reader to go on from [default: the span reader that ships].",
)
@mix_option
@pass_invocation
def second_look(invocation: Invocation, data: Path, out: Path, folder: Path, **recipe: Unpack[RankerRecipe]) -> None:
    """Train the reader that looks again at what the block ranker puts first; an interrupted run goes on.

    On one core half an hour for the lists, an hour for the heads to put them in order, and an hour for 900 updates.
    """
    from ..rerank.span_weights import load_weights, shipped_weights
    from ..training.block_corpora import Extent
    from ..training.second_look import Recipe
    from ..training.second_look_run import MOST_LISTS, Plan, run

    settle_threads(invocation.config)
    begun = shipped_weights() if recipe["start"] is None else load_weights(recipe["start"])
    extent = Extent(share=recipe["share"], seed=recipe["seed"])
    train_lists, held_out = _asked_lists(invocation, data, folder, extent)
    plan = Plan(
        recipe=Recipe(updates=recipe["updates"], seed=recipe["seed"]),
        start=begun,
        mix=recipe["mix"],
        lists=extent.of(MOST_LISTS),
    )
    with progress("Training", "updates") as advance:
        result = run(train_lists, held_out, plan, folder=folder, out=out, on_update=advance)
    for name, value in result.items():
        say(f"{name}: {value}")
