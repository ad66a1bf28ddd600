"""heads: listing what is known, and finding the heads of a new model from the command line."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from recollect.rerank.heads import read_heads
from tests.tiny_models import write_model

from .conftest import Run, parsed
from .test_import import locomo_conversation


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "tiny-qwen3")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six questions over five passages each."""
    file = tmp_path / "pets.jsonl"
    records = [
        {
            "question": f"What is the name of pet {number}?",
            "passages": [{"id": place, "text": f"Pet {place} is called P{number}{place}."} for place in range(5)],
            "evidence": [number % 5],
        }
        for number in range(6)
    ]
    file.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
    return file


def test_the_list_names_models_data_and_sources(run: Run) -> None:
    listed = run("heads", "list").stdout
    assert "Qwen/Qwen3-4B-Instruct-2507" in listed
    assert "MindscapeRAG/QRRanker" in listed
    assert "NarrativeQA" in listed
    found = parsed(run("heads", "list", "--json"))
    (shipped,) = [one for one in found if one["model"] == "Qwen/Qwen3-4B-Instruct-2507" and "Narr" in one["dataset"]]
    assert (shipped["layers"], shipped["heads"][0], len(shipped["heads"])) == (36, [20, 15], 16)


@pytest.mark.parametrize("options", [("--score", "qr"), ("--score", "ndcg", "--no-calibrate")])
def test_detection_writes_a_head_set_and_a_picture(
    run: Run, model: Path, data: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    out, picture = tmp_path / "heads.json", tmp_path / "heads.svg"
    files = ("--out", out, "--picture", picture)
    result = run("heads", "detect", model, "--data", data, "--top", "3", *files, *options)
    assert result.exit_code == 0, result.stderr
    made = read_heads(out)
    assert (made.layers, made.heads_per_layer, len(made.heads), made.dataset) == (5, 8, 3, "pets")
    assert made.model_id == str(model)
    assert "6 samples" in made.note
    assert ",".join(f"{layer}-{head}" for layer, head in made.heads) in result.stdout
    assert "same in both halves" in result.stdout
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


def test_what_was_found_reranks_also_with_conversations_kept_read(
    run: Run, model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, file = tmp_path / "heads.json", tmp_path / "locomo.json"
    assert run("heads", "detect", model, "--data", data, "--top", "4", "--out", out).exit_code == 0
    file.write_text(json.dumps([locomo_conversation("conv-1"), locomo_conversation("conv-2")]))
    monkeypatch.setenv("RECOLLECT_RERANK_PREFILL", "yes")
    options = ("--rerank", "qr", "--rerank-model", model, "--rerank-heads", out, "--json", "-")
    figures = parsed(run("eval", "locomo", file, "--retrieval", *options))
    assert figures["systems"]["qr"]["metrics"]["recall@854"] == 100.0
    assert figures["problems"] == []


def test_another_number_of_heads_is_read_from_the_state(run: Run, model: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "heads.json"
    command = ("heads", "detect", model, "--data", data, "--out", out, "--samples", "4")
    assert run(*command, "--top", "2").exit_code == 0
    state = tmp_path / "heads.json.state.npz"
    before, first = state.stat().st_mtime_ns, read_heads(out)
    assert run(*command, "--top", "5").exit_code == 0
    assert read_heads(out).heads[:2] == first.heads
    assert state.stat().st_mtime_ns == before
    other = run(*command, "--seed", "99")
    assert (other.exit_code, "delete it to begin again" in other.stderr) == (1, True)


def test_what_cannot_be_is_said_before_the_model_is_loaded(run: Run, model: Path, data: Path, tmp_path: Path) -> None:
    assert run("heads", "detect", model).exit_code == 2
    assert run("heads", "detect", model, "--data", tmp_path / "none").exit_code == 2
    missing = run("heads", "detect", model, "--data", data, "--out", tmp_path / "no" / "heads.json")
    assert (missing.exit_code, "does not exist" in missing.stderr) == (2, True)
    unknown = run("heads", "detect", tmp_path / "no-model", "--data", data)
    assert (unknown.exit_code, unknown.stderr.startswith("Error: ")) == (1, True)
    data.write_text("{}")
    assert "line 1" in run("heads", "detect", model, "--data", data).stderr
