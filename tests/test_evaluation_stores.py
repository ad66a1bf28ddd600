"""Every conversation under evaluation has a store of its own: nobody else's words change what is found in it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from recollect.config import Config
from recollect.evals.record import IngestRecord, QuestionRecord
from recollect.evals.stored_run import load_run
from recollect.evaluation import evaluate, prepare
from recollect.evaluation_stores import file_name
from recollect.memory.errors import RunError

from .evaluated import AGAIN, HARBOURS, LANTERNS, NONE, OWN, of, plan_of, ran, written
from .openai_server import running, says


def test_other_conversations_change_no_ranking(tmp_path: Path) -> None:
    alone = ran(tmp_path / "alone", written(tmp_path / "alone.json", OWN))
    for place, others in enumerate([(LANTERNS, OWN), (HARBOURS, OWN, LANTERNS)]):
        together = ran(tmp_path / f"run{place}", written(tmp_path / f"{place}.json", *others))
        assert of("conv/own", together) == alone


def test_a_system_that_is_added_is_offered_the_same_candidates(tmp_path: Path) -> None:
    file, folder = written(tmp_path / "three.json", OWN, LANTERNS, HARBOURS), tmp_path / "run"
    before = ran(folder, file)
    after = ran(folder, file, [NONE, AGAIN])
    assert [one for one in after if one.system == "none"] == before
    added = [one for one in after if one.system == "again"]
    assert [(one.ranked, one.contexts, one.pool) for one in added] == [
        (one.ranked, one.contexts, one.pool) for one in before
    ]


@pytest.mark.parametrize("steps", [1, 3])
def test_a_run_that_was_killed_goes_on_to_what_one_in_one_go_gives(tmp_path: Path, steps: int) -> None:
    file, folder = written(tmp_path / "three.json", OWN, LANTERNS), tmp_path / "run"
    command = [sys.executable, "-m", "tests.evaluated", str(folder), str(file), str(steps)]
    assert subprocess.run(command, check=False).returncode == -9
    assert len((folder / "records.jsonl").read_text().splitlines()) > steps
    assert ran(folder, file) == ran(tmp_path / "whole", file)


def test_stores_are_closed_when_their_conversation_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ran(folder, written(tmp_path / "two.json", OWN, LANTERNS))
    names = sorted(path.name for path in (folder / "store").iterdir())
    assert names == sorted([file_name("conv/own"), file_name("conv-lanterns")])  # no -wal, no -shm


def test_a_run_of_earlier_versions_is_not_gone_on_with(tmp_path: Path) -> None:
    file, folder = written(tmp_path / "one.json", OWN), tmp_path / "run"
    ran(folder, file)
    protocol = json.loads((folder / "protocol.json").read_text())
    del protocol["stores"]
    (folder / "protocol.json").write_text(json.dumps(protocol))
    with pytest.raises(RunError, match="stores differs: one for all conversations and one for each conversation"):
        ran(folder, file, [NONE, AGAIN])


def test_file_names_are_safe_and_nobody_elses() -> None:
    names = ["a/b", "a-b", "A-B", "../a", "", "ü" * 300, "con", "a\x00b", "x" * 300]
    made = [file_name(name, has_events=events) for name in names for events in (False, True)]
    assert len({name.lower() for name in made}) == len(made)
    assert all(
        name.isascii() and len(name) < 90 and name[0] != "." and not set(name) & set('/\\:*?"\x00 ') for name in made
    )


def test_sessions_without_summaries_cost_the_systems_with_events_and_no_other(tmp_path: Path) -> None:
    event = {"summary": "Ines talked.", "lines": [1], "kind": "anchor", "date": None}
    systems = (NONE, replace(NONE, name="with events", events=True))
    plan, folder = plan_of(written(tmp_path / "one.json", OWN), systems), tmp_path / "run"
    # twice no JSON, then events
    with running(*[says("No.")] * 2, says(json.dumps({"events": [event]}), usage=(90, 9))) as server:
        config = Config(summaries="hosted", hosted_model="m", hosted_base_url=server.url, hosted_max_retries=0)
        evaluate(prepare(plan, config), folder)
        errors = {(one.system, one.error) for one in load_run(folder).records() if isinstance(one, QuestionRecord)}
        assert ("none", None) in errors
        ((failed, error),) = errors - {("none", None)}
        assert failed == "with events"
        assert error is not None
        assert error.startswith("the conversation was not taken in: Session 1 of default has no summary yet")
        evaluate(prepare(plan, config), folder)
    records = list(load_run(folder).records())
    assert {one.error for one in records[-2:] if isinstance(one, QuestionRecord)} == {None}
    (taken,) = (one for one in records if isinstance(one, IngestRecord) and one.system == "with events")
    assert (taken.cost.llm_calls, taken.cost.prompt_tokens, taken.cost.completion_tokens) == (1, 90, 9)
