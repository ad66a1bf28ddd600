"""Several systems side by side: the JSON other programs read and the tables people read."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from recollect.evals.comparison_report import (
    all_differences,
    category_table,
    compared_latency_table,
    comparison_json,
    comparison_table,
    difference_table,
)
from recollect.evals.dataset import Dataset
from recollect.evals.locomo import load_locomo
from recollect.evals.problems import Problem
from recollect.evals.protocol import RunProtocol, SystemDescription, describe_retrieval
from recollect.evals.retrieval import QuestionScore, RetrievalResult, RetrievalSettings
from recollect.evals.run import Comparison

SLIP = Problem(conversation="conv-2", where="conv-2/q1", raw="", reason="the model stuttered")


def result(recalls: Sequence[float], timings: dict[str, float], *problems: Problem) -> RetrievalResult:
    """Three questions: two of conv-1, in the categories 1 and 4, and one of conv-2, in 4."""
    places = [("conv-1", "conv-1/q1", 1), ("conv-1", "conv-1/q4", 4), ("conv-2", "conv-2/q1", 4)]
    return RetrievalResult(
        settings=RetrievalSettings(ks=(1,)),
        questions=tuple(
            QuestionScore(
                conversation=conversation,
                question_id=question,
                category=category,
                gold=("D1:1",),
                recall_at={1: recall},
                context_recall=recall / 2,
                context_tokens=800,
                timings_ms=timings,
                problems=tuple(problem for problem in problems if problem.where == question),
            )
            for (conversation, question, category), recall in zip(places, recalls, strict=True)
        ),
        excluded={},
        problems=problems,
    )


@pytest.fixture
def dataset(mini_file: Path) -> Dataset:
    return load_locomo(mini_file)


@pytest.fixture
def comparison(dataset: Dataset) -> Comparison:
    return Comparison(
        results={
            "none": result([0.0, 0.5, 1.0], {"recall": 1.0, "total": 2.0}),
            "better": result([1.0, 1.0, 0.5], {"recall": 1.0, "rerank": 30.0, "total": 32.0}, SLIP),
        },
        failures={"weak": "no such model"},
        pool=result([1.0, 1.0, 1.0], {}),
        problems=dataset.problems[:1],
    )


@pytest.fixture
def protocol(dataset: Dataset, comparison: Comparison) -> RunProtocol:
    system = SystemDescription(
        reranker="none, better", embedder="mini", embedder_fingerprint="01", tokenizer="words", recollect_version="9"
    )
    return describe_retrieval(dataset, comparison.results["none"], system, date=datetime(2026, 1, 2, tzinfo=UTC))


def printed(table: Table) -> list[list[str]]:
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(table)
    return [line.replace("│", " ").split() for line in console.export_text().split("\n")]


def test_differences_are_to_the_first_and_clustered_by_conversation(comparison: Comparison) -> None:
    # conv-1: 1 and 0.5, conv-2: -0.5; so 1/3, between -0.5 (conv-2 twice) and 0.75 (conv-1 twice)
    differences = all_differences(comparison)
    assert list(differences) == ["better"]
    assert list(differences["better"]) == ["recall@854", "R@1"]
    first = differences["better"]["R@1"]
    assert (first.value, first.low, first.high) == (pytest.approx(1 / 3), -0.5, 0.75)
    assert differences["better"]["recall@854"].high == 0.375


def test_the_json_holds_all_of_every_system(protocol: RunProtocol, comparison: Comparison) -> None:
    document = json.loads(comparison_json(protocol, comparison))
    assert list(document) == ["protocol", "n", "baseline", "systems", "pool", "failures", "problems"]
    assert document["n"] == {"1": 1, "2": 0, "3": 0, "4": 2, "overall": 3}
    assert document["baseline"] == "none"
    better = document["systems"]["better"]
    assert better["metrics"] == {"recall@854": 41.67, "R@1": 83.33, "context_tokens_mean": 800.0}
    assert better["by_category"]["4"]["R@1"] == 75.0
    assert better["latency_ms"]["rerank"] == {"p50": 30.0, "p95": 30.0}
    assert better["difference"]["R@1"] == {"value": 33.33, "low": -50.0, "high": 75.0}
    assert [problem["reason"] for problem in better["problems"]] == ["the model stuttered"]
    assert document["systems"]["none"]["difference"] == {}
    assert document["pool"]["metrics"]["R@1"] == 100.0
    assert document["failures"] == {"weak": "no such model"}
    assert [problem["where"] for problem in document["problems"]] == ["session_3"]


def test_a_pool_that_nobody_tells_of_is_null(protocol: RunProtocol, comparison: Comparison) -> None:
    silent = Comparison(results=comparison.results, failures={}, pool=None, problems=())
    assert json.loads(comparison_json(protocol, silent))["pool"] is None
    rows = printed(comparison_table(protocol, silent)) + printed(category_table(silent))
    assert not any("pool," in row for row in rows)


def test_the_table_has_a_row_for_each_system_and_for_the_pool(protocol: RunProtocol, comparison: Comparison) -> None:
    rows = printed(comparison_table(protocol, comparison))
    assert ["none", "25.00", "50.00", "800.00"] in rows
    assert ["better", "41.67", "83.33", "800.00"] in rows
    assert ["pool,", "ideal", "order", "50.00", "100.00", "–"] in rows
    assert ["none,", "better"] in [row[row.index("reranker") + 1 :][:2] for row in rows if "reranker" in row]


def test_categories_show_every_system_beside_the_pool(comparison: Comparison) -> None:
    rows = printed(category_table(comparison))
    start = rows.index(["4", "single-hop", "(2)", "none", "37.50", "75.00", "800.00"])
    assert rows[start + 1] == ["better", "37.50", "75.00", "800.00"]
    assert rows[start + 2] == ["pool,", "ideal", "order", "50.00", "100.00", "–"]


def test_differences_are_shown_in_points_with_their_interval(comparison: Comparison) -> None:
    rows = printed(difference_table(comparison))
    start = rows.index(["better", "+16.7", "+33.3"])
    assert rows[start + 1] == ["[-25.0,", "37.5]", "[-50.0,", "75.0]"]
    assert "Paired by question, bootstrap over 2 conversations" in " ".join(word for row in rows for word in row)


def test_latencies_stand_side_by_side(comparison: Comparison) -> None:
    rows = printed(compared_latency_table(comparison))
    assert ["recall", "1.0", "/", "1.0", "1.0", "/", "1.0"] in rows
    assert ["rerank", "–", "30.0", "/", "30.0"] in rows
    assert ["total", "2.0", "/", "2.0", "32.0", "/", "32.0"] in rows
