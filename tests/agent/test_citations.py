"""From numbers in an answer to turns: every citation resolves, what does not is counted."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from recollect.agent.citations import (
    escape_marks,
    is_abstention,
    parse_citations,
    unescape_marks,
    without_marks,
)
from recollect.agent.ports import ABSTENTION
from recollect.memory.types import Context, EventSummary, Memory, Turn

SAID_AT = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


def turn(number: int) -> Turn:
    return Turn(
        id=number,
        user="u",
        conversation="c",
        session="s",
        position=number,
        speaker="Ann",
        text=f"turn {number}",
        said_at=SAID_AT,
    )


def summary(number: int, *turns: int) -> EventSummary:
    return EventSummary(
        id=number,
        user="u",
        conversation="c",
        session="s",
        text="Ann moved.",
        happened_at=SAID_AT,
        kind="anchor",
        turns=turns,
    )


def context(*memories: Memory) -> Context:
    return Context(memories=memories, scores=(0.0,) * len(memories), text="", tokens=0, budget=854)


def look_up(ids: Sequence[int]) -> Sequence[Turn]:
    """Every turn below 1000 exists."""
    return [turn(number) for number in ids if number < 1000]


FIVE = context(*(turn(number) for number in (10, 20, 30, 40, 50)))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("She moved [3].", [3]),
        ("Both [1, 4].", [1, 4]),
        ("Both [4;1].", [4, 1]),
        ("Side by side [2][5].", [2, 5]),
        ("A run [1-3] and [ 4 – 5 ].", [1, 2, 3, 4, 5]),
        ("A mix [5, 1-2].", [5, 1, 2]),
        ("Backwards [3-1].", [1, 2, 3]),
        ("Again [2], again [2, 1], again [2-3].", [2, 1, 3]),
        ("Doubly wrapped [[2]].", [2]),
        ("None (3), 3, [a], [], [-1], [3a], [1.5].", []),
        ("", []),
    ],
)
def test_marks_become_citations_in_order_of_first_mention(text: str, numbers: list[int]) -> None:
    citations, dropped = parse_citations(text, FIVE, look_up)
    assert [citation.number for citation in citations] == numbers
    assert [citation.turn.id for citation in citations] == [10 * number for number in numbers]
    assert dropped == 0


@pytest.mark.parametrize(
    ("text", "numbers", "dropped"),
    [
        ("[6]", [], 1),
        ("[0]", [], 1),
        ("[6], [6] and [7, 1]", [1], 2),
        ("[4-7]", [4, 5], 2),
        ("[2023]", [], 1),
    ],
)
def test_numbers_that_are_not_in_the_context_are_dropped_and_counted_once(
    text: str, numbers: list[int], dropped: int
) -> None:
    citations, counted = parse_citations(text, FIVE, look_up)
    assert [citation.number for citation in citations] == numbers
    assert counted == dropped


def test_a_summary_is_cited_as_the_turns_it_came_from() -> None:
    citations, dropped = parse_citations("Moved [2], says [1].", context(turn(7), summary(90, 3, 4)), look_up)
    assert [(citation.number, citation.turn.id) for citation in citations] == [(2, 3), (2, 4), (1, 7)]
    assert dropped == 0


def test_a_citation_has_the_share_of_its_number_where_it_is_told() -> None:
    given = context(turn(7), summary(90, 3, 4))
    citations, _ = parse_citations("Moved [2], says [1].", given, look_up, shares={2: 0.75})
    assert [(citation.number, citation.share) for citation in citations] == [(2, 0.75), (2, 0.75), (1, None)]


def test_a_turn_and_its_summary_are_both_cited_so_that_each_number_resolves() -> None:
    citations, _ = parse_citations("[1][2]", context(turn(3), summary(90, 3)), look_up)
    assert [(citation.number, citation.turn.id) for citation in citations] == [(1, 3), (2, 3)]


def test_a_summary_whose_turns_are_gone_is_dropped() -> None:
    assert parse_citations("[1]", context(summary(90, 1000)), look_up) == ((), 1)


@pytest.mark.parametrize(
    "quotation",
    ["see [7] and [1, 2-3]", "[1]", r"already \[2] escaped", r"\\[2]", "[[3]]", "[1][2]", "no mark", "", "[x] \\"],
)
def test_marks_inside_an_escaped_quotation_are_no_citations(quotation: str) -> None:
    answer = f"Ann said: “{escape_marks(quotation)}” [4]"
    citations, dropped = parse_citations(answer, FIVE, look_up)
    assert [citation.number for citation in citations] == [4]
    assert dropped == 0
    assert unescape_marks(answer) == f"Ann said: “{quotation}” [4]"


def test_text_without_its_marks_reads_on() -> None:
    assert without_marks("She moved [1] to Lyon [2, 3].") == "She moved to Lyon."
    assert without_marks(f"“{escape_marks('page [7]')}” [1]") == "“page [7]”"


@pytest.mark.parametrize(
    "text",
    [
        ABSTENTION,
        ABSTENTION.upper(),
        ABSTENTION.removesuffix("."),
        f"  {ABSTENTION}\n",
        f'"{ABSTENTION}"',
        f"“{ABSTENTION.removesuffix('.')}”.",
        f"**{ABSTENTION}**",
        ABSTENTION + ".",
        ABSTENTION.replace("'", "’"),
        ABSTENTION.removesuffix(".") + " [1].",
        ABSTENTION.replace(" anything", "\nanything"),
    ],
)
def test_an_abstention_is_known_however_it_is_written(text: str) -> None:
    assert is_abstention(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "She moved to Lyon [1].",
        f"She moved to Lyon [1]. {ABSTENTION}",
        f"Ann said: “{ABSTENTION}” [1]",
        f"{ABSTENTION} But Ann has a dog [2].",
        "I don't remember anything about that dog.",
        "I don't remember.",
    ],
)
def test_an_answer_that_says_more_or_less_is_no_abstention(text: str) -> None:
    assert not is_abstention(text)
