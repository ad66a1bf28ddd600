"""A run in a process of its own, to be killed: `python -m tests.evals.killed_run FOLDER FILE LOG`.

Every question is logged as soon as a system has it, and takes a moment.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from recollect.evals.contender import Contender, Wanted
from recollect.evals.dataset import Conversation, Question
from recollect.evals.found import Found
from recollect.evals.locomo import load_locomo
from recollect.evals.plan import Plan
from recollect.evals.record import IngestRecord
from recollect.evals.run_folder import open_run
from recollect.evals.runner import RunOptions, run
from recollect.evals.selection import select
from recollect.evals.system_spec import spec_named
from recollect.evals.units import TURNS

from .miniature import protocol
from .running import LastTurns

NAMES = ("recency", "random", "oracle")
PLAN = Plan(data=("mini.json",), systems=tuple(spec_named(name) for name in NAMES), budgets=(50,))
PAUSE_S = 0.02


class Slow(LastTurns):
    """Tells a file what it is asked."""

    def __init__(self, name: str, log: Path) -> None:
        super().__init__(name)
        self._log = log

    def ask(self, conversation: Conversation, question: Question, *, limit: int, budgets: Sequence[int]) -> Found:
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{self.name}\t{question.id}\n")
        time.sleep(PAUSE_S)
        return super().ask(conversation, question, limit=limit, budgets=budgets)


def go(folder: Path, file: Path, log: Path) -> None:
    """Run it, or go on with it, to its end."""
    systems = [Contender(Slow(name, log)) for name in NAMES]

    def take_in(conversation: Conversation) -> IngestRecord:
        return IngestRecord(system="store", conversation=conversation.id, turns=1, seconds=1.0)

    options = RunOptions(wanted=Wanted(limit=5, budgets=(50,)), units={"turn": TURNS}, take_in=take_in)
    with open_run(folder, PLAN, protocol()) as sink:
        run(select(load_locomo(file), with_answers=True), systems, sink, options)


if __name__ == "__main__":
    go(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
