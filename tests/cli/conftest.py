"""Running the command line: in this process, or in one of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from click.testing import CliRunner, Result

from recollect.cli import cli

ROOT = Path(__file__).parents[2]

TURNS: tuple[Mapping[str, object], ...] = (
    {"speaker": "Alice", "text": "I adopted a beagle called Biscuit yesterday.", "said_at": "2026-03-02T18:00",
     "session": "1", "ref": "a1"},
    {"speaker": "Ben", "text": "How lovely, I want to meet the dog!", "said_at": "2026-03-02T18:01", "session": "1",
     "ref": "a2"},
    {"speaker": "Ben", "text": "We went to Lisbon last week [2] and ate sardines.", "said_at": "2026-04-06T09:00",
     "session": "2", "ref": "b1"},
    {"speaker": "Alice", "text": "My piano exam is on Friday \x1b[31m红 🎹", "said_at": "2026-04-06T09:01",
     "session": "2", "ref": "b2"},
)  # fmt: skip


class Run(Protocol):
    def __call__(self, *arguments: object, stdin: str | bytes | None = None) -> Result: ...


@pytest.fixture
def run() -> Run:
    """Run the command line in this process."""

    def invoke(*arguments: object, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin, prog_name="recollect")

    return invoke


@pytest.fixture(scope="session")
def talk_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small conversation as JSONL."""
    return write_jsonl(tmp_path_factory.mktemp("talk") / "talk.jsonl", TURNS)


@pytest.fixture(scope="session")
def talk_store(talk_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds the small conversation; tests only read it."""
    home = tmp_path_factory.mktemp("store")
    store = home / "talk.db"
    command = ["--store", str(store), "import", str(talk_file)]
    result = CliRunner(env={"RECOLLECT_HOME": str(home)}).invoke(cli, command)
    assert result.exit_code == 0, result.output
    return store


def write_jsonl(path: Path, turns: tuple[Mapping[str, object], ...] | list[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(turn) + "\n" for turn in turns), encoding="utf-8")
    return path


def start(*arguments: object, **environment: str) -> "subprocess.Popen[bytes]":
    """Start `python -m recollect` in a process of its own, with pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "recollect", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def parsed(result: Result) -> Any:  # JSON, asserted on field by field
    """The JSON on stdout alone, of a command that went well."""
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)
