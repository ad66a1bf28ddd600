"""train: how the shipped models are made, for whoever wants to make them again."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TypedDict, Unpack

import click

from .invocation import Invocation, pass_invocation
from .output import console, progress, say
from .threads import settle_threads
from .train_ranker import data_option, qr, second_look


class SpanRecipe(TypedDict):
    """What `train spans` may vary."""

    updates: int | None
    seed: int


class ReaderRecipe(TypedDict):
    """What `train reader` may vary."""

    copying: int
    answering: int
    seed: int


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
@click.option(
    "--written",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Learn from these questions, too: training/written_questions.jsonl or one like it.",
)
@pass_invocation
def extractive(
    invocation: Invocation, data: Path, out: Path, conversations: int, seed: int, written: Path | None
) -> None:
    """Fit which sentence the extractive generator quotes, and when it does not remember (about five minutes)."""
    from ..training.extractive import Recipe, ask, fit, write
    from ..training.extractive_written import ask_written
    from ..wiring import open_memory

    config = invocation.config
    with tempfile.TemporaryDirectory(prefix="recollect-train-") as folder:
        root = open_memory(Path(folder) / "train.db", user="train", config=config)
        with root, console(stderr=True).status("Asking the training conversations"):
            recipe = Recipe(conversations=conversations, seed=seed)
            learnt, held_out = ask(data, root.as_user, recipe)
            if written is not None:
                learnt += ask_written(data, "train", root.as_user, seed, file=written)
                held_out += ask_written(data, "dev", root.as_user, seed, file=written)
            calibration = fit(learnt, held_out, recipe)
    write(calibration, out)
    for name, value in asdict(calibration).items():
        say(f"{name}: {value}")


@train.command()
@data_option
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where to write the weights."
)
@click.option(
    "--conversations", type=click.IntRange(min=2), default=300, show_default=True, help="How many of MSC's."
)
@click.option("--seed", type=int, default=0, show_default=True)
@pass_invocation
def summarizer(invocation: Invocation, data: Path, out: Path, conversations: int, seed: int) -> None:
    """Fit which sentences the extractive summariser takes (about two minutes); only msc/ is read."""
    from ..training.event_sentences import fit_sentences, write_sentences
    from ..wiring import make_embedder

    settle_threads(invocation.config)
    with console(stderr=True).status("Reading the training conversations"):
        fitted = fit_sentences(data, make_embedder(invocation.config), conversations=conversations, seed=seed)
    write_sentences(fitted, out)
    say(f"precision at 3: {fitted.precision_at_3:.3f}, of random sentences {fitted.random_at_3:.3f} (dev split)")


@train.command()
@data_option
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The model's folder.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Keeps questions and checkpoints.",
)
@click.option(
    "--copying", type=click.IntRange(min=0), default=500, show_default=True, help="Updates that teach copying."
)
@click.option("--answering", type=click.IntRange(min=0), default=4500, show_default=True, help="Updates after them.")
@click.option("--seed", type=int, default=11, show_default=True)
@pass_invocation
def reader(invocation: Invocation, data: Path, out: Path, folder: Path, **recipe: Unpack[ReaderRecipe]) -> None:
    """Train the small BART that answers in a few words; an interrupted run goes on where it stopped.

    About five hours on one core with AVX512-BF16. Ends with a table on held-out questions, beside the extractive
    generator on the same ones.
    """
    settle_threads(invocation.config)
    from ..training.reader_run import Plan, run
    from ..training.reader_training import Recipe

    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(recipe=Recipe(**recipe))
    with progress("Training", "updates") as advance:
        result = run(data, plan, folder=folder, out=out, on_update=advance)
    for name, value in result.items():
        say(f"{name}: {value}")


@train.command()
@data_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The safetensors file.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Keeps questions and checkpoints.",
)
@click.option("--updates", type=click.IntRange(min=1), help="Fewer updates, stages in proportion [default: 1800].")
@click.option("--seed", type=int, default=11, show_default=True)
@pass_invocation
def spans(invocation: Invocation, data: Path, out: Path, folder: Path, **recipe: Unpack[SpanRecipe]) -> None:
    """Train the span reader that finds the words that answer; an interrupted run goes on where it stopped.

    Two hours on one core with AVX512-BF16: half an hour for asking, the rest for updates.
    """
    settle_threads(invocation.config)
    from ..training.span_reader import Recipe
    from ..training.span_run import Plan, run
    from ..wiring import open_memory

    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(recipe=Recipe(seed=recipe["seed"]).shortened(recipe["updates"]))
    with tempfile.TemporaryDirectory(prefix="recollect-train-") as kept:
        root = open_memory(Path(kept) / "train.db", user="train", config=invocation.config)
        with root, progress("Training", "updates") as advance:
            result = run(data, plan, folder=folder, out=out, open_memory=root.as_user, on_update=advance)
    for name, value in result.items():
        say(f"{name}: {value}")


@train.command()
@data_option
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Of a span reader [default: what ships].",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where to write the JSON."
)
@click.option(
    "--declined",
    type=click.FloatRange(0, 1),
    default=0.6,
    show_default=True,
    help="Least share of the questions without an answer that are to be declined.",
)
@click.option("--seed", type=int, default=11, show_default=True)
@pass_invocation
def answers(invocation: Invocation, data: Path, weights: Path | None, out: Path, declined: float, seed: int) -> None:
    """Choose when offline answers are not given, on held-out questions (some ten minutes)."""
    settle_threads(invocation.config)
    from ..agent.span_reader import SpanReader
    from ..memory.embedder import MiniLmEmbedder
    from ..rerank.line_reader import LineReader
    from ..rerank.span_weights import load_weights
    from ..training.span_calibration import RememberingReader, calibrate, write
    from ..training.span_questions import HELD_OUT, put_questions
    from ..wiring import open_memory

    lines = LineReader(MiniLmEmbedder(), None if weights is None else load_weights(weights))
    reader = RememberingReader(SpanReader(lines))
    with tempfile.TemporaryDirectory(prefix="recollect-train-") as folder:
        root = open_memory(Path(folder) / "train.db", user="train", config=invocation.config)
        with root, console(stderr=True).status("Asking the held-out conversations"):
            asked = put_questions(data, "dev", root.as_user, asking=HELD_OUT, seed=seed)
            found = [
                calibrate(asked, reader, declined=declined, with_score=with_score) for with_score in (True, False)
            ]
    write(found[0], found[1], out)
    for name, value in asdict(found[0]).items():
        say(f"{name}: {value}")


train.add_command(qr)
train.add_command(second_look)

COMMANDS = (train,)
