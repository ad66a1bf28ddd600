"""Which event summaries precede the candidates: greedy coverage, ties, budget, order."""

from datetime import datetime

from recollect.memory.types import Candidate, EventSummary, Turn
from recollect.rerank.events import EVENT_TOKENS, cover, event_line
from tests.fakes import count_words


def turn(number: int) -> Candidate:
    said = Turn(
        id=number,
        user="u",
        conversation="c",
        session="1",
        position=number,
        speaker="Alice",
        text=f"words {number}",
        said_at=datetime(2026, 3, 2),
    )
    return Candidate(memory=said, lexical=0.0, dense=None, fused=0.0)


def event(number: int, turns: tuple[int, ...], day: int = 1, text: str = "It happened.") -> EventSummary:
    return EventSummary(
        id=number,
        user="u",
        conversation="c",
        session="1",
        text=text,
        happened_at=datetime(2026, 1, day),
        kind="anchor",
        turns=turns,
    )


CANDIDATES = [turn(number) for number in (11, 12, 13, 14, 15)]


def chosen(*events: EventSummary, budget: int = EVENT_TOKENS, candidates: list[Candidate] = CANDIDATES) -> list[int]:
    return [one.id for one in cover(events, candidates, budget=budget, count=count_words)]


def test_the_event_that_covers_most_is_taken_and_then_what_it_leaves() -> None:
    assert chosen(event(1, (11, 12)), event(2, (12, 13, 14)), event(3, (11,)), event(4, (14, 15))) == [1, 2, 4]


def test_an_event_that_covers_nothing_new_is_left_out() -> None:
    assert chosen(event(1, (11, 12)), event(2, (12,)), event(3, (99,))) == [1]
    assert chosen() == []
    assert chosen(event(1, (11,)), candidates=[]) == []


def test_of_equals_the_one_that_covers_the_best_placed_candidate_is_taken() -> None:
    a_line = count_words(event_line(event(1, ())))
    assert chosen(event(1, (13, 14)), event(2, (11, 15)), budget=a_line) == [2]


def test_of_equals_over_the_same_candidates_the_earlier_is_taken() -> None:
    a_line = count_words(event_line(event(1, ())))
    assert chosen(event(1, (11, 12), day=9), event(2, (11, 12), day=3), budget=a_line) == [2]


def test_the_budget_holds_and_what_does_not_fit_makes_room_for_what_does() -> None:
    long = event(1, (11, 12, 13, 14), text="word " * 600)
    assert chosen(long, event(2, (11,)), event(3, (12,))) == [2, 3]
    assert count_words(event_line(event(2, (11,)))) == 5
    assert chosen(event(2, (11,)), event(3, (12,)), event(4, (13,)), budget=14) == [2, 3]
    assert chosen(event(2, (11,)), budget=4) == []


def test_events_come_in_the_order_they_happened() -> None:
    assert chosen(event(1, (11, 12), day=20), event(2, (13,), day=2), event(3, (14,), day=11)) == [2, 3, 1]


def test_an_event_covers_itself_and_events_of_the_same_turns_among_the_candidates() -> None:
    same = Candidate(memory=event(7, (50, 51)), lexical=0.0, dense=None, fused=0.0)
    assert chosen(event(7, (50, 51)), candidates=[same]) == [7]
    assert chosen(event(8, (51, 52)), candidates=[same]) == [8]


def test_an_event_is_shown_with_its_day() -> None:
    assert event_line(event(1, (), day=7, text="Alice moved to Ghent.")) == "7 January 2026: Alice moved to Ghent."
