"""LongMemEval files: what is read, what is repaired and reported, what is refused."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recollect.evals.dataset import AnswerRule, Conversation, Dataset
from recollect.evals.longmemeval import load_longmemeval, parse_date
from recollect.memory.errors import DataFormatError
from tests.evals.longmemeval_miniature import miniature, said

Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(value: Any) -> Path:
        path = tmp_path / "mini_s.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return path

    return written


@pytest.fixture
def dataset(write: Write) -> Dataset:
    return load_longmemeval(write(miniature()))


def oddities(conversation: Conversation) -> list[tuple[str, str, str]]:
    return [(problem.where, problem.raw, problem.reason) for problem in conversation.problems]


def test_each_question_is_a_conversation_of_its_own(dataset: Dataset) -> None:
    assert [one.id for one in dataset.conversations] == ["q_bike", "q_flat", "q_piano_abs"]
    assert [[question.id for question in one.questions] for one in dataset.conversations] == [
        ["q_bike"],
        ["q_flat"],
        ["q_piano_abs"],
    ]
    assert dataset.conversations[0].speakers == ("user", "assistant")


def test_a_dataset_knows_its_name_digest_and_types_of_questions_in_the_published_order(write: Write) -> None:
    path = write(miniature())
    dataset = load_longmemeval(path)
    assert (dataset.name, dataset.sha256) == ("mini_s.json", hashlib.sha256(path.read_bytes()).hexdigest())
    assert dataset.categories == ("single-session-user", "multi-session", "knowledge-update")


def test_a_new_type_of_question_comes_after_the_known_ones(write: Write) -> None:
    questions = miniature()
    questions[0]["question_type"] = "riddle"
    assert load_longmemeval(write(questions)).categories == ("multi-session", "knowledge-update", "riddle")


def test_sessions_come_in_the_order_of_their_dates(dataset: Dataset) -> None:
    conversation = dataset.conversations[0]
    assert [(turn.id, turn.session, turn.position) for turn in conversation.turns] == [
        ("filler_1:1", 1, 1),
        ("filler_1:2", 1, 2),
        ("answer_1:1", 2, 1),
        ("answer_1:2", 2, 2),
        ("filler_1#2:1", 3, 1),
        ("filler_1#2:2", 3, 2),
        ("late_1:2", 4, 2),
    ]
    assert conversation.turns[0].said_at == datetime(2023, 5, 20, 2, 21, tzinfo=UTC)
    assert conversation.session_names == {1: "filler_1", 2: "answer_1", 3: "filler_1#2", 4: "late_1"}


def test_a_number_becomes_an_answer_in_text_and_the_date_of_the_question_is_kept(dataset: Dataset) -> None:
    question = dataset.conversations[0].questions[0]
    assert (question.answers, question.rule) == (("21",), AnswerRule.PLAIN)
    assert question.asked_at == datetime(2023, 5, 30, 21, 56, tzinfo=UTC)


def test_evidence_is_what_is_marked(dataset: Dataset) -> None:
    assert dataset.conversations[0].questions[0].evidence == ("answer_1:1",)


def test_where_nothing_is_marked_all_turns_of_the_answer_sessions_are_evidence(dataset: Dataset) -> None:
    assert dataset.conversations[1].questions[0].evidence == ("answer_a:1", "answer_a:2", "answer_b:1")


def test_a_question_of_abstention_has_no_accepted_answer(dataset: Dataset) -> None:
    question = dataset.conversations[2].questions[0]
    assert (question.is_unanswerable, question.answers, question.evidence) == (True, (), ("answer_x:1",))
    assert question.category == "knowledge-update"


def test_everything_left_out_or_repaired_is_reported(dataset: Dataset) -> None:
    bicycle, flat, piano = dataset.conversations
    assert oddities(bicycle) == [
        ("filler_2", "", "session without turns; left out"),
        ("filler_1#2", "filler_1", "a session id of two sessions; the later one got a number"),
        ("haystack_dates", "", "sessions stand out of their order in time; sorted by date"),
        ("late_1", "late_1:1", "turn without text; left out"),
        ("late_1", "late_1:3", "turn without text; left out"),
        ("late_1", "2023/05/30 (Tue) 21:56", "session dated after the question; kept"),
    ]
    assert oddities(flat) == [
        ("other", "", "session without a date; it gets that of its neighbour"),
        ("q_flat", "answer_c", "answer session is absent; left out of the gold"),
        ("q_flat", "", "no turn is marked has_answer; all of the answer sessions are gold"),
        ("q_flat", "some day", "question without a date; it is asked after the last session"),
    ]
    assert oddities(piano) == [
        ("q_piano_abs", piano.problems[0].raw, "right is to abstain; what the file has as its answer says why"),
        ("q_piano_abs", "answer_y", "answer session without a marked turn; left out of the gold"),
    ]
    assert dataset.problems == (*bicycle.problems, *flat.problems, *piano.problems)


def test_a_question_that_cannot_be_asked_is_left_out_and_reported_with_the_file(write: Write) -> None:
    questions = miniature()
    questions[0]["question"] = None
    questions[1]["haystack_sessions"] = [[said("user", "")], [said("user", " ")], [said("user", "")]]
    dataset = load_longmemeval(write(questions))
    assert [one.id for one in dataset.conversations] == ["q_piano_abs"]
    reasons = {(problem.conversation, problem.reason) for problem in dataset.file_problems}
    assert ("q_bike", "question without a text; left out") in reasons
    assert ("q_flat", "question without a turn in its history; left out") in reasons


@pytest.mark.parametrize("answer", [None, ""])
def test_a_question_without_an_answer_or_evidence_is_reported(write: Write, answer: str | None) -> None:
    questions = miniature()
    questions[1]["answer"] = answer
    questions[1]["answer_session_ids"] = []
    flat = load_longmemeval(write(questions)).conversations[1]
    assert (flat.questions[0].answers, flat.questions[0].evidence) == ((), ())
    assert ("q_flat", "", "question without an answer; its answers cannot be scored") in oddities(flat)
    assert ("q_flat", "", "question without evidence") in oddities(flat)


def test_two_questions_of_one_id_are_told_apart(write: Write) -> None:
    later = load_longmemeval(write([*miniature(), miniature()[2]])).conversations[3]
    assert (later.id, later.questions[0].id, later.questions[0].is_unanswerable) == (
        "q_piano_abs#2",
        "q_piano_abs#2",
        True,
    )
    assert oddities(later)[0] == (
        "question_id",
        "q_piano_abs",
        "an id of two questions; the later one got a number",
    )


@pytest.mark.parametrize("text", ["2023/05/20 (Sat) 02:21", "2023/05/20 02:21"])
def test_dates_are_read_with_and_without_the_day_of_the_week(text: str) -> None:
    assert parse_date(text) == datetime(2023, 5, 20, 2, 21, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "2023-05-20 02:21", "2023/05/32 (Sat) 02:21", "2023/05/20 (Sat) 24:21"])
def test_dates_of_another_form_are_not_dates(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        ("question_id", " ", "[1].question_id: the question has no id"),
        ("question_type", 3, "question q_flat, question_type: expected text"),
        ("answer", ["a"], "question q_flat, answer: expected text, found a list"),
        ("haystack_session_ids", ["one"], "haystack_sessions: 3 sessions have 1 ids and 3 dates"),
        ("haystack_dates", [None, None, None], "no session has both turns and a date"),
        ("haystack_dates", ["May", None, None], "haystack_dates[0]: 'May' is no date; write it as \"2023/05/20"),
        ("haystack_sessions", ["a", "b", "c"], "haystack_sessions[0]: expected a list, found text"),
        ("haystack_sessions", [[], [], [{"content": "x"}]], "haystack_sessions[2][0].role: the key is missing"),
        ("haystack_sessions", [[], [], [said("", "x")]], "haystack_sessions[2][0].role: the turn has no speaker"),
        ("haystack_sessions", [[], [], [said("user", "x", has_answer="yes")]], "has_answer: expected true or false"),
    ],
)
def test_a_malformed_file_is_refused_by_file_question_and_key(
    write: Write, key: str, value: object, where: str
) -> None:
    questions = miniature()
    questions[1][key] = value
    path = write(questions)
    with pytest.raises(DataFormatError) as refusal:
        load_longmemeval(path)
    assert str(path) in str(refusal.value)
    assert where in str(refusal.value)


def test_a_file_without_questions_is_refused(write: Write) -> None:
    with pytest.raises(DataFormatError, match="holds no question"):
        load_longmemeval(write([]))
