"""Audits of a key: the published form, one's own, whom corrections are about, and what cannot be read."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recollect.evals.audit import Audit, load_audit
from recollect.memory.errors import DataFormatError
from tests.evals.miniature import asked

PUBLISHED = {
    "question_id": "locomo_1_qa31",
    "question": "How long  did it take Tomas to open?",
    "golden_answer": "six months",
    "category": 1,
    "error_type": "TEMPORAL_ERROR",
    "cited_evidence": ["D1:2"],
    "reasoning": "it is five",
    "correct_answer": "five months (counted from January)",
}
"""An entry in the form of dial481/locomo-audit; its sentences are ours."""

Write = Callable[[object], Audit]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    def write(content: object) -> Audit:
        path = tmp_path / "audit.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return load_audit(path)

    return write


def test_the_published_audit_is_read_as_it_is(written: Write) -> None:
    audit = written([PUBLISHED, {**PUBLISHED, "question_id": "locomo_0_qa2", "error_type": "WRONG_CITATION"}])
    (correction,) = audit.corrections  # a wrong citation has a right answer
    assert correction.conversation == "conv-30"  # the second of the release
    assert correction.answers == ("five months (counted from January)", "five months")
    question = asked("conv-30/q9", question="How long did it take Tomas to open?", answers=("six months",))
    assert audit.answers_to(question) == correction.answers


def test_the_published_audit_is_about_its_conversation_and_its_key(written: Write) -> None:
    audit = written([PUBLISHED])
    words = "How long did it take Tomas to open?"
    other_conversation = asked("conv-26/q9", question=words, answers=("six months",))
    other_key = asked("conv-30/q9", question=words, answers=("five months",))
    joined = asked("f/conv-30/q9", conversation="f/conv-30", question=words, answers=("six months",))
    assert audit.answers_to(other_conversation) == ("six months",)
    assert audit.answers_to(other_key) == ("five months",)
    assert audit.answers_to(joined) == ("five months (counted from January)", "five months")


def test_corrections_of_ones_own_name_a_question_by_id_or_by_words(written: Write) -> None:
    audit = written(
        [
            {"question_id": "conv-1/q7", "answers": ["nine", "plot nine"]},
            {"sample_id": "conv-1", "question": "Which plot?", "answer": 9},
            {"question": "Who bakes?", "golden_answer": "Ines", "drop": True},
        ]
    )
    assert audit.answers_to(asked("conv-1/q7")) == ("nine", "plot nine")
    assert audit.answers_to(asked("mini.json/conv-1/q7")) == ("nine", "plot nine")
    assert audit.answers_to(asked("conv-11/q7", answers=("six",))) == ("six",)
    assert audit.answers_to(asked("conv-1/q1", question="WHICH plot?", answers=("six",))) == ("9",)
    assert audit.answers_to(asked("conv-2/q1", question="Which plot?", answers=("six",))) == ("six",)
    assert audit.answers_to(asked("conv-2/q2", question="Who bakes?", answers=("Ines",))) is None
    assert audit.answers_to(asked("conv-2/q2", question="Who bakes?", answers=("Alba",))) == ("Alba",)


def test_how_many_questions_are_corrected_tells_whether_it_is_about_the_data(written: Write) -> None:
    audit = written([{"question_id": "c1/q1", "answer": "nine"}, {"question_id": "c1/q2", "drop": True}])
    assert audit.corrected([asked("c1/q1"), asked("c1/q2"), asked("c1/q3")]) == 2
    assert audit.corrected([asked("c9/q9")]) == 0


def test_a_line_an_entry_is_an_audit_too(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"question_id": "c1/q1", "answer": "nine"}\n\n{"question_id": "c1/q2", "answer": "six"}\n')
    audit = load_audit(path)
    assert (audit.name, audit.sha256) == ("own.jsonl", hashlib.sha256(path.read_bytes()).hexdigest())
    assert audit.answers_to(asked("c1/q2")) == ("six",)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[]", "corrects no answer"),
        ([{**PUBLISHED, "error_type": "WRONG_CITATION"}], "corrects no answer"),
        ("{not json", "line 1: no JSON"),
        ([{"answer": "nine"}], "question_id"),
        ([{"question_id": "c1/q1"}], "answer"),
        ([{"question_id": "c1/q1", "answers": []}], "no answer is accepted"),
        ([{"question_id": "c1/q1", "answer": "x", "drop": "yes"}], "drop"),
        (["c1/q1"], r"\[0\]"),
    ],
)
def test_what_is_no_audit_says_where_and_why(written: Write, content: object, says: str) -> None:
    with pytest.raises(DataFormatError, match=says):
        written(content)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"nowhere\.json cannot be read"):
        load_audit(tmp_path / "nowhere.json")
