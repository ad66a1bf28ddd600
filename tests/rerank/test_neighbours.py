import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from recollect.memory.types import Memory, Turn
from recollect.rerank.neighbours import among_several, neighbours_leads, place_of

from .candidates import candidate, event

TURNS = [candidate(number, f"Line {number}.").memory for number in range(6)]


def leads_of(memories: Sequence[Memory], scores: Sequence[float]) -> list[float]:
    return neighbours_leads([place_of(memory) for memory in memories], scores)


def test_the_better_neighbour_counts_above_the_median() -> None:
    leads = leads_of(TURNS, [0.0, 4.0, 1.0, 7.0, -2.0, 0.5])  # median 0.75
    assert leads == [3.25, 0.25, 6.25, 0.25, 6.25, 0.0]


def test_nobody_loses_by_bad_neighbours() -> None:
    assert leads_of(TURNS[:3], [-9.0, 5.0, -9.0]) == [14.0, 0.0, 14.0]
    assert leads_of(TURNS[:1], [5.0]) == [0.0]
    assert leads_of([], []) == []


def test_only_turns_right_beside_in_the_same_session_are_neighbours() -> None:
    def moved(**change: object) -> list[float]:
        other = TURNS[1]
        assert isinstance(other, Turn)
        return leads_of([TURNS[0], replace(other, **change), TURNS[5]], [2.0, 3.0, -1.0])  # type: ignore[arg-type]

    assert moved() == [1.0, 0.0, 0.0]
    for change in ({"session": "2"}, {"conversation": "d"}, {"user": "bob"}, {"position": 3}):
        assert moved(**change) == [0.0, 0.0, 0.0]


def test_event_summaries_neither_give_nor_take() -> None:
    told = event(1, "Line 1.", (1,))
    assert leads_of([TURNS[0], told, TURNS[2]], [1.0, 9.0, 0.0]) == [0.0, 0.0, 0.0]


def test_the_order_changes_nothing() -> None:
    drawn = random.Random(3)
    scores = [drawn.gauss(0, 3) for _ in TURNS]
    found = dict(zip(range(6), leads_of(TURNS, scores), strict=True))
    for _ in range(5):
        order = drawn.sample(range(6), 6)
        again = leads_of([TURNS[n] for n in order], [scores[n] for n in order])
        assert dict(zip(order, again, strict=True)) == found


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="argument"):
        leads_of(TURNS, [1.0])


def test_several_speak_where_a_conversation_has_more_than_two_speakers() -> None:
    two = [candidate(number, "Aha.", speaker=name).memory for number, name in enumerate(("Ann", "Bo", "Ann"))]
    third = candidate(3, "Aha.", speaker="Cy").memory
    assert isinstance(third, Turn)
    assert among_several(two) == [False] * 3
    assert among_several([*two, third]) == [True] * 4
    assert among_several([*two, replace(third, conversation="other")]) == [False] * 4
    assert among_several([*two, replace(third, user="bob")]) == [False] * 4
    assert among_several([*two, event(1, "They talked.", (0,)), third]) == [True, True, True, False, True]
    assert among_several([]) == []
