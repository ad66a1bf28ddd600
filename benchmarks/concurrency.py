"""Two processes, each with two writers and two readers, over one store; and two processes that create one store.

    python -m benchmarks.concurrency --seconds 120 --json out.json

No call may fail, every turn must be found by the other process (in the store, verbatim, and by recall) as soon as its
writer has it stored, positions must count from 1 without a gap in every session, and at the end the index that each
process kept up must give what one built anew gives.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.child import environment
from benchmarks.concurrency_worker import DOOMED, acknowledgements, open_memory
from benchmarks.figures import Figure, Report, load_average
from recollect.memory.types import Scope

NAMES = ("ant", "bee")
WRITERS, READERS = 2, 2  # in each process
ROOT = Path(__file__).parents[1]


@dataclass(slots=True)
class Outcome:
    """What both processes did together, and what went wrong."""

    counts: dict[str, int] = field(default_factory=dict[str, int])
    problems: list[str] = field(default_factory=list[str])


class Process:
    """One worker process, told what to do line by line."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self._child = child

    def order(self, *words: object) -> None:
        """Send an order; do not wait."""
        assert self._child.stdin is not None  # noqa: S101 - narrows the type; a pipe was asked for
        self._child.stdin.write(json.dumps(words) + "\n")
        self._child.stdin.flush()

    def answer(self) -> Any:  # JSON of our own worker
        """Wait for the answer to the last order."""
        assert self._child.stdout is not None  # noqa: S101 - narrows the type; a pipe was asked for
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError("A worker died; see above.")
        return json.loads(line)


@contextmanager
def two_processes(store: Path) -> Generator[list[Process]]:
    """Run both workers until the block ends."""
    for name in NAMES:
        acknowledgements(store, name).touch()
    with ExitStack() as stack:
        children: list[subprocess.Popen[str]] = []
        for name, other in (NAMES, NAMES[::-1]):
            command = [sys.executable, "-m", "benchmarks.concurrency_worker", str(store), name, other]
            child = subprocess.Popen(
                command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            children.append(stack.enter_context(child))
        yield [Process(child) for child in children]


def work_together(seconds: float, folder: Path) -> Outcome:
    """Let both processes write and read for some seconds, then check everything."""
    store = folder / "shared.db"
    outcome = Outcome()
    with two_processes(store) as processes:
        _both(processes, "start", WRITERS, READERS)
        time.sleep(seconds)
        _both(processes, "stop")  # both, before either checks
        for answer in _both(processes, "check"):
            outcome.problems += answer.pop("problems")
            for name, number in answer.items():
                outcome.counts[name] = outcome.counts.get(name, 0) + number
    outcome.problems += _violations(store, outcome.counts["stored"], outcome.counts["events"])
    return outcome


def create_together(times: int, folder: Path) -> Outcome:
    """Let both processes create the same new store at the same moment, again and again."""
    outcome = Outcome(counts={"created": 0})
    with two_processes(folder / "unused.db") as processes:
        for number in range(times):
            path = folder / f"new{number}.db"
            outcome.problems += filter(None, _both(processes, "create", str(path), time.time() + 0.02))
            with open_memory(path) as memory:
                if len(memory.latest(10)) != 2:
                    outcome.problems.append(f"{path.name} holds {len(memory.latest(10))} turns instead of 2")
            outcome.counts["created"] += 1
    return outcome


def _both(processes: Sequence[Process], *order: object) -> list[Any]:
    for process in processes:
        process.order(*order)
    return [process.answer() for process in processes]


def _violations(path: Path, stored: int, events: int) -> Iterator[str]:
    with open_memory(path) as memory:
        store = memory.archive.store
        positions: dict[tuple[str, str], list[int]] = {}
        for turn in store.turns(store.ids(Scope())):
            positions.setdefault((turn.conversation, turn.session), []).append(turn.position)
            if DOOMED in turn.text:
                yield f"forgotten and still there: {turn}"
        for session, found in positions.items():
            if found != list(range(1, len(found) + 1)):
                yield f"positions of session {session} are not 1 to {len(found)}"
        counts = memory.counts()
        if (counts.turns, counts.events) != (stored, events):
            yield f"{counts.turns} turns and {counts.events} events are there, {stored} and {events} were stored"
        checked = store.file.rows("pragma integrity_check")
        if checked != [("ok",)]:
            yield f"pragma integrity_check: {checked[:3]}"
        store.file.write("insert into lexical (lexical) values ('integrity-check')")
        for what in ("lexical", "vectors"):
            (rows,) = store.file.row(f"select count(*) from {what}") or (0,)
            if rows != stored + events:
                yield f"{rows} rows in {what} for {stored + events} memories"


def report(outcome: Outcome, *, seconds: float, load: tuple[float, float]) -> Report:
    """Return the outcome as a report."""
    counts = [Figure(name=name, value=float(number)) for name, number in outcome.counts.items()]
    problems = Figure(name="problems", value=float(len(outcome.problems)), bound="at most", target=0.0)
    return Report(
        benchmark="concurrency",
        protocol={"seconds": seconds, "problems": outcome.problems},
        n={"processes": len(NAMES), "writers": len(NAMES) * WRITERS, "readers": len(NAMES) * READERS},
        figures=(*counts, problems),
        load=load,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long they work together (120)")
    parser.add_argument("--creations", type=int, default=30, help="stores created by both (30)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    load = load_average()
    with tempfile.TemporaryDirectory(prefix="recollect-concurrency-") as folder:
        created = create_together(arguments.creations, Path(folder))
        outcome = work_together(arguments.seconds, Path(folder))
    outcome.counts |= created.counts
    outcome.problems += created.problems
    result = report(outcome, seconds=arguments.seconds, load=(load, load_average()))
    for problem in outcome.problems[:20]:
        print(problem)
    result.show()
    result.write(arguments.json)
    sys.exit(1 if outcome.problems else 0)


if __name__ == "__main__":
    main()
