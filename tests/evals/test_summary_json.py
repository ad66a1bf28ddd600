"""The document that programs read: documented keys, per cent, nothing that JSON cannot say."""

import json
from typing import Any

import pytest

from recollect.evals.problems import Problem
from recollect.evals.record import Cost, IngestRecord
from recollect.evals.summarise import summarise
from recollect.evals.summary_json import to_json
from tests.evals.miniature import ABSTAIN, asked, context, exact, given, protocol, record

Q1 = asked("c1/q1", "abc", category="temporal", answers=("nine",))
Q2 = asked("c2/q1", "a", answers=("ten",))
Q3 = asked("c2/q2", "a", rule=ABSTAIN)


@pytest.fixture
def document() -> Any:
    summary = summarise(
        protocol(),
        [
            IngestRecord(system="store", conversation="c1", turns=10, seconds=3.0, cost=Cost(llm_calls=2)),
            record(Q1, "a", context(854, "a", 800), timings_ms={"total": 1.23456}),
            record(Q2, "x", context(854, "x", 801), timings_ms={"total": 2.0}),
            record(Q1, "ab", context(854, "ab", 800), system="block", given=given("nine", tokens=3)),
            record(Q2, "a", context(854, "a", 800), system="block", given=given("ten")),
            record(Q3, "a", system="block", given=given("", declined=True)),
        ],
        ks=(1,),
        budgets=(854,),
        problems=[Problem(conversation="c1", where="session_3", raw="é", reason="no turns")],
        peak_rss_mib=100.04,
        score_answer=exact,
    )
    assert "é" in to_json(summary)
    return json.loads(to_json(summary))


def test_the_document_has_the_documented_keys(document: Any) -> None:
    assert list(document) == [
        "protocol",
        "baseline",
        "baselines",
        "systems",
        "excluded",
        "excluded_from_answers",
        "problems",
        "peak_rss_mib",
    ]
    assert list(document["protocol"]["data"]) == ["mini.json"]
    assert (document["baseline"], document["baselines"]) == ("bm25", {"turn": "bm25"})
    assert list(document["systems"]) == ["bm25", "block"]
    assert document["excluded"] == document["excluded_from_answers"] == {"unanswerable": 1}
    assert document["problems"] == [{"conversation": "c1", "where": "session_3", "raw": "é", "reason": "no turns"}]
    assert document["peak_rss_mib"] == 100.0


def test_figures_are_per_cent_with_their_intervals_and_n(document: Any) -> None:
    system = document["systems"]["bm25"]
    assert (system["system"], system["unit"], system["failed"]) == ("bm25", "turn", 0)
    assert system["metrics"]["recall@854"] == 16.67
    assert system["intervals"]["recall@854"] == [0.0, 33.33]
    assert system["n"]["recall@854"] == 2
    assert system["by_category"]["temporal"]["metrics"]["R@1"] == 33.33
    assert system["by_category"]["temporal"]["n"]["R@1"] == 1
    assert system["latency_ms"] == {"total": {"p50": 1.617, "p95": 1.962}}
    assert system["abstention"] is None
    assert system["difference"] == {}


def test_costs_are_told_by_name(document: Any) -> None:
    assert document["systems"]["bm25"]["cost"] == {
        "context_tokens": {"854": 800.5},
        "reranker_tokens": None,
        "reranker_gflops": None,
        "llm_calls": 0.0,
        "prompt_tokens": 0.0,
        "completion_tokens": 0.0,
        "answer_tokens": None,
        "ingest_llm_calls": 2,
        "ingest_llm_tokens": 0,
        "ingest_turns_per_second": 3.33,
    }


def test_differences_are_in_points_and_say_whether_they_may_be_chance(document: Any) -> None:
    change = document["systems"]["block"]["difference"]["R@1"]
    # R@1: 1/3 and 0 before, 1/3 and 1 after, so 0 and 1 by conversation
    assert {key: change[key] for key in ("value", "low", "high", "n")} == {
        "value": 50.0,
        "low": 0.0,
        "high": 100.0,
        "n": 2,
    }
    assert (change["significant"], change["survives_holm"]) == (False, False)
    assert change["p"] == pytest.approx(0.5, abs=0.06)


def test_answers_and_abstention_stand_beside_retrieval(document: Any) -> None:
    block = document["systems"]["block"]
    assert (block["metrics"]["F1"], block["metrics"]["EM"]) == (50.0, 100.0)
    assert block["abstention"] == {
        "precision": 100.0,
        "recall": 100.0,
        "asked": 3,
        "declined": 1,
        "unanswerable": 1,
    }
    assert block["abstention_by_category"]["temporal"]["recall"] is None
    assert block["cost"]["answer_tokens"] == 1.0
