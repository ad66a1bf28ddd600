"""Invented conversations: those that ship are whole, and their questions are about turns that they have."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from recollect.memory.errors import DataFormatError
from recollect.training.invented_conversations import KINDS, invented_conversations
from recollect.training.question_file import question_records

TALK: dict[str, Any] = {
    "id": "one",
    "split": "train",
    "speakers": ["Ann", "Bo"],
    "sessions": [
        {"at": "2023-02-05T17:10", "said": [[0, "I have a cat."], [1, "I have a newt."]]},
        {"at": "2023-02-09T08:00", "said": [[1, "The newt ran away."]]},
    ],
}
ASKED: dict[str, Any] = {
    "doc": "one",
    "q": "Which pet did Bo have?",
    "a": ["newt"],
    "e": ["D1:2"],
    "m": ["D2:1"],
    "k": "single",
    "x": True,
}


def write(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_what_ships_is_whole() -> None:
    train, dev = invented_conversations("train"), invented_conversations("dev")
    assert len(train) > 5 * len(dev) > 0
    for split in (train, dev):
        assert {min(len(one.speakers), 3) for one in split} == {2, 3}  # pairs, and several
    assert not {one.id for one in train} & {one.id for one in dev}
    for one in (*train, *dev):
        assert 2 <= len(set(one.speakers)) <= 6
        assert {turn.speaker for turn in one.turns} == set(one.speakers)
        assert len({turn.session for turn in one.turns}) >= 8
        assert 320 <= len(one.turns) <= 420
        moments = [turn.said_at for turn in one.turns]
        assert moments == sorted(moments, key=str)
        assert len({question.text for question in one.questions}) == len(one.questions)
        assert 100 <= len(one.questions) <= 112
        for question in one.questions:
            assert question.evidence
            assert question.answers
            assert not set(question.evidence) & set(question.without)
            if question.is_own:
                assert len(one.speakers) == 2  # asked of the other one, nothing answers it
                assert len([name for name in one.speakers if name in question.text]) == 1


def test_what_is_asked_for_stands_in_the_turns_that_tell_it() -> None:
    told = {
        (one.id, turn.ref): plain(f"{turn.speaker}: {turn.text}")
        for split in ("train", "dev")
        for one in invented_conversations(split)
        for turn in one.turns
    }
    records = question_records("invented_questions.jsonl", None, needs=("doc", "q", "a", "e", "k"), kinds=KINDS)
    assert set(Counter(record["k"] for record in records)) == set(KINDS)
    for record in records:
        if record["k"] in ("single", "gather", "when"):
            every = " ".join(told[record["doc"], ref] for ref in record["e"])
            assert all(plain(answer) in every for answer in record["a"]), record["q"]
        if record["k"] in ("gather", "count"):
            assert len(record["e"]) > 1, record["q"]


def plain(text: str) -> str:
    return "".join(mark for mark in text.casefold() if mark.isalnum() or mark == " ")


def test_turns_and_questions_are_those_of_the_files(tmp_path: Path) -> None:
    talks = write(tmp_path / "c.jsonl", TALK, {**TALK, "id": "other", "split": "dev"})
    (one,) = invented_conversations("train", conversations=talks, questions=write(tmp_path / "q.jsonl", ASKED))
    assert (one.id, one.speakers) == ("one", ("Ann", "Bo"))
    assert [(turn.speaker, turn.text, turn.ref, turn.session) for turn in one.turns] == [
        ("Ann", "I have a cat.", "D1:1", "1"),
        ("Bo", "I have a newt.", "D1:2", "1"),
        ("Bo", "The newt ran away.", "D2:1", "2"),
    ]
    assert one.turns[2].said_at == datetime(2023, 2, 9, 8)
    (question,) = one.questions
    assert (question.text, question.evidence, question.without) == ("Which pet did Bo have?", ("D1:2",), ("D2:1",))
    assert (question.answers, question.is_own) == (("newt",), True)
    (other,) = invented_conversations("dev", conversations=talks, questions=tmp_path / "q.jsonl")
    assert other.questions == ()


@pytest.mark.parametrize(
    ("talk", "asked", "reason"),
    [
        (TALK, {**ASKED, "e": ["D9:9"]}, "one has no turn D9:9"),
        (TALK, {**ASKED, "m": ["D2:2"]}, "one has no turn D2:2"),
        (TALK, {**ASKED, "k": "odd"}, "its kind is none of single"),
        ({**TALK, "sessions": [{"at": "in May", "said": [[0, "Hello."]]}]}, ASKED, "one, session 1: cannot be read"),
        ({**TALK, "sessions": [{"at": "2023-02-05T17:10", "said": [[2, "Hello."]]}]}, ASKED, "one, session 1"),
        ({"id": "one"}, ASKED, "a record must have id, split, speakers, sessions"),
    ],
)
def test_what_is_malformed_is_told(tmp_path: Path, talk: dict[str, Any], asked: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataFormatError, match=reason):
        invented_conversations(
            "train",
            conversations=write(tmp_path / "c.jsonl", talk),
            questions=write(tmp_path / "q.jsonl", asked),
        )
