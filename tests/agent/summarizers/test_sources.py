"""Which turns a written sentence came from."""

from recollect.agent.summarizers.sources import MOST_TURNS, turns_behind

from .conftest import Session


def test_the_turns_that_share_rare_words_are_behind_a_sentence(session: Session) -> None:
    turns = session(
        ("Alice", "I adopted a beagle."),
        ("Ben", "Which park do you like?"),
        ("Alice", "The beagle is called Biscuit."),
        ("Ben", "I like cake."),
    )
    assert [turn.id for turn in turns_behind("Alice adopted a beagle named Biscuit.", turns)] == [10, 30]
    assert [turn.id for turn in turns_behind("Ben likes parks.", turns)] == [20]


def test_a_sentence_nobody_said_has_no_turns_even_if_it_names_somebody(session: Session) -> None:
    turns = session(("Alice", "I adopted a beagle."), ("Ben", "Great."))
    assert turns_behind("Alice flew to Mars.", turns) == ()
    assert turns_behind("", turns) == ()
    assert turns_behind("A beagle.", []) == ()


def test_no_more_than_four_turns_are_cited(session: Session) -> None:
    turns = session(*[("Alice", "beagle")] * 9)
    assert [turn.id for turn in turns_behind("beagle", turns)] == [10, 20, 30, 40]
    assert MOST_TURNS == 4
