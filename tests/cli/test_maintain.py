"""stats, reembed, forget and eval."""

import json
from pathlib import Path

import pytest

from recollect.config_keys import RERANKERS
from tests.openai_server import embeds, running, says
from tests.tiny_cross_encoders import write_cross_encoder
from tests.tiny_models import write_model

from .conftest import Run, parsed
from .test_import import locomo_conversation


def test_stats_counts_and_looks_at_the_indexes(run: Run, talk_store: Path) -> None:
    found = parsed(run("--store", talk_store, "stats", "--json"))
    assert (found["turns"], found["sessions"], found["users"]) == (4, 2, 1)
    assert found["turns_by_user"] == {"default": 4}
    assert (found["embedder"], found["vectors_missing"]) == ("all-MiniLM-L6-v2", 0)
    assert found["bytes_on_disk"] > 0
    assert "all-MiniLM-L6-v2" in run("--store", talk_store, "stats").stdout


def test_sessions_are_listed_with_their_turns(run: Run, talk_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    assert run("--store", store, "import", talk_file).exit_code == 0
    assert run("--store", store, "add", "Bye", "--session", "3", "--said-at", "2026-05-01").exit_code == 0
    lines = run("--store", store, "sessions").stdout.splitlines()
    assert sorted(lines) == ["default\t3\t1 turn", "talk\t1\t2 turns", "talk\t2\t2 turns"]


def test_a_store_of_another_embedder_is_refused_until_it_is_embedded_again(
    run: Run, talk_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "a.db"
    assert run("--store", store, "import", talk_file).exit_code == 0
    monkeypatch.setenv("RECOLLECT_EMBEDDER_NAME", "endpoint")
    monkeypatch.setenv("RECOLLECT_EMBEDDER_MODEL", "tiny")
    with running(embeds(lambda text: [float(len(text)), 1.0, 2.0])) as server:
        monkeypatch.setenv("RECOLLECT_EMBEDDER_BASE_URL", server.url)
        refused = run("--store", store, "recall", "dog")
        assert (refused.exit_code, f"recollect reembed --store {store}" in refused.stderr) == (1, True)
        assert parsed(run("--store", store, "stats", "--json"))["embedder"] == "all-MiniLM-L6-v2"
        made = run("reembed", "--store", store)
        assert (made.exit_code, made.stdout.startswith("Made 4 vectors with ")) == (0, True)
        assert run("--store", store, "recall", "dog").exit_code == 0
        assert run("reembed", "--store", store).stdout.startswith("Made 0 vectors")


def test_forgetting_asks_first_and_keeps_to_the_user(run: Run, talk_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    assert run("--store", store, "import", talk_file).exit_code == 0
    assert "Nothing was forgotten." in run("--store", store, "forget", "1", stdin="n\n").stdout
    assert run("--store", store, "forget", "1", stdin="").exit_code == 130
    assert run("--store", store, "--user", "eve", "forget", "1", "--yes").exit_code == 1
    assert run("--store", store, "forget", "1", "99", "--yes").exit_code == 1
    assert parsed(run("--store", store, "stats", "--json"))["turns"] == 4
    result = run("--store", store, "forget", "1", stdin="y\n")
    assert (result.exit_code, "1: I adopted a beagle" in result.stdout) == (0, True)
    assert "Forget this for good?" in result.stdout  # "Forget 1" would look like the id
    assert "Forgot 1 memory." in result.stdout
    found = parsed(run("--store", store, "recall", "beagle Biscuit", "--json"))["memories"]
    assert "a1" not in [one["ref"] for one in found]


def test_eval_prints_tables_and_writes_the_figures(run: Run, tmp_path: Path) -> None:
    file, out = tmp_path / "locomo.json", tmp_path / "out.json"
    file.write_text(json.dumps([locomo_conversation("conv-1"), locomo_conversation("conv-2")]))
    result = run("eval", "locomo", file, "--retrieval", "--rerank", "none", "--budget", "100", "--json", out)
    assert result.exit_code == 0, result.stderr
    assert "recall@100" in result.stdout
    assert "p95" in result.stdout
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["n"]["overall"] == 2
    assert figures["metrics"]["recall@100"] == 100.0
    assert figures["protocol"]["system"]["reranker"] == "none"
    assert parsed(run("eval", "locomo", file, "--retrieval", "--fusion", "rrf", "--json", "-"))["n"]["overall"] == 2


def test_eval_puts_rerankers_into_one_table(run: Run, tmp_path: Path) -> None:
    file, out = tmp_path / "locomo.json", tmp_path / "out.json"
    file.write_text(json.dumps([locomo_conversation("conv-1"), locomo_conversation("conv-2")]))
    both = ["--rerank", "none", "--rerank", "block"]
    result = run("eval", "locomo", file, "--retrieval", *both, "--rerank", "none", "--json", out)
    assert result.exit_code == 0, result.stderr
    for part in ("2 questions", "pool, ideal order", "Difference to none", "By category", "p50 / p95"):
        assert part in result.stdout
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert list(figures["systems"]) == ["none", "block"]
    assert figures["protocol"]["system"]["reranker"] == "none, block"
    assert figures["systems"]["block"]["metrics"]["recall@854"] == 100.0
    assert figures["pool"]["metrics"]["recall@854"] == 100.0
    assert set(figures["systems"]["block"]["difference"]["R@1"]) == {"value", "low", "high"}


def test_eval_reports_a_reranker_that_fails_and_goes_on(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "locomo.json"
    file.write_text(json.dumps([locomo_conversation("conv-1")]))
    options = ["--rerank", "cross_encoder", "--rerank", "none", "--rerank-model", tmp_path / "absent"]
    result = run("eval", "locomo", file, "--retrieval", *options)
    assert result.exit_code == 0, result.stderr
    assert "cross_encoder failed and is left out: " in result.stderr
    assert str(tmp_path / "absent") in result.stderr
    assert "1 questions" in result.stdout
    alone = run("eval", "locomo", file, "--retrieval", *options[:2], *options[4:])
    assert (alone.exit_code, str(tmp_path / "absent") in alone.stderr) == (1, True)


def test_eval_compares_rerankers_of_every_family(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "locomo.json"
    file.write_text(json.dumps([locomo_conversation("conv-1")]))
    folders = {
        "qr": write_model(tmp_path / "decoder", "qwen3"),
        "cross_encoder": write_cross_encoder(tmp_path / "encoder", "bert"),
    }
    options = [word for name in RERANKERS for word in ("--rerank", name)]
    options += [word for name, folder in folders.items() for word in ("--rerank-model", f"{name}={folder}")]
    with running(says("[1]")) as server:
        monkeypatch.setenv("RECOLLECT_HOSTED_BASE_URL", server.url)
        monkeypatch.setenv("RECOLLECT_HOSTED_MODEL", "tiny")
        monkeypatch.setenv("OPENAI_API_KEY", "not needed")
        command = ["eval", "locomo", file, "--retrieval", "--rerank-heads", "1-0,2-3", *options, "--json", "-"]
        figures = parsed(run(*command))
    assert figures["failures"] == {}
    assert list(figures["systems"]) == list(RERANKERS)
    assert figures["protocol"]["system"]["reranker"] == (
        f"none, block, qr ({folders['qr']}), cross_encoder ({folders['cross_encoder']}), listwise_llm (tiny)"
    )
    assert {figures["systems"][name]["metrics"]["recall@854"] for name in RERANKERS} == {100.0}


def test_eval_ranks_chunks_beside_bm25(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "locomo.json"
    file.write_text(json.dumps([locomo_conversation("conv-1")]))
    figures = parsed(run("eval", "locomo", file, "--retrieval", "--unit", "chunk", "--json", "-"))
    assert list(figures["systems"]) == ["block", "bm25"]
    assert figures["protocol"]["unit"].startswith("chunk of at most 325 tokens (")
    assert figures["protocol"]["ks"] == [1, 3, 5, 10]
    assert figures["systems"]["block"]["metrics"]["R@3"] == 100.0


def test_eval_refuses_what_it_cannot_measure_before_it_begins(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "locomo.json"
    file.write_text(json.dumps([locomo_conversation("conv-1")]))
    assert run("eval", "locomo", file).exit_code == 2
    assert run("eval", "locomo", file, "--retrieval", "--rerank", "magic").exit_code == 2
    assert run("eval", "locomo", file, "--retrieval", "--json", tmp_path / "no" / "out.json").exit_code == 2
    file.write_text("{}")
    assert run("eval", "locomo", file, "--retrieval").exit_code == 1
