"""The decoder ranker from the command line: in a recall that explains itself, and in a table beside others."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, parsed
from tests.cli.test_import import locomo_conversation
from tests.tiny_models import write_heads, write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_model(tmp_path_factory.mktemp("model"))
    write_heads(folder / "qr.heads.json", [(3, 7), (1, 5), (2, 3)])
    return folder


def test_a_recall_tells_what_the_heads_gave_and_where_they_looked(
    run: Run, model: Path, talk_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in {"NAME": "qr", "MODEL": model, "HEADS": model / "qr.heads.json", "CALIBRATE": "no"}.items():
        monkeypatch.setenv(f"RECOLLECT_RERANK_{key}", str(value))
    found = parsed(run("--store", talk_store, "recall", "Which dog?", "--json", "--explain"))["memories"]
    assert len(found) == 4
    for one in found:
        assert one["stages"]["qr"] == one["score"]
        assert sum(token["share"] for token in one["heat"]) == pytest.approx(1.0, abs=1e-3)
    shown = run("--store", talk_store, "recall", "Which dog?", "--explain")
    assert (shown.exit_code, "qr" in shown.stdout) == (0, True)


def test_a_decoder_is_measured_beside_the_first_stage(run: Run, model: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "locomo.json", tmp_path / "out.json"
    file.write_text(json.dumps([locomo_conversation("conv-1")]))
    options = ["--rerank", "none", "--rerank", "qr", "--rerank-model", model, "--rerank-heads", "3-7,1-5"]
    result = run("eval", "locomo", file, "--retrieval", *options, "--json", out)
    assert result.exit_code == 0, result.stderr
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert list(figures["systems"]) == ["none", "qr"]
    assert figures["systems"]["qr"]["metrics"]["recall@854"] == 100.0


def test_heads_that_are_unknown_cost_no_recall_and_are_told(
    run: Run, model: Path, talk_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_RERANK_NAME", "qr")
    monkeypatch.setenv("RECOLLECT_RERANK_MODEL", str(model))
    result = run("--store", talk_store, "recall", "Which dog?")
    assert result.exit_code == 0
    assert "recollect heads detect" in result.stderr
    assert "beagle" in result.stdout
