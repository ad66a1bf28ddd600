"""eval: how good it is, on files the user has."""

import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..config_keys import EMBEDDERS, FUSIONS, RERANKERS
from .evaluate_data import data
from .evaluate_report import compare, report
from .invocation import Invocation, pass_invocation, setting
from .output import console, note, progress
from .threads import settle_threads

if TYPE_CHECKING:
    from rich.table import Table

    from ..agent.long_term_memory import LongTermMemory
    from ..config import Config
    from ..evals.dataset import Dataset
    from ..evals.problems import Problem
    from ..evals.protocol import SystemDescription
    from ..evals.retrieval import RetrievalSettings, RetrievalSystem
    from ..evals.run import Comparison
    from ..evals.system import SharedMemories

UNITS = ("turn", "chunk")
CHUNK_KS = (1, 3, 5, 10)
PROBLEMS_SHOWN = 10


@click.group("eval")
def evaluate() -> None:
    """Measure how good the memory is."""


@evaluate.command("locomo")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--retrieval", is_flag=True, help="Measure the recall of gold evidence.")
@click.option(
    "--rerank",
    "rerankers",
    multiple=True,
    type=click.Choice(RERANKERS),
    help="The reranker; several times to compare them on the same candidates, the first being what the others are "
    "compared with.",
)
@click.option(
    "--rerank-model",
    "models",
    multiple=True,
    metavar="[RERANKER=]MODEL",
    help="The model that rerankers read, or one of them: qr=Qwen/Qwen3-4B-Instruct-2507.",
)
@setting("--rerank-heads", key="rerank.heads", metavar="HEADS", help="The heads of qr: a file, a data set, 20-15,…")
@click.option(
    "--unit",
    type=click.Choice(UNITS),
    default=UNITS[0],
    show_default=True,
    help="What is ranked: turns, or chunks of whole utterances of about 258 tokens, with BM25 for reference.",
)
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
def locomo(
    invocation: Invocation,
    file: Path,
    *,
    retrieval: bool,
    rerankers: tuple[str, ...],
    models: tuple[str, ...],
    unit: str,
    json_file: str | None,
) -> None:
    """Evaluate on FILE, LoCoMo's published JSON: each conversation is one user of a temporary store."""
    if not retrieval:
        raise click.UsageError("Say what to measure: --retrieval (answers are not measured yet).")
    if json_file not in (None, "-") and not Path(json_file).parent.is_dir():
        raise click.UsageError(f"The folder of {json_file} does not exist.")
    from ..evals.locomo import load_locomo

    config = invocation.config
    settle_threads(config)
    dataset = load_locomo(file)
    chosen = _each(config, tuple(dict.fromkeys(rerankers or (config.rerank,))), models)
    comparison = _measured(dataset, config, chosen, _settings(unit, config))
    report = _Report(dataset, comparison, _system(config, chosen))
    if json_file == "-":
        click.echo(report.json(), nl=False)
        return
    if json_file is not None:
        try:
            Path(json_file).write_text(report.json(), encoding="utf-8")
        except OSError as error:
            report.show()  # a long run is not lost to a full disk
            raise click.FileError(json_file, error.strerror or str(error)) from error
    report.show()


def _each(config: "Config", rerankers: Sequence[str], models: Sequence[str]) -> "dict[str, Config]":
    """Return the configuration of each reranker; a model without a name, or the configured one, is for them all."""
    own: dict[str, str] = {}
    common = config.rerank_model
    for given in models:
        name, sign, model = given.partition("=")
        if sign and name in RERANKERS:
            own[name] = model
        else:
            common = given
    return {name: replace(config, rerank=name, rerank_model=own.get(name, common)) for name in rerankers}


def _settings(unit: str, config: "Config") -> "RetrievalSettings":
    from ..evals.retrieval import RetrievalSettings
    from ..evals.units import ChunkUnit
    from ..memory.embedder import WordPieceCounter

    if unit == "turn":
        return RetrievalSettings(budget=config.context_budget)
    return RetrievalSettings(budget=config.context_budget, ks=CHUNK_KS, unit=ChunkUnit(count=WordPieceCounter()))


def _measured(
    dataset: "Dataset", config: "Config", rerankers: "Mapping[str, Config]", settings: "RetrievalSettings"
) -> "Comparison":
    from ..evals.run import compare_retrieval, count_excluded
    from ..evals.system import SharedMemories
    from ..wiring import open_memory

    without = replace(config, rerank="none")  # each system brings its own
    asked = sum(len(conversation.questions) for conversation in dataset.conversations)
    total = asked - sum(count_excluded(dataset, settings).values())
    done = itertools.count(1)
    with tempfile.TemporaryDirectory(prefix="recollect-eval-") as folder, ExitStack() as opened:

        def open_for(conversation: str) -> "LongTermMemory":
            return opened.enter_context(open_memory(Path(folder) / "eval.db", user=conversation, config=without))

        systems = _systems(SharedMemories(open_for), rerankers, settings)
        with progress("Asking", "questions") as advance:
            return compare_retrieval(
                dataset, systems, settings=settings, on_question=lambda _: advance(next(done), total)
            )


