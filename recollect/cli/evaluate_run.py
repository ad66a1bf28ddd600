"""eval run, eval locomo, eval resume: every question to every system, figures at the end, nothing done twice."""

import shlex
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..config_keys import EMBEDDERS, FUSIONS, GENERATORS, RERANKERS
from ..memory.errors import RunError
from .evaluate_options import Options, plan_of
from .invocation import Invocation, pass_invocation, setting
from .output import console, counted, note, progress
from .threads import settle_threads

if TYPE_CHECKING:
    from ..evals.plan import Plan
    from ..evals.problems import Problem
    from ..evals.summary import RunSummary

UNITS = ("turn", "window", "chunk", "session")
PROBLEMS_SHOWN = 10
TABLE_WIDTH = 180
"""Columns of a table that no terminal limits."""
Command = TypeVar("Command", bound=Callable[..., Any])  # click's decorators take and return any function

_SELECTION = (
    click.option("--unit", "units", multiple=True, type=click.Choice(UNITS), help="What is ranked [default: turn]."),
    click.option("--budget", "budgets", multiple=True, type=click.IntRange(min=1), help="Tokens of a context."),
    click.option("--k", "ks", multiple=True, type=click.IntRange(min=1), help="A rank to look at."),
    click.option("--category", "categories", multiple=True, help="Ask only these questions."),
    click.option("--sample", type=click.IntRange(min=1), help="Ask so many, drawn evenly over conversations."),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="For whatever is drawn."),
)
_SYSTEMS = (
    click.option(
        "--rerank",
        "rerankers",
        multiple=True,
        type=click.Choice(RERANKERS),
        help="The reranker; several times to compare them on the same candidates, the first being what the others "
        "are compared with.",
    ),
    click.option(
        "--rerank-model",
        "models",
        multiple=True,
        metavar="[RERANKER=]MODEL",
        help="The model that rerankers read, or one of them: qr=Qwen/Qwen3-4B-Instruct-2507.",
    ),
    setting(
        "--rerank-heads", key="rerank.heads", metavar="HEADS", help="The heads of qr: a file, a data set, 20-15,…"
    ),
    click.option(
        "--baselines", is_flag=True, help="BM25, dense, their fusions, recency, whole, oracle, random, too."
    ),
    click.option(
        "--events",
        is_flag=True,
        help="Rerankers that read event summaries, with and without; summaries.name draws them, else extractive.",
    ),
    click.option(
        "--system", "systems", multiple=True, metavar="NAME", help='Any system by its name: "BM25", "block".'
    ),
    setting("--fusion", key="recall.fusion", type=click.Choice(FUSIONS), help="How both searches become one order."),
    setting("--dense-weight", key="recall.dense_weight", type=float, help="The weight of vectors beside words."),
    setting("--embedder", key="embedder.name", type=click.Choice(EMBEDDERS), help="The embedder."),
)
_ANSWERS = (
    click.option("--generator", type=click.Choice(GENERATORS), help="What answers [default: the configured one]."),
    click.option("--answer-budget", type=click.IntRange(min=1), help="Tokens it reads [default: context.budget]."),
    click.option("--judge-model", metavar="MODEL", help="Let this model say whether answers are right."),
    click.option("--judge-base-url", metavar="URL", help="Its server [default: OpenAI's]."),
    click.option("--judge-key-variable", metavar="NAME", help="The environment variable with its key."),
    click.option(
        "--audit",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A file with corrected keys: scores with it stand beside the others.",
    ),
)
_RUNNING = (
    click.option(
        "--parallel", type=click.IntRange(min=1), default=4, show_default=True, help="Hosted calls at once."
    ),
    click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        help="Keep the run in this folder, for reports and to go on after it was stopped.",
    ),
)
_JSON = click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write the figures here; - is stdout.",
)


