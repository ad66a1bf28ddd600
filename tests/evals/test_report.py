"""Reports: the JSON other programs read and the tables people read."""

import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from recollect.evals.dataset import Dataset
from recollect.evals.locomo import load_locomo
from recollect.evals.protocol import RunProtocol, SystemDescription, describe_machine, describe_retrieval
from recollect.evals.report import latency_table, protocol_line, retrieval_table, to_json
from recollect.evals.retrieval import Latency, QuestionScore, RetrievalResult, RetrievalSettings

SYSTEM = SystemDescription(
    reranker="none",
    embedder="mini [v2]",
    embedder_fingerprint="0123456789abcdef",
    tokenizer="words",
    recollect_version="9.9",
    fusion="z, dense weight 0.75",
)


def score(question: str, category: int, recall: float, tokens: int, recall_ms: float) -> QuestionScore:
    return QuestionScore(
        conversation="conv-1",
        question_id=question,
        category=category,
        gold=("D1:1",),
        recall_at={1: 0.0, 10: recall},
        context_recall=recall,
        context_tokens=tokens,
        timings_ms={"recall": recall_ms},
    )


@pytest.fixture
def dataset(mini_file: Path) -> Dataset:
    return load_locomo(mini_file)


@pytest.fixture
def result(dataset: Dataset) -> RetrievalResult:
    return RetrievalResult(
        settings=RetrievalSettings(ks=(1, 10)),
        questions=(
            score("conv-1/q1", 1, 1 / 3, 800, 10.0),
            score("conv-1/q4", 4, 1.0, 851, 20.0),
            score("conv-1/q5", 4, 2 / 3, 850, 40.12345),
        ),
        excluded={"category_5": 1, "no_resolvable_evidence": 2},
        problems=dataset.problems[:1],
    )


@pytest.fixture
def protocol(dataset: Dataset, result: RetrievalResult) -> RunProtocol:
    return describe_retrieval(dataset, result, SYSTEM, date=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC))


def test_the_json_has_the_documented_form(protocol: RunProtocol, result: RetrievalResult) -> None:
    document = json.loads(to_json(protocol, result))
    assert list(document) == ["protocol", "n", "metrics", "by_category", "latency_ms", "problems"]
    assert document["n"] == {"1": 1, "2": 0, "3": 0, "4": 2, "overall": 3}
    assert document["metrics"] == {
        "recall@854": 66.67,
        "R@1": 0.0,
        "R@10": 66.67,
        "context_tokens_mean": 833.67,
    }
    assert document["by_category"] == {
        "1": {"recall@854": 33.33, "R@1": 0.0, "R@10": 33.33, "context_tokens_mean": 800.0},
        "4": {"recall@854": 83.33, "R@1": 0.0, "R@10": 83.33, "context_tokens_mean": 850.5},
    }
    assert document["latency_ms"] == {"recall": {"p50": 20.0, "p95": 38.111}}
    assert document["problems"] == [
        {
            "conversation": "conv-1",
            "where": "session_3",
            "raw": "",
            "reason": "session without turns; left out",
        }
    ]


def test_the_protocol_in_the_json_says_what_the_figures_depend_on(
    dataset: Dataset, protocol: RunProtocol, result: RetrievalResult
) -> None:
    written = json.loads(to_json(protocol, result))["protocol"]
    machine = written.pop("machine")
    assert written == {
        "task": "retrieval",
        "dataset": "mini.json",
        "sha256": dataset.sha256,
        "conversations": 2,
        "turns": 12,
        "questions": {"1": 1, "2": 1, "3": 1, "4": 4, "5": 1},
        "excluded": {"category_5": 1, "no_resolvable_evidence": 2},
        "categories": [1, 2, 3, 4],
        "unit": "turn",
        "ks": [1, 10],
        "budget": 854,
        "system": {
            "reranker": "none",
            "embedder": "mini [v2]",
            "embedder_fingerprint": "0123456789abcdef",
            "tokenizer": "words",
            "recollect_version": "9.9",
            "seed": None,
            "fusion": "z, dense weight 0.75",
        },
        "date": "2026-01-02T03:04:05+00:00",
    }
    assert machine["python"] == ".".join(map(str, sys.version_info[:3]))


def test_a_budget_names_its_metric(dataset: Dataset, result: RetrievalResult) -> None:
    small = RetrievalResult(
        settings=RetrievalSettings(ks=(1,), budget=256),
        questions=result.questions,
        excluded={},
        problems=(),
    )
    run = describe_retrieval(dataset, small, SYSTEM, date=datetime(2026, 1, 1, tzinfo=UTC))
    assert "recall@256" in json.loads(to_json(run, small))["metrics"]


def test_the_machine_counts_the_cpus_this_process_may_use() -> None:
    assert 1 <= describe_machine().cpus <= (os.cpu_count() or 1)


def printed(table: Table) -> str:
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(table)
    return console.export_text()


def test_the_table_shows_every_category_with_its_n(protocol: RunProtocol, result: RetrievalResult) -> None:
    lines = [line.replace("│", " ").split() for line in printed(retrieval_table(protocol, result)).split("\n")]
    assert ["1", "multi-hop", "1", "33.33", "0.00", "33.33", "800.00"] in lines
    assert ["4", "single-hop", "2", "83.33", "0.00", "83.33", "850.50"] in lines
    assert ["overall", "3", "66.67", "0.00", "66.67", "833.67"] in lines


def test_the_protocol_stands_beneath_the_table(protocol: RunProtocol, result: RetrievalResult) -> None:
    text = " ".join(printed(retrieval_table(protocol, result)).split())
    assert text.index("overall") < text.index("mini.json (sha256")
    for part in (
        "excluded: 1 category 5, 2 no resolvable evidence",
        "context 854 tokens by words",
        "embedder mini [v2] (0123456789ab)",
        "reranker none",
        "recollect 9.9",
        "8 questions",
        "fusion z, dense weight 0.75",
        "seed none",
    ):
        assert part in text
        assert part in protocol_line(protocol)


def test_the_pool_stands_beside_what_was_found(protocol: RunProtocol, result: RetrievalResult) -> None:
    pool = replace(
        result,
        questions=(
            replace(result.questions[0], context_recall=0.5),
            replace(result.questions[1], context_recall=1.0),
            replace(result.questions[2], context_recall=0.75),
        ),
    )
    table = retrieval_table(protocol, result, pool=pool)
    lines = [line.replace("│", " ").split() for line in printed(table).split("\n")]
    assert ["1", "multi-hop", "1", "33.33", "0.00", "33.33", "800.00", "50.00"] in lines
    assert ["4", "single-hop", "2", "83.33", "0.00", "83.33", "850.50", "87.50"] in lines
    assert ["overall", "3", "66.67", "0.00", "66.67", "833.67", "75.00"] in lines
    document = json.loads(to_json(protocol, result, pool=pool))
    assert document["pool"]["metrics"]["recall@854"] == 75.0
    assert document["pool"]["by_category"]["4"]["recall@854"] == 87.5


def test_the_latency_table_shows_every_stage(result: RetrievalResult) -> None:
    assert result.latency() == {"recall": Latency(p50_ms=20.0, p95_ms=pytest.approx(38.111105))}
    lines = [line.replace("│", " ").split() for line in printed(latency_table(result)).split("\n")]
    assert ["recall", "20.00", "38.11"] in lines
