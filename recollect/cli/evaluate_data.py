"""eval data: what is in a data set, and what of it was skipped or repaired and why."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import console, counted, say, shown, write_json

if TYPE_CHECKING:
    from ..evals.account import DatasetAccount, ProblemGroup
    from ..evals.dataset import Dataset
    from ..evals.problems import Problem

PLACES_SHOWN = 3
EVIDENCE_SHOWN = 5


@click.command("data")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--all", "show_all", is_flag=True, help="List every problem, not the first places of each kind.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON list, with every problem.")
def data(files: tuple[Path, ...], *, show_all: bool, as_json: bool) -> None:
    """Look into data sets: LoCoMo's JSON, LongMemEval's JSON, or a folder with docs.jsonl and qa.jsonl.

    For each of FILES: its release, if it is a known one, what it holds, and what was skipped or repaired and why.
    """
    from ..evals.account import account_of
    from ..evals.load import load_dataset

    documents: list[dict[str, object]] = []
    for place, file in enumerate(files):
        dataset = load_dataset(file)
        account = account_of(dataset)
        if as_json:
            documents.append(_document(dataset, account))
            continue
        if place:
            say("")
        _show(dataset, account)
        _show_problems(account.problems, None if show_all else PLACES_SHOWN)
    if as_json:
        write_json(documents)


def _show(dataset: "Dataset", account: "DatasetAccount") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in _rows(dataset, account).items():
        table.add_row(name, shown(value))
    say(dataset.name)
    console().print(table)


def _rows(dataset: "Dataset", account: "DatasetAccount") -> Mapping[str, str]:
    questions = sum(account.questions.values())
    silent = f"{account.without_questions:,} without questions" if account.without_questions else ""
    rows = {
        "release": dataset.release or "none that is known",
        "sha256": dataset.sha256,
        "conversations": _with(f"{account.conversations:,}", silent),
        "turns": f"{account.turns:,} in {counted(account.sessions, 'session')}",
        "questions": f"{questions:,}",
    }
    rows |= {f"  {category}": f"{number:,}" for category, number in account.questions.items()}
    rows["unanswerable"] = f"{account.unanswerable:,}"
    rows["without an answer"] = f"{account.without_answer:,}"
    rows["evidence"] = _evidence(account.evidence)
    return rows


def _with(value: str, remark: str) -> str:
    return f"{value} ({remark})" if remark else value


def _evidence(counts: Mapping[int, int]) -> str:
    """Return how many questions have how many turns of gold: "none 4, 1 turn 812, 2 turns 90, more 93"."""
    few = {number: count for number, count in counts.items() if number <= EVIDENCE_SHOWN}
    more = sum(counts.values()) - sum(few.values())
    parts = [f"{counted(number, 'turn') if number else 'none'}: {count:,}" for number, count in few.items()]
    return ", ".join([*parts, *([f"more: {more:,}"] if more else [])])


def _show_problems(groups: "tuple[ProblemGroup, ...]", places: int | None) -> None:
    """Write the account; `places` is how many of each kind are named, None for all."""
    if not groups:
        say("Nothing was skipped or repaired.")
        return
    say("Skipped or repaired:")
    for group in groups:
        say(f"  {len(group.problems):,} × {group.reason}")
        for problem in group.problems[:places]:
            say(f"      {_place(problem)}")
        if places is not None and len(group.problems) > places:
            say(f"      … and {len(group.problems) - places:,} more; --all lists them")


def _place(problem: "Problem") -> str:
    raw = f": {problem.raw!r}" if problem.raw else ""
    where = (
        problem.where if problem.where.startswith(problem.conversation) else f"{problem.conversation} {problem.where}"
    )
    return f"{where}{raw}"


def _document(dataset: "Dataset", account: "DatasetAccount") -> dict[str, object]:
    return {
        "name": dataset.name,
        "release": dataset.release,
        "sha256": dataset.sha256,
        "conversations": account.conversations,
        "conversations_without_questions": account.without_questions,
        "sessions": account.sessions,
        "turns": account.turns,
        "questions": dict(account.questions),
        "unanswerable": account.unanswerable,
        "without_answer": account.without_answer,
        "questions_by_evidence": {str(number): count for number, count in account.evidence.items()},
        "problems": [
            {"conversation": one.conversation, "where": one.where, "raw": one.raw, "reason": one.reason}
            for group in account.problems
            for one in group.problems
        ],
    }
