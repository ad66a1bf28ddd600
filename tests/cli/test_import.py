"""import: whole files, again, interrupted, and bad ones."""

import json
import signal
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from recollect.importing import BATCH_TURNS

from .conftest import TURNS, Run, parsed, start, write_jsonl


def turns_of(run: Run, store: Path, *options: str) -> int:
    return int(parsed(run("--store", store, *options, "stats", "--json"))["turns"])


def test_a_jsonl_file_becomes_a_conversation_of_its_name(run: Run, talk_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    assert "Stored 4 turns of 1 conversation in" in run("--store", store, "import", talk_file).stdout
    assert parsed(run("--store", store, "sessions", "--json")) == [
        {"conversation": "talk", "session": "1", "turns": 2},
        {"conversation": "talk", "session": "2", "turns": 2},
    ]


def test_importing_again_adds_only_what_is_new(run: Run, talk_file: Path, tmp_path: Path) -> None:
    store, grown = tmp_path / "a.db", tmp_path / "talk.jsonl"
    assert run("--store", store, "import", talk_file).exit_code == 0
    assert "Stored 0 turns" in run("--store", store, "import", talk_file).stdout
    new = {"speaker": "Ben", "text": "Good luck!", "session": 2}
    write_jsonl(grown, [*TURNS, new])
    result = run("--store", store, "import", grown)
    assert "Stored already, skipped: 4 turns." in result.stderr
    assert "Stored 1 turn of 1 conversation in" in result.stdout
    assert turns_of(run, store) == 5


@pytest.mark.parametrize("forgotten", [["1"], ["4"], ["3", "4"]])
def test_a_forgotten_turn_does_not_come_back(run: Run, talk_file: Path, tmp_path: Path, forgotten: list[str]) -> None:
    store = tmp_path / "a.db"
    assert run("--store", store, "import", talk_file).exit_code == 0
    assert run("--store", store, "forget", *forgotten, "--yes").exit_code == 0
    assert "Stored 0 turns" in run("--store", store, "import", talk_file).stdout


def test_other_words_in_the_same_place_are_refused_before_anything_is_stored(
    run: Run, talk_file: Path, tmp_path: Path
) -> None:
    store = tmp_path / "a.db"
    assert run("--store", store, "import", talk_file).exit_code == 0
    changed = [{**TURNS[0], "conversation": "new"}, *TURNS[:3], {**TURNS[3], "text": "Other words."}]
    result = run("--store", store, "import", write_jsonl(tmp_path / "talk.jsonl", changed))
    assert result.exit_code == 1
    assert "line 5: turn 2 of session 2 in conversation talk has other words" in result.stderr
    assert turns_of(run, store) == 4


def test_sessions_are_named_by_the_gap_where_the_file_names_none(run: Run, tmp_path: Path) -> None:
    times = ("2026-01-01T10:00", "2026-01-01T10:59", None, "2026-01-01T12:00", "2026-01-03T10:00")
    turns: list[Mapping[str, object]] = [
        {"speaker": "a", "text": f"word {n}", "said_at": when} for n, when in enumerate(times)
    ]
    turns.append({"speaker": "a", "text": "named", "session": "2"})
    file = write_jsonl(tmp_path / "gaps.jsonl", turns)
    store = tmp_path / "a.db"
    for _ in range(2):
        assert run("--store", store, "import", file).exit_code == 0
    sessions = parsed(run("--store", store, "sessions", "--json"))
    assert [(one["session"], one["turns"]) for one in sessions] == [("1", 3), ("3", 1), ("4", 1), ("2", 1)]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"speaker": "a"}', "line 3, text: the key is missing"),
        ('{"speaker": "a", "text": " "}', "line 3: text is empty"),
        ('{"speaker": "a", "text": "\\ud800"}', "line 3: text holds a lone surrogate"),
        ('{"speaker": "a", "text": "x", "said_at": "yesterday"}', "line 3, said_at: 'yesterday' is no ISO 8601 time"),
        ('{"speaker": "a", "text": "x", "when": 1}', "line 3: 'when' is no field"),
        ('{"speaker": "a", "text": "x", "metadata": [1]}', "line 3, metadata: expected an object"),
        ('{"speaker": "a", "text": "x", "metadata": {"n": NaN}}', "line 3: metadata cannot be written as JSON"),
        ('{"speaker": "a", "text": 5}', "line 3, text: expected text, found a number"),
        ('["a"]', "line 3: expected an object"),
        ("{", "line 3: no JSON"),
        ('{"speaker": "\xff"}', "line 3: no JSON in UTF-8"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_stored(run: Run, tmp_path: Path, line: str, complaint: str) -> None:
    good = '{"speaker": "a", "text": "x", "said_at": "2026-01-01"}\n'
    file = tmp_path / "bad.jsonl"
    file.write_bytes((good + "\n" + line + "\n" + good).encode("latin-1"))
    result = run("import", file)
    assert result.exit_code == 1
    assert complaint in result.stderr
    assert "There is no store" in run("stats").stderr


def test_the_first_turn_needs_a_time(run: Run, tmp_path: Path) -> None:
    result = run("import", write_jsonl(tmp_path / "a.jsonl", [{"speaker": "a", "text": "x"}]))
    assert (result.exit_code, "needs said_at" in result.stderr) == (1, True)


def test_a_file_of_neither_format_is_refused(run: Run, tmp_path: Path) -> None:
    for content in ("", "speaker,text\n", "[]", '{"a": 1}'):
        file = tmp_path / "x.csv"
        file.write_text(content)
        result = run("import", file)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
    assert run("import", tmp_path / "absent").exit_code == 2


def locomo_conversation(name: str) -> Mapping[str, object]:
    said = [
        {"speaker": "Ann", "dia_id": "D1:1", "text": "I got a cat."},
        {"speaker": "Bob", "dia_id": "D1:2", "text": "Nice"},
    ]
    question = {"question": "What did Ann get?", "answer": "a cat", "category": 4, "evidence": ["D1:1"]}
    return {
        "sample_id": name,
        "qa": [question],
        "conversation": {
            "speaker_a": "Ann",
            "speaker_b": "Bob",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": said,
        },
    }


def test_locomo_json_is_recognised_and_imported_under_its_own_names(run: Run, tmp_path: Path) -> None:
    file, store = tmp_path / "locomo.json", tmp_path / "a.db"
    file.write_text(json.dumps([locomo_conversation("conv-1"), locomo_conversation("conv-2")]))
    assert "Stored 4 turns of 2 conversations" in run("--store", store, "import", file).stdout
    assert "Stored 0 turns" in run("--store", store, "import", file, "--format", "locomo").stdout
    refused = run("--store", store, "import", file, "--conversation", "x")
    assert (refused.exit_code, "would mix them" in refused.stderr) == (1, True)
    file.write_text(json.dumps([locomo_conversation("conv-3")]))
    assert run("--store", store, "import", file, "--conversation", "x", "--user", "ann").exit_code == 0
    assert parsed(run("--store", store, "--user", "ann", "sessions", "--json"))[0]["conversation"] == "x"


def test_an_interrupted_import_keeps_whole_batches_and_goes_on(run: Run, tmp_path: Path) -> None:
    total = 4 * BATCH_TURNS
    turns: list[Mapping[str, object]] = [
        {"speaker": "a", "text": f"number {n}", "said_at": "2026-01-01T10:00"} for n in range(total)
    ]
    file, store = write_jsonl(tmp_path / "long.jsonl", turns), tmp_path / "a.db"
    process = start("--store", store, "import", file)
    until = time.monotonic() + 60
    while stored_turns(store) < BATCH_TURNS and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate()
    assert (process.returncode, complaint.strip()) == (130, b"Interrupted.")
    stored = turns_of(run, store)
    assert 0 < stored < total
    assert stored % BATCH_TURNS == 0
    assert f"Stored {total - stored} turns" in run("--store", store, "import", file).stdout
    assert turns_of(run, store) == total


def stored_turns(store: Path) -> int:
    try:
        connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
        try:
            return int(connection.execute("select count(*) from memories").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error:  # not created yet
        return 0
