"""Answers of a seq2seq model on disk from the command line, with each citation's share."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run, parsed
from tests.tiny_seq2seq import write_bart

QUESTION = "Which dog did Alice adopt?"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_bart(tmp_path / "model", seed=5)
    monkeypatch.setenv("RECOLLECT_GENERATOR_MODEL", str(folder))
    monkeypatch.setenv("RECOLLECT_GENERATOR_DEVICE", "cpu")
    return folder


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("decoding", ["rag-sequence", "rag-token", "re2g", "concat"])
def test_an_answer_tells_how_much_each_memory_carried(
    run: Run, talk_store: Path, monkeypatch: pytest.MonkeyPatch, decoding: str
) -> None:
    monkeypatch.setenv("RECOLLECT_GENERATOR_DECODING", decoding)
    asked = ("--store", talk_store, "ask", QUESTION, "--generator", "bart")
    found = parsed(run(*asked, "--json"))
    shares = {one["number"]: one["share"] for one in found["citations"]}
    assert shares
    assert all(0.0 < share <= 1.0 for share in shares.values())
    assert sum(shares.values()) <= 1.0 + 1e-3
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    shown = run(*asked)
    assert (shown.exit_code, shown.stderr) == (0, "")
    told = re.findall(r"^  \[(\d)\] (\d+) %, (?:Alice|Ben), ", shown.stdout, re.MULTILINE)
    assert told == [(str(number), f"{100 * share:.0f}") for number, share in shares.items()]


def test_generators_that_do_not_tell_shares_have_none(run: Run, talk_store: Path) -> None:
    asked = ("--store", talk_store, "ask", "When did Alice adopt a beagle?")
    assert {one["share"] for one in parsed(run(*asked, "--json"))["citations"]} == {None}
    assert " %, " not in run(*asked).stdout


def test_a_generator_without_a_model_says_what_to_set(run: Run, talk_store: Path) -> None:
    result = run("--store", talk_store, "ask", QUESTION, "--generator", "bart")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "recollect config set generator.model" in result.stderr


def test_a_folder_that_holds_no_model_says_which(
    run: Run, talk_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_GENERATOR_MODEL", str(tmp_path))
    result = run("--store", talk_store, "ask", QUESTION, "--generator", "bart")
    assert result.exit_code == 1
    assert f"Cannot load the reader '{tmp_path}'" in result.stderr
