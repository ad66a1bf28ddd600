"""summarize, correct, and imports with summaries."""

import json
from pathlib import Path

import pytest

from tests.openai_server import refuses, running, says

from .conftest import Run, parsed
from .test_import import locomo_conversation

REPLY = json.dumps({"events": [{"summary": "They talked.", "lines": [1], "kind": "ephemeral", "date": None}]})


@pytest.fixture
def store(run: Run, talk_file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "talk.db"
    assert run("--store", path, "import", talk_file).exit_code == 0
    return path


def events(run: Run, store: Path) -> int:
    return int(parsed(run("--store", store, "stats", "--json"))["events"])


def test_sessions_are_summarised_once_offline_by_default(run: Run, store: Path) -> None:
    before = events(run, store)
    dry = parsed(run("--store", store, "summarize", "--again", "--dry-run", "--json"))
    assert (dry["sessions"], events(run, store)) == (0, before)
    done = parsed(run("--store", store, "summarize", "--again", "--json"))
    assert (done["sessions"], done["problems"]) == (2, [])
    assert events(run, store) == done["events"] >= 2
    again = run("--store", store, "summarize")
    assert (again.exit_code, again.stdout) == (0, "Summarised 0 sessions: 0 events.\n")


def test_an_interrupted_backfill_goes_on_where_it_was(run: Run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOLLECT_HOSTED_MODEL", "tiny")
    monkeypatch.setenv("RECOLLECT_HOSTED_MAX_RETRIES", "0")
    with running(says(REPLY), refuses(500), refuses(500), says(REPLY)) as server:
        monkeypatch.setenv("RECOLLECT_HOSTED_BASE_URL", server.url)
        first = run("--store", store, "summarize", "--summarizer", "hosted", "--again", "--yes")
        assert (first.exit_code, first.stdout) == (1, "Summarised 1 session: 1 event.\n")
        assert "1 session of 2 could not be summarised and stay due" in first.stderr
        second = run("--store", store, "summarize", "--summarizer", "hosted", "--yes")
        assert (second.exit_code, second.stdout) == (0, "Summarised 1 session: 1 event.\n")
    assert len(server.requests) == 4
    assert events(run, store) == 2


def test_a_hosted_model_is_sent_nothing_before_somebody_agreed_to_the_cost(
    run: Run, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_HOSTED_MODEL", "tiny")
    command = ("--store", store, "summarize", "--summarizer", "hosted", "--again")
    with running(says(REPLY)) as server:
        monkeypatch.setenv("RECOLLECT_HOSTED_BASE_URL", server.url)
        refused = run(*command, "--input-price", "1000", "--output-price", "1000", stdin="n\n")
        assert refused.exit_code == 130
        assert "2 sessions of 4 turns, 2 calls of tiny: about" in refused.stderr
        assert ", about $1." in refused.stderr  # some 700 tokens read, 800 written
        assert server.requests == []
        assert parsed(run(*command, "--limit", "1", "--yes", "--json"))["sessions"] == 1
        assert parsed(run(*command, "--dry-run", "--json"))["sessions_due"] == 2


def test_an_import_is_summarised_offline_and_never_sent_to_a_hosted_model_unbidden(
    run: Run, talk_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_SUMMARIES_NAME", "extractive")
    assert run("--store", tmp_path / "a.db", "import", talk_file).exit_code == 0
    assert events(run, tmp_path / "a.db") >= 2
    monkeypatch.setenv("RECOLLECT_SUMMARIES_NAME", "hosted")
    monkeypatch.setenv("RECOLLECT_HOSTED_MODEL", "tiny")
    with running(says(REPLY)) as server:
        monkeypatch.setenv("RECOLLECT_HOSTED_BASE_URL", server.url)
        told = run("--store", tmp_path / "b.db", "import", talk_file)
        assert "2 sessions wait for their summaries; run: recollect summarize" in told.stderr
        assert server.requests == []


def test_a_turn_is_corrected_by_its_id(run: Run, store: Path) -> None:
    (found,) = parsed(run("--store", store, "recall", "beagle", "--limit", "1", "--json"))["memories"]
    turn = found["id"] if found["kind"] == "turn" else found["turns"][0]
    assert run("--store", store, "correct", turn, "I adopted a poodle.").stdout == f"Corrected memory {turn}.\n"
    texts = [one["text"] for one in parsed(run("--store", store, "recall", "poodle", "--json"))["memories"]]
    assert "I adopted a poodle." in texts
    assert not any("beagle" in text for text in texts)
    assert run("--store", store, "--user", "eve", "correct", turn, "x").exit_code == 1
    assert run("--store", store, "correct", 99, "x").exit_code == 1


def test_an_evaluation_draws_events_from_what_it_takes_in(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, folder = tmp_path / "locomo.json", tmp_path / "run"
    file.write_text(json.dumps([locomo_conversation("conv-1")]))
    monkeypatch.setenv("RECOLLECT_SUMMARIES_NAME", "extractive")
    options = ("--retrieval", "--rerank", "block", "--events", "--out", folder, "--json", "-")
    figures = parsed(run("eval", "locomo", file, *options))
    assert list(figures["systems"]) == ["block", "block + events"]
    assert sum(events(run, store) for store in folder.rglob("*.db")) >= 1