def _with(*groups: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    """Return a decorator that adds options, shown in the order given."""

    def decorated(command: Command) -> Command:
        for option in reversed([one for group in groups for one in group]):
            command = option(command)
        return command

    return decorated


@click.command("locomo")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--retrieval", is_flag=True, help="Measure the recall of gold evidence.")
@click.option("--answer", is_flag=True, help="Measure answers, too.")
@_with(_SYSTEMS, _SELECTION, _ANSWERS, _RUNNING, (_JSON,))
@pass_invocation
def locomo(
    invocation: Invocation,
    /,
    file: Path,
    *,
    retrieval: bool,
    answer: bool,
    out: Path | None,
    json_file: str | None,
    **options: Any,
) -> None:
    """Evaluate on FILE: LoCoMo's published JSON, LongMemEval's, or documented JSONL.

    Each conversation is one user of a store of its own. `eval run` does the same by a plan.
    """
    if not (retrieval or answer):
        raise click.UsageError("Say what to measure: --retrieval, --answer, or both.")
    plan = plan_of([file], Options(answer=answer, **options), invocation)
    _run(invocation, plan, out, json_file)


@click.command("run")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--answer", is_flag=True, help="Measure answers, too.")
@_with(_SYSTEMS, _SELECTION, _ANSWERS, _RUNNING, (_JSON,))
@pass_invocation
def run(
    invocation: Invocation,
    /,
    files: tuple[Path, ...],
    *,
    answer: bool,
    out: Path | None,
    json_file: str | None,
    **options: Any,
) -> None:
    """Evaluate by a plan, FILES being one PLAN.toml, or on data FILES by the options.

    Plans are described in docs/evaluation.md; to a plan only --out, --json and settings are added.
    """
    plans = [file for file in files if file.suffix == ".toml"]
    if plans:
        if len(files) > 1:
            raise click.UsageError("A plan names its data itself; give it alone.")
        from ..evals.plan_file import read_plan

        _run(invocation, read_plan(plans[0]), out, json_file)
        return
    _run(invocation, plan_of(files, Options(answer=answer, **options), invocation), out, json_file)


@click.command("resume")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_JSON
@pass_invocation
def resume(invocation: Invocation, folder: Path, *, json_file: str | None) -> None:
    """Go on with the run in FOLDER, however it ended; what is answered is not asked again."""
    from ..evals.stored_run import load_run

    _run(invocation, load_run(folder).plan, folder, json_file)


def _run(invocation: Invocation, plan: "Plan", out: Path | None, json_file: str | None) -> None:
    """Run a plan to its end and show its figures."""
    if json_file not in (None, "-") and not Path(json_file).parent.is_dir():
        raise click.UsageError(f"The folder of {json_file} does not exist.")
    settle_threads(invocation.config)
    from ..evaluation import evaluate, failures, prepare, summarised

    evaluation = prepare(plan, invocation.config)
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(TemporaryDirectory(prefix="recollect-eval-")))
        try:
            with progress("Asking", "answers" if plan.answers else "rankings") as advance:
                evaluate(evaluation, folder, on_step=advance)
        except KeyboardInterrupt:
            _tell_how_to_resume(out)
            raise
        summary = summarised(folder)
        failed = failures(folder)
        if (
            len(failed) == len(summary.systems)
            and min(count for count, _ in failed.values()) >= summary.protocol.asked
        ):
            raise RunError(f"Nothing has a result; {', '.join(failed)} failed: {next(iter(failed.values()))[1]}")
        for name, (count, first) in failed.items():
            note(f"{name} failed on {counted(count, 'question')}, which count as 0; the first: {first}")
        _write(summary, json_file)
    if out is not None:
        note(f"The run is in {out}; make its report with: recollect eval report {shlex.quote(str(out))}")


def _tell_how_to_resume(out: Path | None) -> None:
    if out is None:
        note("Stopped; nothing is kept without --out FOLDER.")
    else:
        note(f"Stopped; go on with: recollect eval resume {shlex.quote(str(out))}")


def _write(summary: "RunSummary", json_file: str | None) -> None:
    from ..evals.summary_json import to_json

    if json_file == "-":
        click.echo(to_json(summary), nl=False)
        return
    if json_file is not None:
        try:
            Path(json_file).write_text(to_json(summary), encoding="utf-8")
        except OSError as error:
            _show(summary)  # a long run is not lost to a full disk
            raise click.FileError(json_file, error.strerror or str(error)) from error
    _show(summary)


def _show(summary: "RunSummary") -> None:
    from ..evals.protocol_text import protocol_text
    from ..evals.tables import all_tables

    for table in all_tables(summary, caption=protocol_text(summary.protocol)):
        console(pipe_width=TABLE_WIDTH).print(table)
    _show_problems(list(dict.fromkeys(summary.problems)))


def _show_problems(problems: "Sequence[Problem]") -> None:
    alike: dict[tuple[str, str, str], list[str]] = {}
    for problem in problems:
        alike.setdefault((problem.conversation, problem.raw, problem.reason), []).append(problem.where)
    for (conversation, raw, reason), places in list(alike.items())[:PROBLEMS_SHOWN]:
        where = places[0] if len(places) == 1 else f"{places[0]} to {places[-1]} ({len(places)})"
        note(f"{conversation}, {where}: {f'{raw!r}: ' if raw else ''}{reason}")
    if len(alike) > PROBLEMS_SHOWN:
        note(f"… and {len(alike) - PROBLEMS_SHOWN} more kinds of problems; --json lists all.")
