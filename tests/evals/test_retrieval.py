"""Retrieval scores of a scripted system equal values computed by hand."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recollect.evals.dataset import Conversation, Dataset
from recollect.evals.locomo import load_locomo
from recollect.evals.retrieval import Asked, Retrieval, RetrievalResult, RetrievalSettings, RetrievalSystem
from recollect.evals.run import compare_retrieval, count_excluded
from recollect.memory.errors import DataFormatError, EndpointUnreachable

KS = (1, 2, 3)


class Scripted:
    """Answers from a script of question -> (ranked, context, tokens); notes what it was asked."""

    def __init__(self, script: dict[str, tuple[str, str, int]]) -> None:
        self.script = script
        self.calls: list[tuple[object, ...]] = []

    def ingest(self, conversation: Conversation) -> None:
        self.calls.append(("ingest", conversation.id, len(conversation.turns)))

    def retrieve(self, conversation_id: str, question: str, *, limit: int, budget: int) -> Retrieval:
        self.calls.append(("retrieve", conversation_id, question, limit, budget))
        ranked, context, tokens = self.script[question]
        timings = {"recall": float(tokens)} if tokens < 400 else {"recall": float(tokens), "rerank": 3.0}
        return Retrieval(
            ranked=tuple(ranked.split()),
            context=tuple(context.split()),
            context_tokens=tokens,
            timings_ms=timings,
        )


def scripted(tokens_of_the_third: int = 400) -> Scripted:
    """Gold: D2:1 D1:3 (category 1), D1:1 (2), D1:3 (4), D4:1 D4:3 (4), and in conv-2 D1:1 D1:3 (4)."""
    return Scripted(
        {
            "What grows?": ("D1:3 D4:1 D2:1", "D1:3 D1:2", 100),
            "When was it rented?": ("D1:2 D1:3 D4:1", "D1:1", 200),
            "Which plot?": ("D1:3", "D1:3 D1:1", tokens_of_the_third),
            "Who moved?": ("D1:1 D4:3 D4:1", "", 0),
            "How did Wen travel?": ("D1:2 D1:3", "D1:1 D1:2 D1:3", 800),
        }
    )


@pytest.fixture
def mini(mini_file: Path) -> Dataset:
    return load_locomo(mini_file)


SETTINGS = RetrievalSettings(ks=KS)


def evaluated(dataset: Dataset, system: RetrievalSystem, **options: Any) -> RetrievalResult:
    """The result of one system by itself."""
    return compare_retrieval(dataset, {"it": system}, **options).results["it"]


def ticks(*seconds: float) -> Iterator[float]:
    return iter(seconds)


def test_overall_scores_average_over_questions(mini: Dataset) -> None:
    overall = evaluated(mini, scripted(), settings=SETTINGS).overall()
    assert overall.n == 5
    # per question: at 1: .5 0 1 0 0; at 2: .5 0 1 .5 .5; at 3: 1 0 1 1 .5; context: .5 1 1 0 1
    assert overall.recall_at == {
        1: pytest.approx(1.5 / 5),
        2: pytest.approx(2.5 / 5),
        3: pytest.approx(3.5 / 5),
    }
    assert overall.context_recall == pytest.approx(3.5 / 5)
    assert overall.context_tokens == pytest.approx(1500 / 5)


def test_scores_by_category_average_over_the_categorys_questions(mini: Dataset) -> None:
    by_category = evaluated(mini, scripted(), settings=SETTINGS).by_category()
    assert {category: scores.n for category, scores in by_category.items()} == {1: 1, 2: 1, 4: 3}
    assert by_category[1].recall_at == {1: 0.5, 2: 0.5, 3: 1.0}
    assert by_category[2].context_recall == 1.0
    assert by_category[4].recall_at[2] == pytest.approx(2 / 3)
    assert by_category[4].context_recall == pytest.approx(2 / 3)


def test_questions_left_out_are_counted_by_reason(mini: Dataset) -> None:
    result = evaluated(mini, scripted(), settings=SETTINGS)
    assert result.excluded == {"category_5": 1, "no_resolvable_evidence": 2}
    asked = {score.question_id for score in result.questions}
    assert asked == {"conv-1/q1", "conv-1/q2", "conv-1/q4", "conv-1/q5", "conv-2/q1"}


def test_categories_can_be_chosen(mini: Dataset) -> None:
    settings = RetrievalSettings(ks=KS, categories=(1, 5))
    assert count_excluded(mini, settings) == {"category_2": 1, "category_3": 1, "category_4": 4}
    system = scripted()
    system.script["Who bakes rye?"] = ("D4:3", "", 10)
    overall = evaluated(mini, system, settings=settings).overall()
    assert (overall.n, overall.recall_at[1]) == (2, 0.75)


def test_each_conversation_is_ingested_once_before_its_questions(mini: Dataset) -> None:
    system = scripted()
    evaluated(mini, system, settings=RetrievalSettings(ks=(1, 7), budget=900))
    assert system.calls == [
        ("ingest", "conv-1", 9),
        ("retrieve", "conv-1", "What grows?", 7, 900),
        ("retrieve", "conv-1", "When was it rented?", 7, 900),
        ("retrieve", "conv-1", "Which plot?", 7, 900),
        ("retrieve", "conv-1", "Who moved?", 7, 900),
        ("ingest", "conv-2", 3),
        ("retrieve", "conv-2", "How did Wen travel?", 7, 900),
    ]


def test_a_conversation_without_questions_to_ask_is_not_ingested(mini: Dataset) -> None:
    system = scripted()
    evaluated(mini, system, settings=RetrievalSettings(ks=KS, categories=(1, 2)))
    assert [call for call in system.calls if call[0] == "ingest"] == [("ingest", "conv-1", 9)]


def test_a_context_above_the_budget_scores_nothing_and_is_reported(mini: Dataset) -> None:
    at_budget = evaluated(mini, scripted(tokens_of_the_third=854), settings=SETTINGS)
    above = evaluated(mini, scripted(tokens_of_the_third=855), settings=SETTINGS)
    assert at_budget.overall().context_recall == pytest.approx(3.5 / 5)
    assert above.overall().context_recall == pytest.approx(2.5 / 5)
    assert above.overall().recall_at == at_budget.overall().recall_at
    assert at_budget.problems == mini.problems
    assert above.problems[:-1] == mini.problems
    assert (above.problems[-1].where, above.problems[-1].raw) == ("conv-1/q4", "855 tokens")


def test_latency_is_given_by_stage_and_as_a_whole(mini: Dataset) -> None:
    clock = ticks(0.0, 0.010, 1.0, 1.020, 2.0, 2.030, 3.0, 3.040, 4.0, 4.050)
    result = evaluated(mini, scripted(), settings=SETTINGS, clock=clock.__next__)
    latency = result.latency()
    assert list(latency) == ["recall", "total", "rerank"]
    # recall took 0, 100, 200, 400, 800 ms: p95 lies at rank 3.8
    assert (latency["recall"].p50_ms, latency["recall"].p95_ms) == (200.0, pytest.approx(720.0))
    assert (latency["rerank"].p50_ms, latency["rerank"].p95_ms) == (3.0, 3.0)
    assert (latency["total"].p50_ms, latency["total"].p95_ms) == (pytest.approx(30), pytest.approx(48))


def test_a_system_that_knows_what_a_call_took_is_believed(mini: Dataset) -> None:
    class Telling(Scripted):
        def retrieve(self, conversation_id: str, question: str, *, limit: int, budget: int) -> Retrieval:
            found = super().retrieve(conversation_id, question, limit=limit, budget=budget)
            return replace(found, timings_ms={"total": 7.0})

    result = evaluated(mini, Telling(scripted().script), settings=SETTINGS)
    assert result.latency()["total"].p50_ms == 7.0


def test_a_listener_hears_of_every_question_in_order(mini: Dataset) -> None:
    heard: list[Asked] = []
    result = evaluated(mini, scripted(), settings=SETTINGS, on_question=heard.append)
    assert [asked.question_id for asked in heard] == [score.question_id for score in result.questions]
    assert heard[-1] == Asked(
        conversation="conv-2",
        question_id="conv-2/q1",
        question="How did Wen travel?",
        category=4,
        gold=("D1:1", "D1:3"),
    )


def test_nothing_to_score_is_an_error(mini: Dataset) -> None:
    with pytest.raises(DataFormatError, match="no question to score"):
        evaluated(mini, scripted(), settings=RetrievalSettings(categories=(3,)))


# -- several systems -----------------------------------------------------------------------------


class Offering(Scripted):
    """Tells what there was to rank: the turns of its script, all of them, and D1:3 besides."""

    def retrieve(self, conversation_id: str, question: str, *, limit: int, budget: int) -> Retrieval:
        found = super().retrieve(conversation_id, question, limit=limit, budget=budget)
        return replace(found, pool=(*found.ranked, "D1:3"))


class Failing(Scripted):
    """Its server goes down at a question, or before the first conversation."""

    def __init__(self, script: dict[str, tuple[str, str, int]], *, at: str) -> None:
        super().__init__(script)
        self.at = at

    def ingest(self, conversation: Conversation) -> None:
        super().ingest(conversation)
        if self.at == "ingest":
            raise EndpointUnreachable("No answer at all; start the server.")

    def retrieve(self, conversation_id: str, question: str, *, limit: int, budget: int) -> Retrieval:
        if self.at == question:
            raise EndpointUnreachable(f"No answer to {question}; start the server.")
        return super().retrieve(conversation_id, question, limit=limit, budget=budget)


def test_every_system_is_asked_every_question_before_the_next(mini: Dataset) -> None:
    first, second = scripted(), scripted()
    second.calls = first.calls
    comparison = compare_retrieval(mini, {"a": first, "b": second}, settings=SETTINGS)
    asked = [call[2] for call in first.calls if call[0] == "retrieve"]
    assert asked == [question for question in first.script for _ in "ab"]
    assert comparison.results["a"].overall() == comparison.results["b"].overall()
    assert (comparison.baseline, comparison.failures) == ("a", {})


@pytest.mark.parametrize("at", ["ingest", "Which plot?"])
def test_a_system_that_fails_is_reported_and_the_others_go_on(mini: Dataset, at: str) -> None:
    failing = Failing(scripted().script, at=at)
    comparison = compare_retrieval(mini, {"weak": failing, "strong": scripted()}, settings=SETTINGS)
    assert list(comparison.results) == ["strong"]
    assert comparison.baseline == "strong"
    assert list(comparison.failures) == ["weak"]
    assert "start the server" in comparison.failures["weak"]
    assert comparison.results["strong"].overall().n == 5
    assert [call[0] for call in failing.calls].count("ingest") == 1


def test_the_error_of_a_system_by_itself_is_raised(mini: Dataset) -> None:
    with pytest.raises(EndpointUnreachable, match="No answer to Which plot"):
        evaluated(mini, Failing(scripted().script, at="Which plot?"), settings=SETTINGS)


def test_the_pool_is_scored_as_if_it_were_in_an_ideal_order(mini: Dataset) -> None:
    comparison = compare_retrieval(mini, {"a": Offering(scripted().script), "b": scripted()}, settings=SETTINGS)
    pool = comparison.pool
    assert pool is not None
    # gold held: D2:1 D1:3 of two; D1:1 of one is not; D1:3 of one; D4:1 D4:3 of two; D1:3 of D1:1 D1:3
    assert pool.overall().context_recall == pytest.approx((1 + 0 + 1 + 1 + 0.5) / 5)
    assert pool.overall().recall_at == {
        1: pytest.approx((0.5 + 0 + 1 + 0.5 + 0.5) / 5),
        2: pytest.approx((1 + 0 + 1 + 1 + 0.5) / 5),
        3: pytest.approx((1 + 0 + 1 + 1 + 0.5) / 5),
    }
    assert pool.by_category()[4].context_recall == pytest.approx(2.5 / 3)


def test_a_question_for_which_nothing_was_offered_lowers_the_pool(mini: Dataset) -> None:
    class Blank(Scripted):
        def retrieve(self, conversation_id: str, question: str, *, limit: int, budget: int) -> Retrieval:
            found = super().retrieve(conversation_id, question, limit=limit, budget=budget)
            return replace(found, pool=() if question == "Which plot?" else ("D1:1", "D1:3", "D2:1", "D4:1", "D4:3"))

    pool = compare_retrieval(mini, {"a": Blank(scripted().script)}, settings=SETTINGS).pool
    assert pool is not None
    assert pool.overall().context_recall == pytest.approx(4 / 5)


def test_systems_that_do_not_tell_their_pool_have_none(mini: Dataset) -> None:
    assert compare_retrieval(mini, {"a": scripted()}, settings=SETTINGS).pool is None
