"""What declining is worth, and which questions are hard, worked out by hand."""

from dataclasses import replace

from recollect.evals.pages.insights import declining_curve, insights_of
from recollect.evals.scores import Scoring
from tests.evals.miniature import ABSTAIN, asked, context, given, record

SCORING = Scoring(ks=(1,), budgets=(854,))


def test_a_curve_counts_what_would_be_declined_below_each_confidence() -> None:
    curve = declining_curve([(0.9, False), (0.2, True), (0.5, False), (0.5, True)])
    assert [(one.threshold, one.declined, one.precision, one.recall) for one in curve] == [
        (0.2, 0, None, 0.0),
        (0.5, 1, 1.0, 0.5),
        (0.9, 3, 2 / 3, 1.0),
    ]


def test_there_is_nothing_to_tell_apart_where_all_questions_have_answers_or_none_has() -> None:
    assert declining_curve([(0.1, False), (0.2, False)]) == ()
    assert declining_curve([(0.1, True), (0.2, True)]) == ()
    assert declining_curve([]) == ()


def test_long_curves_are_thinned() -> None:
    curve = declining_curve([(number / 1000, number % 2 == 0) for number in range(1000)])
    assert len(curve) <= 60
    assert curve[0].declined == 0
    assert curve[-1].recall > 0.9


def test_curves_are_of_systems_that_tell_how_sure_they_are() -> None:
    told, trap = asked("c1/q1"), asked("c1/q2", rule=ABSTAIN)
    sure, unsure = replace(given("nine"), confidence=0.9), replace(given("", declined=True), confidence=0.1)
    records = [
        record(told, given=sure),
        record(trap, given=unsure),
        record(told, given=given("nine"), system="silent"),
        record(trap, given=given("nine"), system="silent"),
    ]
    declining = insights_of(records, SCORING).declining
    assert list(declining) == ["bm25"]
    assert [one.recall for one in declining["bm25"]] == [0.0, 1.0]


def test_hard_questions_are_those_that_systems_find_least_of() -> None:
    easy, middling, hard = asked("c1/q1", "a"), asked("c1/q2", "a"), asked("c1/q3", "ab")
    records = [
        record(easy, "a", context(854, "a", 9)),
        record(middling, "a", context(854, "a", 9)),
        record(hard, "a", context(854, "a", 9)),
        record(easy, "a", context(854, "a", 9), system="dense"),
        record(middling, "x", context(854, "x", 9), system="dense"),
        record(hard, error="timed out", system="dense"),
        record(hard, "ab", context(854, "ab", 9), system="oracle"),
        record(asked("c1/q4", ()), "x", context(854, "x", 9)),
    ]
    found = insights_of(records, SCORING).hardest
    assert [(one.asked.question_id, one.recall, one.systems, one.found_none, one.found_all) for one in found] == [
        ("c1/q3", 0.25, 2, 1, 0),
        ("c1/q2", 0.5, 2, 1, 1),
    ]


def test_a_question_that_was_tried_again_counts_as_it_was_the_last_time() -> None:
    question = asked("c1/q1", "a")
    records = [record(question, error="timed out"), record(question, "a", context(854, "a", 9))]
    assert insights_of(records, SCORING).hardest == ()
