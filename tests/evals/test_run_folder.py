"""The folder of a run: continued from where it stopped, however it stopped, and by nothing else than the same run."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from recollect.evals.problems import Problem
from recollect.evals.protocol import RunProtocol, SystemDescription
from recollect.evals.record import IngestRecord, QuestionRecord
from recollect.evals.run_folder import add_usage, open_run
from recollect.evals.stored_run import Usage, load_run, summarise_run
from recollect.evals.system_spec import spec_named
from recollect.memory.errors import DataFormatError, RunError

from .killed_run import NAMES, PLAN, go
from .miniature import asked, context, protocol, record

ROOT = Path(__file__).parents[2]
INGEST = IngestRecord(system="store", conversation="c1", turns=3, seconds=0.5)
FIRST = record(asked("c1/q1"), "ab", context(50, "a", 40), system="recency")
SECOND = record(asked("c1/q2"), "ba", system="recency")


def write(folder: Path, *records: QuestionRecord | IngestRecord) -> None:
    with open_run(folder, PLAN, protocol()) as run:
        for one in records:
            run.append(one)


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    problem = Problem(conversation="c1", where="session_2", raw="", reason="no turns")
    with open_run(tmp_path / "run", PLAN, protocol(), problems=(problem,)) as run:
        for one in (INGEST, FIRST):
            run.append(one)
    add_usage(tmp_path / "run", wall_s=2.0, peak_rss_mib=100.0)
    add_usage(tmp_path / "run", wall_s=3.0, peak_rss_mib=90.0)
    found = load_run(tmp_path / "run")
    assert (found.plan, found.protocol, found.problems) == (PLAN, protocol(), (problem,))
    assert list(found.records()) == [INGEST, FIRST]
    assert found.usage == Usage(wall_s=5.0, peak_rss_mib=100.0)


def test_figures_come_from_the_folder_alone(tmp_path: Path) -> None:
    write(tmp_path, record(asked("c1/q1"), "ba", system="oracle"), FIRST, SECOND)
    summary = summarise_run(load_run(tmp_path))
    assert [one.system for one in summary.systems] == ["recency", "oracle"]  # as in the plan
    assert summary.systems[0].figures["R@1"].value == 0.5
    assert "recall@50" in summary.systems[0].figures


def test_what_was_answered_is_known_and_what_failed_is_open(tmp_path: Path) -> None:
    write(tmp_path, INGEST, FIRST, replace(SECOND, error="no answer"))
    with open_run(tmp_path, PLAN, protocol()) as run:
        assert set(run.answered) == {("recency", "turn", "c1/q1")}
        assert set(run.ingested) == {("store", None, "c1")}
        run.append(SECOND)
        assert SECOND.key in run.answered


@pytest.mark.parametrize("torn", [b'{"kind": "que', b"\x00" * 40, b"\x00\x00}\n"])
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    write(tmp_path, FIRST)
    with (tmp_path / "records.jsonl").open("ab") as file:
        file.write(torn)
    assert list(load_run(tmp_path).records()) == [FIRST]
    write(tmp_path, SECOND)
    assert list(load_run(tmp_path).records()) == [FIRST, SECOND]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    with (tmp_path / "records.jsonl").open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(DataFormatError, match=r"records\.jsonl, line 2, kind: the key is missing"):
        list(load_run(tmp_path).records())


def test_two_runs_do_not_write_one_folder(tmp_path: Path) -> None:
    with (
        open_run(tmp_path, PLAN, protocol()),
        pytest.raises(RunError, match="Another run is writing"),
        open_run(tmp_path, PLAN, protocol()),
    ):
        pass
    write(tmp_path, FIRST)


def test_systems_may_be_added_to_a_run(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    more = replace(PLAN, systems=(*PLAN.systems, spec_named("BM25")))
    wider = protocol(systems=(*protocol().systems, SystemDescription(name="BM25", unit="turn")))
    with open_run(tmp_path, more, wider) as run:
        assert FIRST.key in run.answered
    assert load_run(tmp_path).plan == more


MINI = protocol().data["mini.json"]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (protocol(data={"mini.json": replace(MINI, sha256="f" * 64)}), "the data has changed"),
        (protocol(embedder_fingerprint="02"), "embedder_fingerprint differs: 01 and 02"),
        (
            protocol(systems=(SystemDescription(name="bm25", unit="turn", options={"k1": "1.2"}),)),
            "bm25: k1 was not there, is 1.2",
        ),
    ],
)
def test_a_run_under_other_conditions_is_refused(tmp_path: Path, other: RunProtocol, said: str) -> None:
    write(tmp_path, FIRST)
    with pytest.raises(RunError, match=said), open_run(tmp_path, PLAN, other):
        pass
    assert load_run(tmp_path).protocol == protocol()


def test_a_run_with_another_plan_is_refused(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    other = replace(PLAN, seed=3)
    with (
        pytest.raises(RunError, match=r"seed = 3, not 0\. Choose another folder"),
        open_run(tmp_path, other, protocol()),
    ):
        pass


def test_data_that_was_renamed_is_the_same_data(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    with open_run(tmp_path, replace(PLAN, data=("moved.json",)), protocol(data={"moved.json": MINI})) as run:
        assert FIRST.key in run.answered


def test_a_folder_with_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match=r"holds thesis\.txt and no run"), open_run(tmp_path, PLAN, protocol()):
        pass
    assert not (tmp_path / "plan.json").exists()
    with pytest.raises(RunError, match="is no folder of a run"):
        load_run(tmp_path)


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def keys(folder: Path) -> list[tuple[str, str, str]]:
    return [one.key for one in load_run(folder).records() if isinstance(one, QuestionRecord)]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_run_that_is_killed_again_and_again_ends_like_one_that_was_not(mini_file: Path, tmp_path: Path) -> None:
    whole, folder, log = tmp_path / "whole", tmp_path / "killed", tmp_path / "log"
    go(whole, mini_file, tmp_path / "other-log")
    kills = 0
    for more in (2, 5, 4):
        before = len(lines(log))
        command = [sys.executable, "-m", "tests.evals.killed_run", str(folder), str(mini_file), str(log)]
        process = subprocess.Popen(command, cwd=ROOT)
        while len(lines(log)) < before + more and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills == 3
    go(folder, mini_file, log)
    assert keys(folder) == keys(whole)
    assert len(keys(folder)) == len(NAMES) * 8
    ingests = [one for one in load_run(folder).records() if isinstance(one, IngestRecord)]
    assert [one.conversation for one in ingests] == ["conv-1", "conv-2"]
    untimed = [
        [replace(one, timings_ms={}) for one in load_run(run).records() if isinstance(one, QuestionRecord)]
        for run in (folder, whole)
    ]
    assert untimed[0] == untimed[1]
    # only what was under way when it was killed is asked again: one question a kill at most
    again = Counter(lines(log)).total() - len(set(lines(log)))
    assert again <= kills
    assert json.loads((folder / "plan.json").read_text(encoding="utf-8"))["systems"][0]["name"] == "recency"
