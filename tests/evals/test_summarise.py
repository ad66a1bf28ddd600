"""A run's figures, from two conversations of five questions that can be worked out by hand."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from recollect.evals.problems import Problem
from recollect.evals.record import Cost, IngestRecord, Record
from recollect.evals.summarise import summarise
from recollect.evals.summary import RunSummary, SystemSummary
from recollect.memory.errors import DataFormatError
from tests.evals.miniature import ABSTAIN, asked, context, exact, given, protocol, record

Q1 = asked("c1/q1", "ab", category="temporal", answers=("nine",))
Q2 = asked("c1/q2", "a", answers=("ten",))
Q3 = asked("c2/q1", "b", answers=("red",))
Q4 = asked("c2/q2", (), answers=("blue",))
Q5 = asked("c2/q3", "a", rule=ABSTAIN, trap="Ines")


def bm25() -> Iterator[Record]:
    yield IngestRecord(system="store", conversation="c1", turns=30, seconds=2.0)
    yield IngestRecord(system="store", conversation="c2", turns=10, seconds=2.0, cost=Cost(llm_calls=3))
    yield record(Q1, "axb", context(100, "a", 80), context(200, "ab", 190), timings_ms={"recall": 1.0, "total": 4.0})
    yield record(Q2, "xxa", context(100, "x", 90), context(200, "xa", 201), timings_ms={"recall": 3.0, "total": 8.0})
    yield record(Q3, "b", context(100, "b", 100), context(200, "b", 100))
    yield record(Q4, "b", context(100, "b", 50), context(200, "b", 50))
    yield record(Q5, "a", context(100, "a", 80), context(200, "a", 80))


def run(*records: Record, **more: object) -> RunSummary:
    options = {"ks": (1, 3), "budgets": (100, 200), **more}
    return summarise(protocol(), records, **options)  # type: ignore[arg-type]  # a test's options


def only(summary: RunSummary) -> SystemSummary:
    (system,) = summary.systems
    return system


def values(system: SystemSummary) -> dict[str, float]:
    return {name: figure.value for name, figure in system.figures.items()}


def test_figures_are_means_over_the_questions_put_to_retrieval() -> None:
    system = only(run(*bm25()))
    assert values(system) == pytest.approx(
        {
            "recall@100": (0.5 + 0 + 1) / 3,
            "any@100": 2 / 3,
            "all@100": 1 / 3,
            "recall@200": (1 + 0 + 1) / 3,  # the second is above its budget
            "any@200": 2 / 3,
            "all@200": 2 / 3,
            "R@1": (0.5 + 0 + 1) / 3,
            "any@1": 2 / 3,
            "all@1": 1 / 3,
            "R@3": 1.0,
            "any@3": 1.0,
            "all@3": 1.0,
            "MRR": (1 + 1 / 3 + 1) / 3,
            "nDCG@10": ((1 + 0.5) / 1.63093 + 0.5 + 1) / 3,
        },
        abs=1e-5,
    )
    assert {(figure.n, figure.conversations) for figure in system.figures.values()} == {(3, 2)}
    # drawn c1 c1: (0.5 + 0) / 2, c2 c2: 1
    assert (system.figures["R@1"].low, system.figures["R@1"].high) == (0.25, 1.0)


def test_categories_come_in_the_order_of_the_protocol_and_those_left_out_are_counted() -> None:
    summary = run(*bm25())
    system = only(summary)
    assert list(system.by_category) == ["temporal", "single-hop"]
    assert system.by_category["temporal"]["R@1"].value == 0.5
    assert system.by_category["temporal"]["R@1"].conversations == 1
    assert system.by_category["single-hop"]["R@1"].n == 2
    assert summary.excluded == {"no_resolvable_evidence": 1, "unanswerable": 1}
    assert summary.excluded_from_answers == {}


def test_latency_is_over_the_questions_that_went_through_a_stage() -> None:
    latency = only(run(*bm25())).latency
    assert list(latency) == ["recall", "total"]
    assert (latency["recall"].p50_ms, latency["recall"].p95_ms) == (2.0, pytest.approx(2.9))
    assert latency["total"].p50_ms == 6.0


def test_costs_are_means_over_questions_and_totals_of_the_shared_store() -> None:
    records = list(bm25())
    records[2] = replace(
        records[2], cost=Cost(reranker_tokens=1_000, reranker_flops=5e9, llm_calls=1, prompt_tokens=50)
    )  # type: ignore[arg-type]
    cost = only(run(*records)).cost
    assert cost.context_tokens == {100: 80.0, 200: 124.2}
    assert (cost.reranker_tokens, cost.reranker_gflops) == (1_000.0, 5.0)
    assert (cost.llm_calls, cost.prompt_tokens, cost.completion_tokens) == (0.2, 10.0, 0.0)
    assert cost.answer_tokens is None
    assert (cost.ingest_llm_calls, cost.ingest_llm_tokens, cost.ingest_turns_per_second) == (3, 0, 10.0)


def test_a_systems_own_ingest_is_counted_for_it_alone() -> None:
    own = IngestRecord(
        system="bm25", conversation="c1", turns=30, seconds=0.5, cost=Cost(prompt_tokens=7, completion_tokens=2)
    )
    summary = run(*bm25(), own, record(Q1, "a", system="dense"))
    bm25_cost, dense_cost = (system.cost for system in summary.systems)
    assert (bm25_cost.ingest_turns_per_second, bm25_cost.ingest_llm_tokens) == (60.0, 9)
    assert (dense_cost.ingest_turns_per_second, dense_cost.ingest_llm_calls) == (10.0, 3)


def test_a_failed_question_scores_0_in_whatever_the_system_has_elsewhere() -> None:
    records = [
        record(Q1, "axb", context(100, "a", 80), pool=tuple("abx"), given=given("nine"), timings_ms={"total": 5.0}),
        record(Q2, error="timed out", timings_ms={"total": 30_000.0}),
        record(Q3, "b", given=given("red")),  # filled no context
    ]
    summary = run(*records, score_answer=exact)
    system = only(summary)
    assert system.failed == 1
    assert {name: figure.n for name, figure in system.figures.items() if name != "pool"}.items() >= {
        ("R@1", 3),
        ("recall@100", 3),
        ("F1", 3),
        ("EM", 3),
    }
    assert values(system)["R@1"] == pytest.approx((0.5 + 0 + 1) / 3)
    assert values(system)["recall@100"] == pytest.approx(0.5 / 3)
    assert values(system)["EM"] == pytest.approx(2 / 3)
    assert "recall@200" not in system.figures  # never filled
    assert "judge" not in system.figures  # nobody judged
    assert (system.figures["pool"].value, system.figures["pool"].n) == (1.0, 1)
    assert system.latency["total"].p95_ms == 5.0
    assert [(one.where, one.reason) for one in summary.problems] == [
        ("c1/q2", "bm25: no result, scored as 0: timed out")
    ]


def test_a_system_that_always_fails_has_no_figures_and_is_counted() -> None:
    system = only(run(record(Q1, error="no such model"), record(Q2, error="no such model")))
    assert (system.figures, system.by_category, system.failed) == ({}, {}, 2)


def test_a_failure_that_was_tried_again_counts_once() -> None:
    system = only(run(record(Q2, error="timed out"), record(Q2, "a")))
    assert (system.failed, system.figures["R@1"].value, system.figures["R@1"].n) == (0, 1.0, 1)


def test_answers_and_abstentions_are_counted_apart() -> None:
    records = [
        record(Q1, given=given("nine", tokens=1)),
        record(Q2, given=given("", declined=True, tokens=3)),
        record(Q3, given=given("blue", tokens=2)),
        record(Q5, given=given("", declined=True, tokens=2)),
        record(asked("c2/q4", rule=ABSTAIN), given=given("Ines")),
        record(asked("c2/q5", rule=ABSTAIN), error="timed out"),
        record(asked("c2/q6"), given=given("green")),
    ]
    summary = run(*records, score_answer=exact)
    system = only(summary)
    assert {name: (figure.value, figure.n) for name, figure in system.figures.items()} == {
        "F1": (pytest.approx(1 / 3), 3),
        "EM": (pytest.approx(1 / 3), 3),
    }
    abstention = system.abstention
    assert abstention is not None
    assert (abstention.asked, abstention.declined, abstention.unanswerable) == (7, 2, 3)
    assert abstention.precision == 0.5  # Q5 of Q2 and Q5
    assert abstention.recall == pytest.approx(1 / 3)  # a failure declined nothing
    assert system.abstention_by_category["temporal"].recall is None
    assert system.abstention_by_category["temporal"].precision is None
    assert summary.excluded_from_answers == {"no_accepted_answer": 1, "unanswerable": 3}
    assert system.cost.answer_tokens == pytest.approx(8 / 6)


def test_systems_that_do_not_answer_have_no_abstention() -> None:
    assert only(run(*bm25())).abstention is None


def test_differences_are_to_the_first_system_of_the_same_unit() -> None:
    records = [
        record(question, ranked, system=system, unit=unit)
        for system, unit, ranked in [
            ("bm25", "turn", "x"),
            ("block", "chunk", "x"),
            ("dense", "turn", "a"),
            ("dense", "chunk", "a"),
        ]
        for question in (Q2, replace(Q3, gold=("a",)))
    ]
    summary = run(*records)
    assert [system.name for system in summary.systems] == ["bm25", "block, chunk", "dense", "dense, chunk"]
    assert summary.baseline == "bm25"
    assert dict(summary.baselines) == {"turn": "bm25", "chunk": "block, chunk"}
    assert list(summary.differences) == ["dense", "dense, chunk"]
    first = {one.metric: one for one in summary.differences["dense"]}["R@1"]
    assert (first.value, first.low, first.high, first.n, first.is_significant) == (1.0, 1.0, 1.0, 2, True)


def test_the_order_of_the_plan_decides_whom_others_are_compared_with() -> None:
    records = [record(Q2, "a", system=system) for system in ("late", "bm25", "dense")]
    order = [("dense", "turn"), ("never asked", "turn"), ("bm25", "turn")]
    summary = run(*records, order=order)
    assert [system.name for system in summary.systems] == ["dense", "bm25", "late"]
    assert list(summary.differences) == ["bm25", "late"]


def test_problems_are_the_files_then_the_runs() -> None:
    of_file = Problem(conversation="c1", where="session_3", raw="", reason="no turns")
    summary = run(*bm25(), problems=[of_file], peak_rss_mib=512.0)
    assert [problem.where for problem in summary.problems] == ["session_3", "c1/q2"]
    assert summary.peak_rss_mib == 512.0


def test_the_same_records_give_the_same_figures() -> None:
    assert run(*bm25()) == run(*bm25())


def test_a_run_without_questions_is_refused() -> None:
    with pytest.raises(DataFormatError, match=r"mini\.json has no question"):
        run(IngestRecord(system="store", conversation="c1", turns=1, seconds=1.0))
