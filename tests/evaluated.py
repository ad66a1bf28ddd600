"""Conversations whose word counts matter to each other if they share a store, and runs over them, killed or not.

`python -m tests.evaluated FOLDER FILE STEPS` runs and kills itself after so many results.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recollect.config import Config
from recollect.evals.plan import Plan
from recollect.evals.record import QuestionRecord
from recollect.evals.stored_run import load_run
from recollect.evals.system_spec import SystemSpec, spec_named
from recollect.evaluation import evaluate, prepare

FILLERS = tuple(f"stone{letter}" for letter in "abcdefghijklmnop")
NONE = spec_named("none")
AGAIN = replace(NONE, name="again")


def conversation(name: str, *texts: str) -> dict[str, object]:
    """A conversation in LoCoMo's shape with one question, whose words are in two turns, far from each other."""
    turns = [
        {"speaker": "Ines", "dia_id": f"D1:{place}", "text": text} for place, text in enumerate((*texts, *FILLERS), 1)
    ]
    turns.insert(8, {"speaker": "Ines", "dia_id": "D1:98", "text": "lantern"})
    turns.insert(15, {"speaker": "Ines", "dia_id": "D1:99", "text": "harbour"})
    session = {"session_1_date_time": "1:56 pm on 29 February, 2024", "session_1": turns}
    questions = [
        {"question": "lantern harbour", "answer": "yes", "category": 4, "evidence": ["D1:98"]},
        {"question": "harbour lantern stonej", "answer": "yes", "category": 4, "evidence": ["D1:99"]},
    ]
    return {
        "sample_id": name,
        "conversation": {"speaker_a": "Ines", "speaker_b": "Tomas", **session},
        "qa": questions,
    }


OWN = conversation("conv/own", "We talked for a while.")
LANTERNS = conversation("conv-lanterns", *(f"lantern {word}" for word in FILLERS))
HARBOURS = conversation("conv-harbours", *(f"harbour {word}" for word in FILLERS))


def written(path: Path, *conversations: dict[str, object]) -> Path:
    """Write a file in LoCoMo's shape."""
    path.write_text(json.dumps(conversations), encoding="utf-8")
    return path


def plan_of(file: Path, systems: Sequence[SystemSpec] = (NONE,)) -> Plan:
    """A plan whose candidates are ranked by words alone."""
    return Plan(data=(str(file),), systems=tuple(systems), budgets=(30,), settings={"recall.dense_weight": 0.0})


def ran(folder: Path, file: Path, systems: Sequence[SystemSpec] = (NONE,)) -> list[QuestionRecord]:
    """Run, or go on, to the end, and return what came back, times left out, in the order of systems and questions."""
    evaluate(prepare(plan_of(file, systems), Config()), folder)
    found = [replace(one, timings_ms={}) for one in load_run(folder).records() if isinstance(one, QuestionRecord)]
    return sorted(found, key=lambda one: one.key)


def of(name: str, records: Sequence[QuestionRecord]) -> list[QuestionRecord]:
    """Return the records of one conversation."""
    return [one for one in records if one.asked.conversation == name]


def _kill_after(steps: int, folder: Path, file: Path) -> None:
    def on_step(done: int, _: int) -> None:
        if done == steps:
            os.kill(os.getpid(), signal.SIGKILL)

    evaluate(prepare(plan_of(file), Config()), folder, on_step=on_step)


if __name__ == "__main__":
    _kill_after(int(sys.argv[3]), Path(sys.argv[1]), Path(sys.argv[2]))
