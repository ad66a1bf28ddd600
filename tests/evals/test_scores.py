"""Scores of one record against values computed by hand."""

from dataclasses import replace

import pytest

from recollect.evals.record import Given
from recollect.evals.scores import (
    NO_ANSWER,
    NO_EVIDENCE,
    UNANSWERABLE,
    Scoring,
    answer_metrics_of,
    answer_scores,
    metric_names,
    problems_of,
    retrieval_scores,
    why_not_answers,
    why_not_retrieval,
)
from recollect.memory.errors import InvalidInput
from tests.evals.miniature import ABSTAIN, asked, context, exact, given, record

SCORING = Scoring(ks=(1, 3), budgets=(100, 200), score_answer=exact)


def test_recall_is_told_as_fraction_any_and_all_at_every_k_and_budget() -> None:
    scores = retrieval_scores(
        record(asked(gold="ab"), "xaybz", context(100, "xa", 90), context(200, "bxa", 200), pool=tuple("axyzb")),
        SCORING,
    )
    assert scores.pop("MRR") == 0.5  # a is second
    # a at 2 and b at 4: (0.63093 + 0.43068) / (1 + 0.63093)
    assert scores.pop("nDCG@10") == pytest.approx(1.06161 / 1.63093, abs=1e-5)
    assert scores == {
        "recall@100": 0.5,
        "any@100": 1.0,
        "all@100": 0.0,
        "recall@200": 1.0,
        "any@200": 1.0,
        "all@200": 1.0,
        "R@1": 0.0,
        "any@1": 0.0,
        "all@1": 0.0,
        "R@3": 0.5,
        "any@3": 1.0,
        "all@3": 0.0,
        "pool": 1.0,
    }


def test_a_context_above_its_budget_scores_nothing_and_is_told() -> None:
    long = record(asked(gold="a"), "a", context(100, "a", 101), context(200, "a", 200))
    scores = retrieval_scores(long, SCORING)
    assert [scores[f"{kind}@100"] for kind in ("recall", "any", "all")] == [0.0, 0.0, 0.0]
    assert scores["recall@200"] == 1.0
    (problem,) = problems_of(long, SCORING)
    assert (problem.conversation, problem.where, problem.raw) == ("c1", "c1/q1", "101 tokens")
    assert problem.reason == "bm25: the context is above the budget of 100; its recall counts as 0"


def test_budgets_nobody_asked_for_and_those_not_filled_have_no_score() -> None:
    scores = retrieval_scores(record(asked(gold="a"), "a", context(50, "a", 60)), SCORING)
    assert not [name for name in scores if name.startswith("recall@")]
    assert not list(problems_of(record(asked(gold="a"), "a", context(50, "a", 60)), SCORING))


def test_finding_nothing_scores_nothing() -> None:
    scores = retrieval_scores(record(asked(gold="a"), ""), SCORING)
    assert set(scores) >= {"R@1", "R@3", "MRR", "nDCG@10"}
    assert set(scores.values()) == {0.0}


def test_a_pool_that_nobody_tells_has_no_score() -> None:
    assert "pool" not in retrieval_scores(record(asked(gold="a"), "a"), SCORING)
    assert retrieval_scores(record(asked(gold="ab"), "a", pool=("x", "b")), SCORING)["pool"] == 0.5


def test_questions_without_an_answer_or_without_gold_are_not_put_to_retrieval() -> None:
    unanswerable, groundless = asked(rule=ABSTAIN), asked(gold=())
    assert why_not_retrieval(unanswerable) == UNANSWERABLE
    assert why_not_retrieval(groundless) == NO_EVIDENCE
    assert why_not_retrieval(asked()) is None
    for question in (unanswerable, groundless):
        assert retrieval_scores(record(question, "ab"), SCORING) == {}


def test_an_answer_without_retrieval_is_scored_as_an_answer_only() -> None:
    only = record(asked(answers=("nine",)), given=given("nine"))
    assert retrieval_scores(only, SCORING) == {}
    assert answer_scores(only, SCORING) == {"F1": 0.5, "EM": 1.0}


def test_answers_are_scored_where_there_is_something_to_hold_them_against() -> None:
    assert why_not_answers(asked(rule=ABSTAIN, answers=("x",))) == UNANSWERABLE
    assert why_not_answers(asked()) == NO_ANSWER
    assert answer_scores(record(asked(rule=ABSTAIN), given=given("no")), SCORING) == {}
    assert answer_scores(record(asked(), given=given("no")), SCORING) == {}
    assert answer_scores(record(asked(answers=("x",))), SCORING) == {}
    assert answer_metrics_of(asked(answers=("x",)), SCORING) == {"F1", "EM", "judge"}
    assert answer_metrics_of(asked(), SCORING) == ()


def test_a_failure_has_no_scores_and_is_told() -> None:
    failed = record(asked(answers=("x",)), "ab", given=Given(text="x", is_abstention=False), error="out of memory")
    assert retrieval_scores(failed, SCORING) == {}
    assert answer_scores(failed, SCORING) == {}
    reasons = [problem.reason for problem in problems_of(failed, SCORING)]
    assert reasons == ["bm25: no result, scored as 0: out of memory"]


def test_what_a_system_tells_of_itself_is_told_with_its_name_and_unit() -> None:
    told = replace(record(), unit="chunk", problems=("the model stuttered",))
    assert [problem.reason for problem in problems_of(told, SCORING)] == ["bm25, chunk: the model stuttered"]


def test_metrics_are_named_in_the_order_they_are_shown() -> None:
    names = metric_names(Scoring(ks=(5,), budgets=(854,)))
    assert names[:8] == ("recall@854", "any@854", "all@854", "R@5", "any@5", "all@5", "MRR", "nDCG@10")
    assert names[8:] == ("pool", "F1", "EM", "judge", "F1 audited")


def test_a_number_that_is_a_k_and_a_budget_is_refused() -> None:
    with pytest.raises(InvalidInput, match="256 is both"):
        Scoring(ks=(1, 256), budgets=(256,))
    with pytest.raises(InvalidInput, match="at 0"):
        Scoring(ks=(0,), budgets=(256,))
