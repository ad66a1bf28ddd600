"""eval: how good it is, on files the user has."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..config_keys import EMBEDDERS, FUSIONS, RERANKERS
from .invocation import Invocation, pass_invocation, setting
from .output import console, note, progress
from .threads import settle_threads

if TYPE_CHECKING:
    from ..agent.long_term_memory import LongTermMemory
    from ..config import Config
    from ..evals.locomo import LocomoDataset
    from ..evals.problems import Problem
    from ..evals.protocol import RunProtocol, SystemDescription
    from ..evals.retrieval import RetrievalResult

PROBLEMS_SHOWN = 10


@click.group("eval")
def evaluate() -> None:
    """Measure how good the memory is."""


@evaluate.command("locomo")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--retrieval", is_flag=True, help="Measure the recall of gold evidence turns.")
@setting("--rerank", key="rerank.name", type=click.Choice(RERANKERS), help="The reranker.")
@setting("--fusion", key="recall.fusion", type=click.Choice(FUSIONS), help="How both searches become one order.")
@setting("--dense-weight", key="recall.dense_weight", type=float, help="The weight of vectors beside words.")
@setting("--embedder", key="embedder.name", type=click.Choice(EMBEDDERS), help="The embedder.")
@setting("--budget", key="context.budget", type=click.IntRange(min=1), help="Tokens of the context.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write the figures here; - is stdout.",
)
@pass_invocation
def locomo(invocation: Invocation, file: Path, retrieval: bool, json_file: str | None) -> None:
    """Evaluate on FILE, LoCoMo's published JSON: each conversation is one user of a temporary store."""
    if not retrieval:
        raise click.UsageError("Say what to measure: --retrieval (answers are not measured yet).")
    if json_file not in (None, "-") and not Path(json_file).parent.is_dir():
        raise click.UsageError(f"The folder of {json_file} does not exist.")
    from ..evals.locomo import load_locomo
    from ..evals.protocol import describe_retrieval
    from ..evals.report import to_json

    settle_threads(invocation.config)
    dataset = load_locomo(file)
    result, system = _measured(dataset, invocation.config)
    protocol = describe_retrieval(dataset, result, system, date=datetime.now().astimezone())
    if json_file == "-":
        click.echo(to_json(protocol, result), nl=False)
        return
    if json_file is not None:
        try:
            Path(json_file).write_text(to_json(protocol, result), encoding="utf-8")
        except OSError as error:
            _show(protocol, result)  # a long run is not lost to a full disk
            raise click.FileError(json_file, error.strerror or str(error)) from error
    _show(protocol, result)


def _measured(dataset: "LocomoDataset", config: "Config") -> "tuple[RetrievalResult, SystemDescription]":
    from ..evals.retrieval import QuestionScore, RetrievalSettings, count_excluded, evaluate_retrieval
    from ..evals.system import LibrarySystem
    from ..wiring import open_memory

    settings = RetrievalSettings(budget=config.context_budget)
    asked = sum(len(conversation.questions) for conversation in dataset.conversations)
    total = asked - sum(count_excluded(dataset, settings).values())
    done = 0
    with tempfile.TemporaryDirectory(prefix="recollect-eval-") as folder, ExitStack() as opened:

        def open_for(conversation: str) -> "LongTermMemory":
            return opened.enter_context(open_memory(Path(folder) / "eval.db", user=conversation, config=config))

        with progress("Asking", "questions") as advance:

            def count(score: QuestionScore) -> None:
                nonlocal done
                done += 1
                advance(done, total)

            result = evaluate_retrieval(dataset, LibrarySystem(open_for), settings=settings, on_score=count)
    return result, _system(config)


def _system(config: "Config") -> "SystemDescription":
    from .. import __version__
    from ..evals.protocol import SystemDescription
    from ..memory.embedder import WordPieceCounter
    from ..wiring import make_embedder, make_reranker

    embedder = make_embedder(config)
    return SystemDescription(
        reranker=make_reranker(config).name,
        embedder=embedder.name,
        embedder_fingerprint=embedder.fingerprint,
        tokenizer=WordPieceCounter.name,
        recollect_version=__version__,
        fusion=f"{config.fusion}, dense weight {config.dense_weight:g}",
    )


def _show(protocol: "RunProtocol", result: "RetrievalResult") -> None:
    from ..evals.report import latency_table, retrieval_table

    screen = console()
    screen.print(retrieval_table(protocol, result))
    screen.print(latency_table(result))
    _show_problems(result.problems)


def _show_problems(problems: "Sequence[Problem]") -> None:
    alike: dict[tuple[str, str, str], list[str]] = {}
    for problem in problems:
        alike.setdefault((problem.conversation, problem.raw, problem.reason), []).append(problem.where)
    for (conversation, raw, reason), places in list(alike.items())[:PROBLEMS_SHOWN]:
        where = places[0] if len(places) == 1 else f"{places[0]} to {places[-1]} ({len(places)})"
        note(f"{conversation}, {where}: {f'{raw!r}: ' if raw else ''}{reason}")
    if len(alike) > PROBLEMS_SHOWN:
        note(f"… and {len(alike) - PROBLEMS_SHOWN} more kinds of problems; --json lists all.")


COMMANDS = (evaluate,)
