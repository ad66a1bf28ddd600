"""chat --plain: in pipes, with commands, with a failing model, interrupted."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openai_server import OpenAIServer, drops, running, says, says_then_hangs

from .conftest import Run, parsed, start


@pytest.fixture
def hosted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOLLECT_GENERATOR_NAME", "hosted")
    monkeypatch.setenv("RECOLLECT_HOSTED_MODEL", "scripted")
    monkeypatch.setenv("RECOLLECT_HOSTED_MAX_RETRIES", "0")


@pytest.fixture
def server(hosted: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    with running(says("Noted", "."), says("A red ", "bicycle [1].")) as server:
        monkeypatch.setenv("RECOLLECT_HOSTED_BASE_URL", server.url)
        yield server


def test_each_line_of_a_pipe_gets_a_reply_and_both_are_remembered(run: Run, server: OpenAIServer) -> None:
    for _ in range(5):  # the live window is left out of recall: fill it with other words
        assert run("add", "We had soup.", "--said-at", "2026-01-01", "--speaker", "Ann").exit_code == 0
    assert run("add", "I bought a red bicycle.", "--said-at", "2026-01-01", "--session", "x").exit_code == 0
    result = run("--conversation", "new", "chat", "--plain", stdin="Hello there\n\nWhat did I buy?\n")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[:2] == ["Noted.", "A red bicycle [1]."]
    assert len(server.requests) == 2
    said = parsed(run("--conversation", "new", "recall", "bicycle", "--json"))["memories"]
    assert {(one["speaker"], one["text"]) for one in said} == {
        ("User", "Hello there"),
        ("assistant", "Noted."),
        ("User", "What did I buy?"),
        ("assistant", "A red bicycle [1]."),
    }


@pytest.mark.usefixtures("server")
def test_citations_stand_under_the_reply_and_why_shows_what_was_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_CHAT_WINDOW_TURNS", "0")
    assert run("add", "I bought a red bicycle.", "--said-at", "2026-01-01", "--ref", "r1").exit_code == 0
    result = run(
        "chat", "--plain", stdin="/why\nHello\nWhat did I buy?\n/why\n/recall bicycle\n/help\n/quit\nnever\n"
    )
    lines = result.stdout.splitlines()
    assert lines[:3] == ["There was no answer yet.", "Noted.", "A red bicycle [1]."]
    assert lines[3] == "  [1] User, 2026-01-01 (r1): “I bought a red bicycle.”"
    assert "[1] User: I bought a red bicycle." in lines
    assert any(line.startswith("/recall TEXT") for line in lines)
    assert parsed(run("stats", "--json"))["turns"] == 5


@pytest.mark.usefixtures("hosted")
def test_a_failing_model_costs_neither_the_line_nor_the_chat(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(drops(), says("Here again.")) as server:
        monkeypatch.setenv("RECOLLECT_HOSTED_BASE_URL", server.url)
        result = run("chat", "--plain", stdin="I have a cat\n/nonsense\nStill there?\n")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "Here again."
    assert result.stderr.count("Error: ") == 2
    assert "/nonsense is no command" in result.stderr
    remembered = parsed(run("recall", "cat", "--json"))["memories"]
    assert "I have a cat" in [one["text"] for one in remembered]


@pytest.mark.usefixtures("hosted")
def test_a_line_that_is_not_utf_8_is_an_error_of_that_line_alone(run: Run, server: OpenAIServer) -> None:
    result = run("chat", "--plain", stdin=b"\xff\nHello\n")
    assert (result.exit_code, result.stdout) == (1, "Noted.\n")
    assert "not UTF-8" in result.stderr


@pytest.mark.usefixtures("server")
def test_in_a_pipe_the_chat_is_plain_by_itself(run: Run) -> None:
    result = run("chat", stdin="Hello\n")
    assert (result.exit_code, result.stdout) == (0, "Noted.\n")


def test_model_and_as_of_hold_for_one_chat(run: Run) -> None:
    assert run("add", "My bicycle is red.", "--said-at", "2026-01-01").exit_code == 0
    assert run("add", "My bicycle is blue.", "--said-at", "2026-06-01").exit_code == 0
    then = run("chat", "--model", "offline", "--as-of", "2026-03-01", stdin="Which colour is my bicycle?\n")
    assert "“My bicycle is red.” [1]" in then.stdout
    assert "blue" not in then.stdout
    with running(says("A hosted reply.")) as server:
        run("config", "set", "hosted.base_url", server.url)
        result = run("chat", "--model", "scripted", stdin="Hello\n")
    assert (result.exit_code, result.stdout) == (0, "A hosted reply.\n")


@pytest.mark.usefixtures("hosted")
def test_ctrl_c_in_a_reply_ends_a_pipe_with_130_and_the_question_stands(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "a.db"
    with running(says_then_hangs("Let me think")) as server:
        monkeypatch.setenv("RECOLLECT_HOSTED_BASE_URL", server.url)
        process = start("--store", store, "chat", "--plain")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("What is my cat called? 🐈\n".encode())
        process.stdin.flush()
        assert process.stdout.read(12) == b"Let me think"  # streamed as it came
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate()
    assert (process.returncode, complaint.strip()) == (130, b"Interrupted.")
    remembered = parsed(run("--store", store, "recall", "cat", "--json"))["memories"]
    assert [one["text"] for one in remembered] == ["What is my cat called? 🐈"]
