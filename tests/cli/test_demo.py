"""demo: the whole way, offline, on a miniature of its sample."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recollect.agent.ports import ABSTENTION
from recollect.agent.types import Answer
from recollect.cli.demo import Outcome
from recollect.memory.types import Context, ScoredMemory, Turn
from recollect.sample import SampleQuestion

from .conftest import ROOT, Run, parsed

MINIATURE: dict[str, Any] = {  # JSON, as in recollect/samples/demo.json
    "title": "Ann and Bob",
    "user": "ann",
    "speakers": ["Ann", "Bob"],
    "sessions": [
        {
            "name": "1",
            "said_at": "2026-01-10T18:05",
            "turns": [
                {
                    "speaker": "Ann",
                    "text": "I adopted a beagle called Biscuit yesterday.",
                    "ref": "s1-1",
                    "minute": 0,
                },
                {"speaker": "Bob", "text": "I am learning to play the cello.", "ref": "s1-2", "minute": 2},
            ],
        }
    ],
    "questions": [
        {"question": "When did I adopt a beagle?", "evidence": ["s1-1"], "kind": "when", "answerable": True},
        {"question": "Who is learning to play the cello?", "evidence": ["s1-2"], "kind": "who", "answerable": True},
        {
            "question": "Which vaccine did the rocket engineers choose?",
            "evidence": [],
            "kind": "what",
            "answerable": False,
        },
    ],
}


@pytest.fixture
def miniature(tmp_path: Path) -> Path:
    file = tmp_path / "miniature.json"
    file.write_text(json.dumps(MINIATURE), encoding="utf-8")
    return file


def test_the_demo_stores_asks_and_shows_the_turns_behind_the_answers(
    run: Run, miniature: Path, tmp_path: Path
) -> None:
    store = tmp_path / "demo.db"
    for stored in (2, 0):  # a second time on the same store, nothing is stored twice
        result = run("demo", "--file", miniature, "--store", store)
        assert result.exit_code == 0, result.output
        assert f"Stored {stored} turns" in result.stdout
    assert "(s1-1): “I adopted a beagle called Biscuit yesterday.”" in result.stdout
    assert "9 January 2026" in result.stdout
    assert "2 of 2" in result.stdout
    assert "of 1" in result.stdout
    assert "0 of 2" in result.stdout  # nothing was shown without being sure of it
    assert parsed(run("--store", store, "stats", "--json"))["turns_by_user"] == {"ann": 2}


def test_a_declined_question_whose_turn_stands_nearest_is_told_from_a_wrong_one() -> None:
    turn = Turn(
        id=1,
        user="ann",
        conversation="demo",
        session="1",
        position=1,
        speaker="Ann",
        text="I adopted a beagle.",
        ref="s1-1",
        said_at=datetime(2026, 1, 10, 18, 5, tzinfo=UTC),
    )
    nothing = Context(memories=(), scores=(), text="", tokens=0, budget=1)
    ranked = (ScoredMemory(memory=turn, score=1.0, stages={}),)
    declined = Answer(text=ABSTENTION, citations=(), context=nothing, abstained=True, timings={}, ranked=ranked)
    right, wrong, trap = (
        Outcome(
            question=SampleQuestion(question="?", kind="what", evidence=refs, is_answerable=bool(refs)),
            answer=declined,
            took_ms=1.0,
        )
        for refs in (("s1-1",), ("s1-2",), ())
    )
    assert [(one.is_right, one.is_near) for one in (right, wrong, trap)] == [
        (False, True),
        (False, False),
        (True, False),
    ]
    assert right.verdict == "is not sure, but shows the right turn"
    assert (wrong.verdict, trap.verdict) == ("does not cite the right turn", "rightly does not remember")


def test_the_demo_is_offline_whatever_is_configured(
    run: Run, miniature: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_GENERATOR_NAME", "hosted")
    monkeypatch.setenv("RECOLLECT_HOSTED_MODEL", "x")
    monkeypatch.setenv("RECOLLECT_EMBEDDER_NAME", "endpoint")
    assert run("demo", "--file", miniature).exit_code == 0


def test_the_demo_opens_no_socket(miniature: Path) -> None:
    script = (
        "import sys\n"
        "def refuse(event, arguments):\n"
        "    if event.startswith('socket.'): raise RuntimeError(f'{event} {arguments}')\n"
        "sys.addaudithook(refuse)\n"
        "from recollect.cli import main\n"
        f"sys.argv = ['recollect', 'demo', '--file', {str(miniature)!r}]\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "9 January 2026" in done.stdout


def test_a_demo_that_answers_wrongly_fails(run: Run, tmp_path: Path) -> None:
    wrong = [{**question, "evidence": ["s9-9"], "answerable": True} for question in MINIATURE["questions"]]
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps({**MINIATURE, "questions": wrong}), encoding="utf-8")
    result = run("demo", "--file", file)
    assert result.exit_code == 1
    assert "The demo failed" in result.stderr


def test_a_sample_in_another_format_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    for content in ("", "[]", '{"title": 1}', json.dumps({**MINIATURE, "questions": [{}]})):
        file.write_text(content)
        result = run("demo", "--file", file)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")


def test_the_sample_that_ships_can_be_loaded() -> None:
    from recollect.sample import load_sample

    sample = load_sample()
    refs = {entry.turn.ref for entry in sample.conversation.turns}
    assert len(refs) == len(sample.conversation.turns) > 50
    assert all(refs.issuperset(question.evidence) for question in sample.questions)
    assert {question.is_answerable for question in sample.questions} == {True, False}
