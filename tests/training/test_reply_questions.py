"""Questions taken from dialogues, put about whoever answered."""

from dataclasses import replace

import pytest

from recollect.memory.types import NewTurn
from recollect.training.reply_questions import reply_questions


def turn(number: int, speaker: str, text: str, session: str = "1") -> NewTurn:
    return NewTurn(speaker=speaker, text=text, ref=f"D{number}", session=session)


def test_a_question_and_the_next_turn_are_question_and_evidence() -> None:
    said = [
        turn(1, "Ann Lee", "I love it here. What do you do for a living?"),
        turn(2, "Bo", "I teach music at the school near my house."),
    ]
    (question,) = reply_questions(said)
    assert question.text == "What does Bo do for a living?"
    assert (question.evidence, question.without, question.kind) == (("D2",), ("D1",), "reply")


def test_your_and_me_become_names() -> None:
    said = [turn(1, "Ann", "Did your sister ever tell me about you?"), turn(2, "Bo", "She did not, I am afraid.")]
    assert [question.text for question in reply_questions(said)] == ["Did Bo's sister ever tell Ann about Bo?"]


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("Do you have pets with your sister?", "does Bo have pets with Bo's sister?"),
        ("Have you ever been to my hometown?", "has Bo ever been to Ann's hometown?"),
        ("Where were you last summer then?", "Where was Bo last summer then?"),
        ("Which of the cars is yours?", "Which of the cars is Bo's?"),
        ("What are you cooking for dinner?", "What is Bo cooking for dinner?"),
        ("Hi there! Why do YOU like it here? I do.", "Why does Bo like it here?"),
        ("Oh, what did the youth do yesterday?", "Oh, what did the youth do yesterday?"),
    ],
)
def test_you_becomes_who_answers_and_me_who_asks(asked: str, read: str) -> None:
    said = [turn(1, "Ann Lee", asked), turn(2, "Bo Ray", "Well, that is hard to say now.")]
    assert [question.text for question in reply_questions(said)] == [read]


def test_of_two_questions_the_last_is_taken_and_of_many_turns_each_pair() -> None:
    said = [
        turn(1, "Ann", "Where do you live these days? What do you do there?"),
        turn(2, "Bo", "I teach music at school. And what did you study?"),
        turn(3, "Ann", "I studied law for six years."),
    ]
    found = list(reply_questions(said))
    assert [question.text for question in found] == ["What does Bo do there?", "And what did Ann study?"]
    assert [question.evidence for question in found] == [("D2",), ("D3",)]


def test_turns_that_cannot_be_pointed_at_ask_nothing() -> None:
    asking, reply = turn(1, "Ann", "What do you do for a living?"), turn(2, "Bo", "I teach music at the school.")
    assert len(list(reply_questions([asking, reply]))) == 1
    assert list(reply_questions([replace(asking, ref=None), reply])) == []
    assert list(reply_questions([asking, replace(reply, ref=None)])) == []
    assert list(reply_questions([asking])) == list(reply_questions([])) == []


def test_what_teaches_nothing_is_left_out() -> None:
    for asked, replied, session in (
        ("How are you doing today?", "I am fine, thank you very much.", "1"),
        ("And you?", "I teach music at a school nearby.", "1"),
        ("What do you do for a living?", "Music.", "1"),
        ("What do you do for a living?", "I teach music at a school nearby.", "2"),
        ("I teach music. You should too.", "I would rather not do that.", "1"),
    ):
        assert list(reply_questions([turn(1, "Ann", asked), turn(2, "Bo", replied, session)])) == []
    alone = [turn(1, "Ann", "What do you do for a living?"), turn(2, "Ann", "I teach music at a school nearby.")]
    assert list(reply_questions(alone)) == []
