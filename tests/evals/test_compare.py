"""Two systems, question by question: what is paired, what is left out, what is chance."""

from dataclasses import replace

import pytest

from recollect.evals.compare import compare
from recollect.evals.protocol_warnings import protocol_warnings
from recollect.evals.record import QuestionRecord
from recollect.evals.scores import Scoring
from recollect.memory.errors import InvalidInput
from tests.evals.miniature import ABSTAIN, asked, context, exact, given, protocol, record

SCORING = Scoring(ks=(1,), budgets=(100,))


def ranks(first: str, second: str, third: str, *, system: str) -> list[QuestionRecord]:
    """Three questions for the unit a: two of c1, one of c2."""
    questions = [
        asked("c1/q1", "a", category="temporal"),
        asked("c1/q2", "a"),
        asked("c2/q1", "a"),
    ]
    return [
        record(question, ranked, context(100, ranked, 50), system=system)
        for question, ranked in zip(questions, (first, second, third), strict=True)
    ]


def test_the_difference_is_the_second_minus_the_first_question_by_question() -> None:
    found = compare(ranks("x", "x", "a", system="none"), ranks("a", "a", "x", system="block"), scoring=SCORING)
    assert (found.a, found.b, found.pairs, found.conversations) == ("none", "block", 3, 2)
    differences = {one.metric: one for one in found.overall}
    assert list(differences) == ["recall@100", "any@100", "all@100", "R@1", "any@1", "all@1", "MRR", "nDCG@10"]
    # c1: 1 and 1, c2: -1; drawn c1 c1: 1, both: 1/3, c2 c2: -1
    first = differences["R@1"]
    assert (first.value, first.low, first.high, first.n) == (pytest.approx(1 / 3), -1.0, 1.0, 3)
    assert first.conversations == 2
    assert not first.is_significant
    assert first.p == pytest.approx(0.5, abs=0.06)


def test_the_same_is_told_within_each_category() -> None:
    found = compare(ranks("x", "x", "a", system="none"), ranks("a", "a", "x", system="block"), scoring=SCORING)
    assert list(found.by_category) == ["temporal", "single-hop"]
    single = {one.metric: one for one in found.by_category["single-hop"]}["R@1"]
    assert (single.value, single.n) == (0.0, 2)
    temporal = {one.metric: one for one in found.by_category["temporal"]}["R@1"]
    assert (temporal.value, temporal.n, temporal.conversations) == (1.0, 1, 1)


def test_questions_of_one_side_only_are_counted_and_not_paired() -> None:
    a = ranks("x", "x", "a", system="none")
    b = [*ranks("a", "a", "x", system="block")[:2], record(asked("c9/q1", "a"), "a", system="block")]
    found = compare(a, b, scoring=SCORING)
    assert (found.pairs, found.only_in_a, found.only_in_b, found.failed) == (2, 1, 1, 0)
    assert {one.metric: one.value for one in found.overall}["R@1"] == 1.0


def test_an_id_that_asks_something_else_is_another_question() -> None:
    a = ranks("x", "x", "a", system="none")
    b = ranks("a", "a", "x", system="block")
    b[2] = replace(b[2], asked=replace(b[2].asked, question="Something else?"))
    found = compare(a, b, scoring=SCORING)
    assert (found.pairs, found.only_in_a, found.only_in_b) == (2, 1, 1)


def test_failures_are_in_no_pair_and_are_counted() -> None:
    a, b = ranks("x", "x", "a", system="none"), ranks("a", "a", "x", system="block")
    b[0] = replace(b[0], error="timed out")
    a[1] = replace(a[1], error="timed out")
    found = compare(a, b, scoring=SCORING)
    assert (found.pairs, found.failed) == (1, 2)
    assert {one.metric: (one.value, one.n) for one in found.overall}["R@1"] == (-1.0, 1)


