"""The benchmark scripts run and report what they promise, at sizes that say nothing about speed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.child import environment
from benchmarks.figures import Figure, percentile, rounded
from benchmarks.synthetic import HashEmbedder, Vocabulary, dialogue, pseudo_words

ROOT = Path(__file__).parents[1]
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
