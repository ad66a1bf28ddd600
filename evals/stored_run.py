"""Reads the folder of a run: what it did, what its figures depend on, and its records one by one.

plan.json      what it does (`plan.py`)              records.jsonl  every result (`record_json.py`)
protocol.json  what figures depend on (`protocol`)   usage.json     peak memory and wall time
problems.json  what of the data was repaired         store/, lock   what was ingested, and who writes
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from ..memory.errors import DataFormatError, RunError
from .answer_rules import score_answer
from .audit import load_audit
from .json_cursor import JsonCursor
from .plan import Plan
from .plan_file import read_plan_json
from .problems import Problem
from .protocol import RunProtocol
from .protocol_json import read_protocol
from .record import Record
from .record_json import read_record
from .scores import AnswerScorer
from .summarise import summarise
from .summary import RunSummary

PLAN, PROTOCOL, PROBLEMS = "plan.json", "protocol.json", "problems.json"
USAGE, RECORDS = "usage.json", "records.jsonl"
STORE, LOCK = "store", "lock"
_SHAPE = "docs/evaluation.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run took, all its continuations together: MiB of the largest process, seconds of wall time.

    A process that was killed with -9 has told neither.
    """

    peak_rss_mib: float | None = None
    wall_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A run as it lies in its folder; `problems` are those of the data."""

    folder: Path
    plan: Plan
    protocol: RunProtocol
    problems: tuple[Problem, ...]
    usage: Usage

    def records(self) -> Iterator[Record]:
        """Yield every record as it was written. Raises DataFormatError naming the line that holds none."""
        return read_records(self.folder / RECORDS)


def load_run(folder: Path) -> StoredRun:
    """Read a run's folder. Raises RunError where it is none, DataFormatError or ConfigError for a damaged file."""
    if not (folder / PROTOCOL).is_file() or not (folder / PLAN).is_file():
        raise RunError(f"{folder} is no folder of a run; make one with: recollect eval run FILE --out {folder}")
    return StoredRun(
        folder=folder,
        plan=read_plan_json(read(folder / PLAN), file=PLAN),
        protocol=read_protocol(read(folder / PROTOCOL), file=PROTOCOL),
        problems=_problems(folder),
        usage=read_usage(folder),
    )


def scorer_of(plan: Plan) -> AnswerScorer | None:
    """Return what scores the answers of a plan, with its audit if it names one; None where nothing is answered.

    Raises DataFormatError where the audit cannot be read.
    """
    if plan.answers is None:
        return None
    audit = None if plan.answers.audit is None else load_audit(Path(plan.answers.audit))
    return partial(score_answer, audit=audit)


def summarise_run(run: StoredRun) -> RunSummary:
    """Return every figure of a run, systems in the order of its plan; answers are scored as the plan says.

    Raises as `summarise`, `records` and `scorer_of` do.
    """
    return summarise(
        run.protocol,
        run.records(),
        order=run.plan.order,
        ks=run.plan.ks,
        budgets=run.plan.budgets,
        problems=run.problems,
        peak_rss_mib=run.usage.peak_rss_mib,
        score_answer=scorer_of(run.plan),
    )


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a file, a torn last line left out. Raises DataFormatError naming the line that is none."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not is_torn(line):
                yield read_record(line, file=path.name, number=number)


def is_torn(line: bytes) -> bool:
    """Tell whether a line was not written to its end, or did not reach the disk in part (which leaves zeros)."""
    return not line.endswith(b"\n") or b"\x00" in line


def read_usage(folder: Path) -> Usage:
    """Return what a run took so far, nothing where it does not tell."""
    if not (folder / USAGE).exists():
        return Usage()
    cursor = _cursor(folder / USAGE)
    peak, wall = cursor.find("peak_rss_mib"), cursor.key("wall_s")
    return Usage(peak_rss_mib=None if peak is None else _number(peak), wall_s=_number(wall))


def problems_json(problems: tuple[Problem, ...]) -> str:
    """Return problems of the data as JSON text."""
    return json.dumps([asdict(problem) for problem in problems], indent=1, ensure_ascii=False) + "\n"


def usage_json(usage: Usage) -> str:
    """Return what a run took as JSON text."""
    return json.dumps(asdict(usage)) + "\n"


def read(path: Path) -> str:
    """Return the text of one of a run's files. Raises RunError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read: {error}.") from error


def _problems(folder: Path) -> tuple[Problem, ...]:
    if not (folder / PROBLEMS).exists():
        return ()
    return tuple(
        Problem(
            conversation=one.key("conversation").text(),
            where=one.key("where").text(),
            raw=one.key("raw").text(),
            reason=one.key("reason").text(),
        )
        for one in _cursor(folder / PROBLEMS).items()
    )


def _cursor(path: Path) -> JsonCursor:
    try:
        value: object = json.loads(read(path))
    except (ValueError, RecursionError) as error:
        raise DataFormatError(f"{path}: no JSON ({error}); begin a run in another folder.") from error
    return JsonCursor(value=value, file=path.name, shape=_SHAPE)


def _number(cursor: JsonCursor) -> float:
    value = cursor.value
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise cursor.unlike("a number")
    return float(value)
