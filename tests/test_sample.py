"""The bundled conversation of `recollect demo`: well formed, chronological, and its dates can be worked out."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from typing import TypedDict

import pytest

from recollect.memory.timeline import format_day, resolve_dates

KINDS = {"when", "what", "who", "where", "why", "how many", "list"}


class SampleTurn(TypedDict):
    speaker: str
    text: str
    ref: str
    minute: int


class SampleSession(TypedDict):
    name: str
    said_at: str
    turns: list[SampleTurn]


class SampleQuestion(TypedDict):
    question: str
    evidence: list[str]
    answer: str
    kind: str
    answerable: bool


class Sample(TypedDict):
    title: str
    user: str
    speakers: list[str]
    sessions: list[SampleSession]
    questions: list[SampleQuestion]


@pytest.fixture(scope="module")
def sample() -> Sample:
    text = (files("recollect") / "samples" / "demo.json").read_text(encoding="utf-8")
    parsed: Sample = json.loads(text)
    return parsed


def test_the_sample_has_the_agreed_fields_and_nothing_else(sample: Sample) -> None:
    assert set(sample) == Sample.__required_keys__
    assert all(set(session) == SampleSession.__required_keys__ for session in sample["sessions"])
    assert all(set(question) == SampleQuestion.__required_keys__ for question in sample["questions"])
    for session in sample["sessions"]:
        for turn in session["turns"]:
            assert set(turn) == SampleTurn.__required_keys__
            assert turn["text"] == turn["text"].strip() != ""
            assert turn["speaker"] in sample["speakers"]
    assert sample["user"] in {speaker.lower() for speaker in sample["speakers"]}


def test_it_is_six_sessions_of_a_long_acquaintance(sample: Sample) -> None:
    assert len(sample["sessions"]) == 6
    assert all(14 <= len(session["turns"]) <= 20 for session in sample["sessions"])
    first, last = (datetime.fromisoformat(sample["sessions"][end]["said_at"]) for end in (0, -1))
    assert (last - first).days > 200


def test_no_two_turns_share_a_ref(sample: Sample) -> None:
    refs = [turn["ref"] for session in sample["sessions"] for turn in session["turns"]]
    assert len(set(refs)) == len(refs)


def test_sessions_and_the_minutes_inside_them_move_forward(sample: Sample) -> None:
    moments = [said_at for _, said_at in _said(sample)]
    assert all(earlier < later for earlier, later in pairwise(moments))
    assert all(session["turns"][0]["minute"] == 0 for session in sample["sessions"])


def test_evidence_names_turns_of_the_sample_and_only_answerable_questions_have_it(sample: Sample) -> None:
    refs = {turn["ref"] for turn, _ in _said(sample)}
    for question in sample["questions"]:
        assert set(question["evidence"]) <= refs
        assert question["answerable"] == bool(question["evidence"]) == bool(question["answer"])
        assert question["kind"] in KINDS
    assert [question["answerable"] for question in sample["questions"]].count(True) == 14
    assert len(sample["questions"]) == 18


def test_every_when_answer_is_a_resolved_date_of_its_evidence_or_the_day_it_was_said(sample: Sample) -> None:
    said = {turn["ref"]: (turn["text"], said_at) for turn, said_at in _said(sample)}
    asked = [question for question in sample["questions"] if question["kind"] == "when" and question["answerable"]]
    assert asked
    for question in asked:
        days: set[str] = set()
        for text, said_at in (said[ref] for ref in question["evidence"]):
            days |= {mention.label for mention in resolve_dates(text, said_at)} | {format_day(said_at.date())}
        assert question["answer"] in days, question["question"]


@pytest.mark.parametrize(
    ("ref", "words", "label"),
    [
        ("s1-02", "Thursday", "8 January 2026"),
        ("s1-05", "September", "September 2026"),
        ("s1-09", "last week", "the week before 10 January 2026"),
        ("s2-01", "yesterday", "1 March 2026"),
        ("s2-09", "Friday", "27 February 2026"),
        ("s3-05", "Sunday", "12 April 2026"),
        ("s3-07", "two weeks ago", "two weeks before 8 April 2026"),
        ("s3-14", "Next month", "May 2026"),
        ("s3-18", "last Friday", "3 April 2026"),
        ("s4-01", "the day before yesterday", "14 May 2026"),
        ("s4-08", "Last Wednesday", "13 May 2026"),
        ("s5-08", "last Thursday", "18 June 2026"),
        ("s6-07", "last weekend", "the weekend before 9 August 2026"),
        ("s6-17", "October", "October 2026"),
        ("s6-19", "next Saturday", "15 August 2026"),
    ],
)
def test_what_the_friends_say_means_the_day_they_meant(sample: Sample, ref: str, words: str, label: str) -> None:
    text, said_at = next((turn["text"], said_at) for turn, said_at in _said(sample) if turn["ref"] == ref)
    assert (words, label) in [(mention.text, mention.label) for mention in resolve_dates(text, said_at)]


def _said(sample: Sample) -> Iterator[tuple[SampleTurn, datetime]]:
    """Yield every turn with the time it was said."""
    for session in sample["sessions"]:
        begun = datetime.fromisoformat(session["said_at"])
        for turn in session["turns"]:
            yield turn, begun + timedelta(minutes=turn["minute"])