def test_a_question_tried_again_counts_once() -> None:
    a, b = ranks("x", "x", "a", system="none"), ranks("a", "a", "a", system="block")
    found = compare(a, [replace(b[0], error="timed out"), *b], scoring=SCORING)
    assert (found.pairs, found.failed) == (3, 0)


def many(system: str, share: int) -> list[QuestionRecord]:
    """20 conversations of 5 questions, the first `share` of each found."""
    questions = [asked(f"c{place}/q{number}", "a") for place in range(20) for number in range(5)]
    return [record(one, "a" if int(one.question_id[-1]) < share else "x", system=system) for one in questions]


def test_a_difference_that_every_conversation_shows_survives_the_correction() -> None:
    found = compare(many("none", 1), many("block", 3), scoring=SCORING)
    first = found.overall[0]
    assert (first.value, first.low, first.high) == (pytest.approx(0.4), pytest.approx(0.4), pytest.approx(0.4))
    assert first.is_significant
    assert first.survives_holm
    assert first.p == pytest.approx(2 / 2001)
    same = compare(many("none", 1), many("block", 1), scoring=SCORING).overall[0]
    assert (same.is_significant, same.survives_holm, same.p) == (False, False, 1.0)


def test_chance_on_one_metric_of_many_does_not_survive_the_correction() -> None:
    # 12 conversations, 10 won: at most 6 of 12 draws win with P = 0.0079, so p = 0.016, above 0.05 / 5 metrics
    questions = [asked(f"c{place}/q", "a") for place in range(12)]
    lost = [record(one, "a" if place < 2 else "x", system="none") for place, one in enumerate(questions)]
    won = [record(one, "x" if place < 2 else "a", system="block") for place, one in enumerate(questions)]
    first = compare(lost, won, scoring=SCORING).overall[0]
    assert first.is_significant
    assert not first.survives_holm
    assert first.p == pytest.approx(0.0158, abs=0.009)


def test_answers_are_compared_on_questions_that_have_a_key() -> None:
    scoring = Scoring(ks=(1,), budgets=(100,), score_answer=exact)
    questions = [asked("c1/q1", answers=("nine",)), asked("c1/q2", rule=ABSTAIN), asked("c2/q1", answers=("ten",))]
    a = [record(one, given=given("nine"), system="none") for one in questions]
    b = [
        record(one, given=given(text), system="block")
        for one, text in zip(questions, ("nine", "no", "ten"), strict=True)
    ]
    found = compare(a, b, scoring=scoring)
    assert found.pairs == 3
    assert {one.metric: (one.value, one.n) for one in found.overall} == {"F1": (0.0, 2), "EM": (0.5, 2)}


def test_sides_that_cannot_be_compared_are_refused() -> None:
    a = ranks("x", "x", "a", system="none")
    with pytest.raises(InvalidInput, match="second side has no records"):
        compare(a, [])
    with pytest.raises(InvalidInput, match="records of none and of block"):
        compare([*a, *ranks("x", "x", "a", system="block")], a)
    with pytest.raises(InvalidInput, match="no question in common"):
        compare(a, [record(asked("c9/q1", "a"), "a", system="block")])


def test_protocols_that_differ_are_told_key_by_key() -> None:
    ours = protocol()
    data = replace(ours.data["mini.json"], sha256="f" * 80, questions={"temporal": 2, "multi-hop": 1})
    theirs = protocol(data={"mini.json": data}, date="2027-01-01", units={"turn": "turn", "chunk": "325 tokens"})
    assert protocol_warnings(ours, ours) == []
    assert protocol_warnings(ours, theirs) == [
        f"data.mini.json.sha256 differs: 0123456789abcdef and {'f' * 59}….",
        "data.mini.json.questions.single-hop differs: 3 and nothing.",
        "data.mini.json.questions.multi-hop differs: nothing and 1.",
        "units.chunk differs: nothing and 325 tokens.",
    ]
    assert protocol_warnings(ours, protocol(tokenizer="bytes", systems=())) == ["tokenizer differs: words and bytes."]