def _systems(
    memories: "SharedMemories", rerankers: "Mapping[str, Config]", settings: "RetrievalSettings"
) -> "dict[str, RetrievalSystem]":
    """Return a system for each reranker, and for chunks the reference besides."""
    from ..evals.chunk_system import Bm25Chunks, ChunkSystem
    from ..evals.system import TurnSystem
    from ..evals.units import ChunkUnit
    from ..wiring import make_reranker

    makers = {name: partial(make_reranker, own, turns_of=memories.turns_of) for name, own in rerankers.items()}
    unit = settings.unit
    if not isinstance(unit, ChunkUnit):
        return {name: TurnSystem(memories, make) for name, make in makers.items()}
    chunked = {name: ChunkSystem(memories, make, unit) for name, make in makers.items()}
    return {**chunked, Bm25Chunks.name: Bm25Chunks(unit)}


def _system(config: "Config", rerankers: "Mapping[str, Config]") -> "SystemDescription":
    from .. import __version__
    from ..evals.protocol import SystemDescription
    from ..memory.embedder import WordPieceCounter
    from ..wiring import make_embedder

    embedder = make_embedder(config)
    return SystemDescription(
        reranker=", ".join(_described(name, own) for name, own in rerankers.items()),
        embedder=embedder.name,
        embedder_fingerprint=embedder.fingerprint,
        tokenizer=WordPieceCounter.name,
        recollect_version=__version__,
        fusion=f"{config.fusion}, dense weight {config.dense_weight:g}",
    )


def _described(reranker: str, config: "Config") -> str:
    """Return a reranker's name with its model, if it reads one."""
    model = {"qr": config.rerank_model, "cross_encoder": config.rerank_model, "listwise_llm": config.hosted_model}
    return f"{reranker} ({model[reranker]})" if model.get(reranker) else reranker


class _Report:
    """One reranker by itself, or several beside each other."""

    def __init__(self, dataset: "Dataset", comparison: "Comparison", system: "SystemDescription") -> None:
        from ..evals.protocol import describe_retrieval

        self._comparison = comparison
        self._first = comparison.results[comparison.baseline]
        self._is_single = len(comparison.results) + len(comparison.failures) == 1
        self._protocol = describe_retrieval(dataset, self._first, system, date=datetime.now().astimezone())

    def json(self) -> str:
        """Return everything as JSON."""
        from ..evals.comparison_report import comparison_json
        from ..evals.report import to_json

        if self._is_single:
            return to_json(self._protocol, self._first, pool=self._comparison.pool)
        return comparison_json(self._protocol, self._comparison)

    def show(self) -> None:
        """Print tables, failures and problems."""
        for table in self._tables():
            console().print(table)
        for name, reason in self._comparison.failures.items():
            note(f"{name} failed and is left out: {reason}")
        every = (problem for result in self._comparison.results.values() for problem in result.problems)
        _show_problems(list(dict.fromkeys(every)))

    def _tables(self) -> "Iterator[Table]":
        from ..evals import comparison_report as several
        from ..evals.report import latency_table, retrieval_table

        if self._is_single:
            yield retrieval_table(self._protocol, self._first, pool=self._comparison.pool)
            yield latency_table(self._first)
            return
        yield several.comparison_table(self._protocol, self._comparison)
        if len(self._comparison.results) > 1:
            yield several.difference_table(self._comparison)
        yield several.category_table(self._comparison)
        yield several.compared_latency_table(self._comparison)


def _show_problems(problems: "Sequence[Problem]") -> None:
    alike: dict[tuple[str, str, str], list[str]] = {}
    for problem in problems:
        alike.setdefault((problem.conversation, problem.raw, problem.reason), []).append(problem.where)
    for (conversation, raw, reason), places in list(alike.items())[:PROBLEMS_SHOWN]:
        where = places[0] if len(places) == 1 else f"{places[0]} to {places[-1]} ({len(places)})"
        note(f"{conversation}, {where}: {f'{raw!r}: ' if raw else ''}{reason}")
    if len(alike) > PROBLEMS_SHOWN:
        note(f"… and {len(alike) - PROBLEMS_SHOWN} more kinds of problems; --json lists all.")


for _command in (data, report, compare):
    evaluate.add_command(_command)
COMMANDS = (evaluate,)
