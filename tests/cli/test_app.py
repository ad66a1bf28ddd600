"""What every command has in common: a light start, one-line errors, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import recollect
from recollect.config_keys import KEYS

from .conftest import ROOT, Run, parsed, start

HEAVY = ("torch", "faiss", "transformers", "sentence_transformers", "textual", "openai", "dateparser", "numpy")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["config"], ["config", "--json"], ["chat", "--help"], ["--version"]]
)
def test_help_and_config_start_without_heavy_modules(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from recollect.cli import main\n"
        f"sys.argv = ['recollect', *{arguments!r}]\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_the_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").stdout == f"recollect, version {recollect.__version__}\n"


def test_every_command_explains_itself(run: Run) -> None:
    listed = run("--help").stdout
    for command in (
        "demo",
        "add",
        "import",
        "ask",
        "recall",
        "context",
        "chat",
        "eval",
        "config",
        "stats",
        "reembed",
    ):
        assert f"\n  {command} " in listed
        assert run(command, "--help").exit_code == 0


def test_an_error_of_ours_is_one_line_on_stderr_and_exit_code_1(run: Run, tmp_path: Path) -> None:
    result = run("--store", tmp_path / "none.db", "recall", "x")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: There is no store at {tmp_path / 'none.db'}")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_store_is_refused_and_left_as_it_was(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear diary, this is no database, and it should stay as it is. " * 99)
    before = file.read_bytes()
    result = run("--store", file, "stats")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert file.read_bytes() == before


def test_with_debug_the_traceback_is_shown(tmp_path: Path) -> None:
    process = start("--store", tmp_path / "none.db", "recall", "x", RECOLLECT_DEBUG="1")
    _, complaint = process.communicate()
    assert process.returncode == 1
    assert b"Traceback" in complaint
    assert b"NotAStore" in complaint


def test_wrong_usage_is_exit_code_2(run: Run) -> None:
    for arguments in (["nonsense"], ["ask"], ["recall", "x", "--limit", "0"], ["recall", "x", "--since", "soon"]):
        assert run(*arguments).exit_code == 2


def test_a_wrong_configuration_is_an_error_not_a_traceback(run: Run, recollect_home: Path) -> None:
    recollect_home.mkdir()
    (recollect_home / "config.toml").write_text("[hosted]\nmodle = 'x'\n")
    result = run("config")
    assert result.exit_code == 1
    assert "did you mean hosted.model?" in result.stderr
    assert run("config", "unset", "hosted.modle").exit_code == 0
    assert run("config").exit_code == 0


def test_config_shows_every_key_with_its_value_and_source(
    run: Run, recollect_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_CONTEXT_BUDGET", "500")
    assert run("config", "set", "hosted.model", "some-model").exit_code == 0
    shown = parsed(run("--user", "ann", "config", "--json"))
    assert list(shown) == [key.name for key in KEYS]
    assert shown["context.budget"] == {"value": 500, "source": "RECOLLECT_CONTEXT_BUDGET"}
    assert shown["hosted.model"] == {"value": "some-model", "source": str(recollect_home / "config.toml")}
    assert shown["user"] == {"value": "ann", "source": "flag"}
    table = run("config").stdout
    assert all(key.name in table for key in KEYS)


def test_config_set_says_when_the_environment_goes_before_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOLLECT_USER", "ann")
    result = run("config", "set", "user", "ben")
    assert "RECOLLECT_USER" in result.stderr
    assert parsed(run("config", "--json"))["user"]["value"] == "ann"


def test_a_negative_value_is_refused_by_its_key_and_not_as_an_option(run: Run) -> None:
    result = run("config", "set", "context.budget", "-5")
    assert (result.exit_code, "expected a whole number of at least 1" in result.stderr) == (1, True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_cannot_be_written_is_an_error_and_no_traceback(talk_store: Path) -> None:
    for command in (("stats",), ("stats", "--json")):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "recollect", *command, "--store", str(talk_store)],
                cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False,
            )  # fmt: skip
        assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
        assert done.stderr.startswith(b"Error: The system refused: No space left on device.")


def test_config_path_is_in_the_home_folder(run: Run, recollect_home: Path) -> None:
    assert run("config", "path").stdout.strip() == str(recollect_home / "config.toml")


def test_json_stays_readable_by_programs_where_stdout_is_ascii() -> None:
    process = start("--user", "红 🎹", "config", "--json", PYTHONIOENCODING="ascii")
    written, complaint = process.communicate()
    assert process.returncode == 0, complaint
    assert json.loads(written.decode("ascii"))["user"]["value"] == "红 🎹"


def test_threads_are_settled_before_torch_is_loaded(talk_store: Path) -> None:
    script = (
        "import sys, os\n"
        "from recollect.cli import cli\n"
        f"cli(['--store', {str(talk_store)!r}, 'recall', 'dog'], standalone_mode=False)\n"
        "import torch\n"
        "print(torch.get_num_threads(), os.environ['OMP_WAIT_POLICY'], file=sys.stderr)\n"
    )
    process = start_python(script, RECOLLECT_THREADS="1")
    assert process.stderr.strip() == "1 passive"


def start_python(script: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    import os

    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
