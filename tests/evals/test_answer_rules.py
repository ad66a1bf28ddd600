"""Scores of answers by the rule of their question, against values computed by hand."""

from dataclasses import replace

import pytest

from recollect.agent.ports import ABSTENTION
from recollect.evals.answer_rules import answer_em, answer_f1, declines, score_answer
from recollect.evals.audit import Audit, Correction
from recollect.evals.dataset import AnswerRule
from recollect.evals.record import Verdict
from recollect.evals.scores import ANSWER_METRICS
from tests.evals.miniature import asked, given


def test_a_plain_answer_is_compared_as_a_whole() -> None:
    question = asked(answers=("pottery, running",))
    assert score_answer(question, given("running, pottery")) == {"F1": 1.0, "EM": 1.0}
    assert score_answer(question, given("pottery")) == {"F1": pytest.approx(2 / 3), "EM": 0.0}


def test_a_list_is_compared_part_by_part() -> None:
    question = asked(answers=("pottery, running",), rule=AnswerRule.LIST)
    assert score_answer(question, given("pottery, chess, tea")) == {"F1": 0.5, "EM": 0.0}


def test_a_key_counts_up_to_its_first_semicolon() -> None:
    question = asked(answers=("Likely yes; since she likes rye; and bread",), rule=AnswerRule.FIRST)
    assert score_answer(question, given("Likely yes")) == {"F1": 1.0, "EM": 1.0}
    assert score_answer(replace(question, rule=AnswerRule.PLAIN), given("Likely yes"))["F1"] < 1
    assert score_answer(question, given("Likely yes; no"))["F1"] == pytest.approx(0.8)  # the answer is not cut


def test_the_best_accepted_answer_counts() -> None:
    assert answer_f1("plot nine", ("nine", "plot nine")) == 1.0
    assert answer_em("nine", ("plot nine", "Nine.")) == 1.0
    assert answer_f1("nine", ()) == answer_em("nine", ()) == 0.0


@pytest.mark.parametrize("rule", [AnswerRule.PLAIN, AnswerRule.LIST, AnswerRule.FIRST])
def test_declining_scores_nothing_where_there_is_an_answer(rule: AnswerRule) -> None:
    question = asked(answers=("plot nine",), rule=rule)
    assert score_answer(question, given(ABSTENTION, declined=True)) == {"F1": 0.0, "EM": 0.0}


def test_where_nothing_was_told_declining_is_right_and_nothing_else() -> None:
    question = asked(rule=AnswerRule.ABSTAIN, trap="Ines")
    assert score_answer(question, given("x", declined=True)) == {"F1": 1.0, "EM": 1.0}
    assert score_answer(question, given("No information available.")) == {"F1": 1.0, "EM": 1.0}
    assert score_answer(question, given("Ines")) == {"F1": 0.0, "EM": 0.0}
    assert score_answer(question, given("")) == {"F1": 0.0, "EM": 0.0}


def test_a_question_without_a_key_is_not_scored() -> None:
    assert score_answer(asked(), given("nine")) == {}


def test_a_verdict_is_a_score_of_its_own() -> None:
    verdict = Verdict(is_right=True, reply="CORRECT", model="judge-1")
    question = asked(answers=("nine",))
    assert score_answer(question, replace(given("six"), verdict=verdict)) == {"F1": 0.0, "EM": 0.0, "judge": 1.0}
    wrong = replace(verdict, is_right=False)
    assert score_answer(question, replace(given("nine"), verdict=wrong))["judge"] == 0.0


def test_an_audit_stands_beside_the_original_key() -> None:
    corrections = (
        Correction(question_id="c1/q1", answers=("six months", "half a year")),
        Correction(question_id="c1/q2", answers=(), is_dropped=True),
    )
    audit = Audit(name="audit.json", sha256="0", corrections=corrections)
    question = asked("c1/q1", answers=("nine",))
    assert score_answer(question, given("half a year"), audit=audit) == {"F1": 0.0, "EM": 0.0, "F1 audited": 1.0}
    dropped = asked("c1/q2", answers=("nine",))
    assert score_answer(dropped, given("nine"), audit=audit) == {"F1": 1.0, "EM": 1.0}
    untouched = asked("c1/q3", answers=("nine",))
    assert score_answer(untouched, given("nine"), audit=audit) == {"F1": 1.0, "EM": 1.0, "F1 audited": 1.0}


def test_every_score_is_a_metric_that_reports_know() -> None:
    audit = Audit(name="a", sha256="0", corrections=())
    answer = replace(given("nine"), verdict=Verdict(is_right=True, reply="", model="m"))
    assert set(score_answer(asked(answers=("nine",)), answer, audit=audit)) == set(ANSWER_METRICS)


@pytest.mark.parametrize(
    "text",
    [
        ABSTENTION,
        "No information available",
        "This is NOT MENTIONED in the conversation.",
        "I don’t know.",
        "Sorry, I cannot recall that.",
        "I don't have enough information to say.",
        "There is no mention of a spade.",
        "Not specified",
        "It is unknown.",
    ],
)
def test_words_that_decline(text: str) -> None:
    assert declines(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Nobody",
        "Ines said on 1 March 2024, “It was not mentioned to me.”",
        "She told Tomas that I don't know.",
        "The unknown soldier's tomb",
        "Unknown Pleasures",
        "I know: nine.",
    ],
)
def test_words_that_answer(text: str) -> None:
    assert not declines(text)
