"""What is saved of a model's reply: JSON in prose, broken off, with wrong numbers, or none at all."""

import json
from datetime import date

import pytest

from recollect.agent.summarizers.event_json import SCHEMA, WrittenEvent, read_events

WHOLE = {
    "events": [
        {"summary": "Alice adopted a beagle.", "lines": [1, 3], "kind": "anchor", "date": "2026-03-01"},
        {"summary": "Ben cooked.", "lines": [2], "kind": "ephemeral", "date": None},
    ]
}
TEXT = json.dumps(WHOLE)


def test_json_as_asked_for_is_read() -> None:
    assert read_events(TEXT, lines=3) == [
        WrittenEvent(text="Alice adopted a beagle.", lines=(1, 3), kind="anchor", day=date(2026, 3, 1)),
        WrittenEvent(text="Ben cooked.", lines=(2,), kind="ephemeral", day=None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"Here you are:\n```json\n{TEXT}\n```\nAnything else?",
        f"I thought of [1] and of {{braces}} first. {TEXT}",
        TEXT.replace("null}", "null,}").replace("]}", ",]}"),
        json.dumps(WHOLE["events"]),
        TEXT.removesuffix("]}"),
        TEXT.removesuffix("]}") + ', {"summary": "Cut of',
        "\n".join(json.dumps(event) for event in WHOLE["events"]),
    ],
    ids=["fenced", "in prose", "trailing commas", "a bare list", "not closed", "broken off", "one a line"],
)
def test_broken_json_is_mended(text: str) -> None:
    assert read_events(text, lines=3) == read_events(TEXT, lines=3)


@pytest.mark.parametrize(
    "text", ["", "Nothing happened.", '{"events": 3}', "[1, 2]", '{"lines": []', '{"events": [1]}', "[" * 100_000]
)
def test_what_holds_no_events_is_told_apart_from_no_events(text: str) -> None:
    assert read_events(text, lines=3) is None
    assert read_events('{"events": []}', lines=3) == []


def test_lines_that_there_are_not_are_left_out_and_numbers_may_be_words() -> None:
    event = {
        "summary": "  A \n walk. ",
        "lines": ["[2]", "line 3", 9, 0, True, 2, None],
        "kind": "great",
        "date": "May",
    }
    (found,) = read_events(json.dumps([event]), lines=3) or []
    assert found == WrittenEvent(text="A walk.", lines=(2, 3), kind="ephemeral", day=None)


def test_no_more_than_three_events_of_four_lines_are_taken() -> None:
    event = {"summary": "Much.", "lines": list(range(1, 9)), "kind": "anchor", "date": None}
    found = read_events(json.dumps({"events": [event] * 5}), lines=9) or []
    assert [one.lines for one in found] == [(1, 2, 3, 4)] * 3


def test_a_lone_surrogate_becomes_something_that_can_be_stored() -> None:
    (found,) = read_events('{"summary": "A \\ud83d walk", "lines": [1]}', lines=1) or []
    assert found.text == "A ? walk"


def test_the_schema_asks_for_what_is_read() -> None:
    item = SCHEMA["properties"]["events"]["items"]  # type: ignore[index]  # JSON
    assert set(item["required"]) == set(WHOLE["events"][0]) == set(item["properties"])
