"""Questions taken from dialogues, put about whoever answered."""

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
