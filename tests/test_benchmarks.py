"""The benchmark scripts run and report what they promise, at sizes that say nothing about speed."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import capture, capture_worker
from benchmarks.child import environment
from benchmarks.chunk_unit import Asked, compared, joined, recalls, standardised, ways
from benchmarks.figures import Figure, percentile, rounded
from benchmarks.synthetic import HashEmbedder, Vocabulary, dialogue, pseudo_words
from recollect.memory.types import NewTurn, ScoredMemory, Turn
from recollect.rerank.chunks import Chunk, rank_chunks
from recollect.training.corpora import Conversation, Question

ROOT = Path(__file__).parents[1]
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SCRIPTS = {
    "import_time": (["--repetitions", "1"], "import recollect"),
    "ingest": (["--turns", "4", "--repetitions", "1", "--threads", "1"], "ingest ratio, 1 thread"),
    "recall_at_scale": (
        ["--turns", "120", "--users", "3", "--questions", "4", "--compare", "2"],
        "recall p50 (120 turns, one user)",
    ),
    "open_store": (
        ["--turns", "60", "--users", "2", "--repetitions", "1"],
        "open until the first search is answered",
    ),
    "chat_start": (["--repetitions", "1"], "first prompt over a bare app"),
    "chat_scrolling": (["--turns", "200", "--keys", "6"], "page up to screen p95"),
    "chat_typing": (["--turns", "120", "--rounds", "1"], "key to screen p95, reranking"),
    "marginal": (
        ["--layers", "1", "--width", "64", "--length", "12", "--tokens", "3", "--repetitions", "1"],
        "rag-sequence: same answers",
    ),
    "prefill": (["--tokens", "96", "--repetitions", "1"], "full pass / question on what is kept"),
}


def run(script: str, options: list[str], out: Path) -> Any:
    subprocess.run(
        [sys.executable, "-m", f"benchmarks.{script}", *options, "--json", str(out)],
        cwd=ROOT,
        env=environment(),
        check=True,
        capture_output=True,
        timeout=120,
    )
    return json.loads(out.read_text(encoding="utf-8"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_benchmark_reports_its_figures_with_targets_repetitions_and_load(script: str, tmp_path: Path) -> None:
    options, headline = SCRIPTS[script]
    report = run(script, options, tmp_path / "out.json")
    assert report["benchmark"] == script
    assert {"protocol", "n", "figures", "metrics", "repetitions", "load", "cores"} <= set(report)
    figures = {figure["name"]: figure for figure in report["figures"]}
    assert figures[headline]["target"] is not None
    assert figures[headline]["ok"] in (True, False)
    assert report["metrics"][headline] == figures[headline]["value"]
    assert all(report["repetitions"].values())


def test_in_a_small_store_recall_takes_no_shortcuts(tmp_path: Path) -> None:
    options = ["--turns", "100", "--users", "1", "--questions", "6", "--compare", "6", "--unscoped"]
    metrics = run("recall_at_scale", options, tmp_path / "out.json")["metrics"]
    assert metrics["overlap@10 fused"] == metrics["terms sought"] == 1.0


def test_a_store_that_was_kept_is_used_again(tmp_path: Path) -> None:
    options = ["--turns", "40", "--users", "1", "--questions", "2", "--compare", "1", "--keep", str(tmp_path)]
    reports = [run("recall_at_scale", options, tmp_path / f"{name}.json") for name in ("first", "second")]
    assert [report["protocol"]["store_reused"] for report in reports] == [False, True]
    assert reports[0]["metrics"]["store"] == reports[1]["metrics"]["store"]


def test_run_all_puts_the_reports_into_one_file(tmp_path: Path) -> None:
    out = tmp_path / "all.json"
    reports = run("run_all", ["--quick", "--only", "import_time"], out)
    assert reports["import_time"]["benchmark"] == "import_time"


@torch.no_grad()
def test_the_capture_benchmark_compares_the_same_scores() -> None:
    ids = torch.randint(0, 8_000, (1, 160), generator=torch.Generator().manual_seed(1))
    eager, whole, early = capture_worker.eager(ids), *(capture_worker.captured(ids, early_exit=x) for x in (0, 1))
    passes = [
        capture.Passes(cpu_s=[seconds], extra_mib=[mib], scores=work().tolist())
        for work, seconds, mib in ((eager, 12.0, 600.0), (whole, 3.0, 24.0), (early, 2.0, 20.0))
    ]
    figures = {one.name: one for one in capture.figures(dict(zip(capture.HOWS, passes, strict=True)))}
    assert (figures[capture.TIMES].value, figures[capture.MEMORY].value) == (6.0, 30.0)
    assert figures[f"{capture.TIMES} of all layers"].value == 4.0
    assert 0.0 < figures["largest difference of a score"].value < 1e-5
    assert capture_worker.peak_mib() >= capture_worker.resident_mib() > 50.0


def test_a_figure_knows_whether_it_is_good_enough() -> None:
    slow = Figure(name="recall", value=20.0, unit="ms", bound="at most", target=15.0)
    quick = Figure(name="ratio", value=1.6, unit="x", bound="at least", target=1.5)
    assert (slow.ok, quick.ok, Figure(name="size", value=3.0).ok) == (False, True, None)
    assert (slow.aim, quick.aim) == ("<= 15 ms", ">= 1.5 x")


def test_percentiles_are_interpolated() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert percentile([1.0, 2.0], 0.95) == pytest.approx(1.95)
    assert [rounded(12345.6), rounded(0.99991), rounded(1.2345)] == ["12,346", "0.999910", "1.234"]


def test_synthetic_texts_and_vectors_come_from_their_seed() -> None:
    words = pseudo_words(500, seed=3)
    assert words == pseudo_words(500, seed=3)
    assert len(set(words)) == 500
    assert all(word.isalpha() for word in Vocabulary.zipf(100).words)
    assert all(5 <= len(text.split()) <= 40 for text in dialogue(200))
    vectors = HashEmbedder(centres=3, dimensions=16).embed(["a", "b", "a"], kind="passage")
    assert (vectors[0] == vectors[2]).all()
    assert (vectors[0] != vectors[1]).any()
    assert (vectors**2).sum(1) == pytest.approx(1.0)


def test_the_chunk_benchmarks_first_way_is_the_librarys() -> None:
    scores = {1: 2.0, 2: 0.3, 3: 1.6, 4: 1.5, 5: -3.0, 6: -2.4}  # of turns; two to a chunk; standardised below
    turns = {
        number: Turn(
            id=number, user="u", conversation="c", session="1", position=number, speaker="A", text="x", said_at=NOON
        )
        for number in scores
    }
    chunks = [Chunk(turns=(turns[first], turns[first + 1]), tokens=2) for first in (1, 3, 5)]
    ranked = [
        ScoredMemory(memory=turns[n], score=scores[n], stages={}) for n in sorted(scores, key=lambda n: -scores[n])
    ]
    z = standardised([one.score for one in ranked]).tolist()
    by_chunk = [[(z[r], r + 1) for r in range(6) if ranked[r].memory.id in (first, first + 1)] for first in (1, 3, 5)]
    asked = Asked(
        corpus="mini",
        pool="p",
        gold=frozenset({1}),
        turns={"none": by_chunk},
        words=standardised([0.0, 0.0, 9.0]),
        stems=standardised([0.0, 9.0, 0.0]),
        vectors=standardised([0.0, 0.0, 9.0]),
    )
    first = next(iter(ways().values()))
    library = {scored.chunk.turns[0].id: scored.score for scored in rank_chunks(ranked, chunks)}
    assert first(asked, "none").tolist() == pytest.approx([library[1], library[3], library[5]])
    assert ways()["best turn"](asked, "none").argmax() == 0
    assert ways()["soft maximum, T 1.5"](asked, "none").argmax() == 1
    assert ways()["BM25 of the chunk's words alone"](asked, "none").argmax() == 2
    assert ways()["+ 1 BM25 of words + 0.5 cosine"](asked, "none").argmax() == 2
    assert ways()["+ 1 BM25 of stems + 0 cosine"](asked, "none").argmax() == 1
    assert recalls([asked], first, "none").tolist() == [[1.0, 1.0, 1.0]]
    row = compared([asked], "none")[0]
    assert (row["mini R@3"], row["R@3 difference"]) == (100.0, [0.0, 0.0, 0.0])


def test_joined_episodes_keep_their_refs_and_sessions_apart() -> None:
    def episode(name: str) -> Conversation:
        turn = NewTurn(speaker="A", text=name, ref="1:2", session="1")
        question = Question(text="Who?", evidence=("1:2",), kind="")
        return Conversation(id=name, split="train", speakers=("A",), turns=(turn,), questions=(question,))

    pool = joined([episode("one"), episode("two")])
    assert pool.id == "one+two"
    assert [(turn.ref, turn.session, turn.text) for turn in pool.turns] == [
        ("0/1:2", "0/1", "one"),
        ("1/1:2", "1/1", "two"),
    ]
    assert [question.evidence for question in pool.questions] == [("0/1:2",), ("1/1:2",)]
