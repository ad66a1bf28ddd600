"""The events in what a model wrote: JSON that is asked for, and whatever of it can be saved where it is none."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias, cast

from ...memory.types import EventKind
from .kinds import MOST_EVENTS, kind_of

SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {
        "events": {
            "type": "array",
            "maxItems": MOST_EVENTS,
            "items": {
                "type": "object",
                "properties": {
                    "summary": {"type": "string"},
                    "lines": {"type": "array", "items": {"type": "integer"}},
                    "kind": {"type": "string", "enum": ["anchor", "ephemeral"]},
                    "date": {"type": ["string", "null"]},
                },
                "required": ["summary", "lines", "kind", "date"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["events"],
    "additionalProperties": False,
}
"""What a hosted model is held to."""

MOST_LINES = 4
"""Lines of an event (METHODS section 8)."""
MOST_CHARACTERS = 2_000
"""Of a summary: what is longer is none."""

SKIPPED = 500
"""Characters that are passed over where brackets are nested too deep to read."""

_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_NUMBER = re.compile(r"\d+")

Json: TypeAlias = Any  # whatever a model wrote, checked key by key


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenEvent:
    """An event as a model wrote it; `lines` count from 1 and may be none; `day` where it told one."""

    text: str
    lines: tuple[int, ...]
    kind: EventKind
    day: date | None


def read_events(text: str, *, lines: int) -> list[WrittenEvent] | None:
    """Return the events in a reply about `lines` numbered lines, at most three; None where it holds no such JSON.

    JSON may stand in prose or between fences, may have trailing commas, and may break off: whole events before that
    count. Numbers of lines that there are not, and events without words, are left out. No events is an answer, too.
    """
    listed = _listed(_TRAILING_COMMA.sub("", text))
    if listed is None:
        return None
    events = [event for one in listed if (event := _event(one, lines)) is not None]
    # a list of something else is no answer; a list that names nothing is
    return events[:MOST_EVENTS] if events or not listed else None


def _listed(text: str) -> list[Json] | None:
    """Return the first list of events in a text, or the events that stand in it one by one, or None."""
    decoder = json.JSONDecoder()
    alone: list[Json] = []
    end = 0
    for opening in re.finditer(r"[{\[]", text):
        if opening.start() < end:  # inside what was read
            continue
        try:
            value, end = decoder.raw_decode(text, opening.start())
        except RecursionError:  # what is as deep as that is no events, nor are the brackets just inside
            end = opening.start() + SKIPPED
            continue
        except ValueError:  # no JSON from here; perhaps from a later bracket
            continue
        match value:
            case {"events": list()}:
                return cast("list[Json]", value["events"])
            case {"summary": str()}:
                alone.append(value)
            case [{"summary": str()}, *_]:
                return cast("list[Json]", value)
            case _:
                continue
    return alone or None


def _event(value: Json, lines: int) -> WrittenEvent | None:
    if not isinstance(value, dict):
        return None
    held = cast("dict[str, Json]", value)
    summary = held.get("summary")
    text = " ".join(summary.split()).replace("\x00", "") if isinstance(summary, str) else ""
    if not text or len(text) > MOST_CHARACTERS:
        return None
    cited = [number for number in _numbers(held.get("lines")) if 1 <= number <= lines]
    kind = held.get("kind")
    return WrittenEvent(
        text=text.encode("utf-8", "replace").decode("utf-8"),
        lines=tuple(sorted(dict.fromkeys(cited[:MOST_LINES]))),
        kind=kind if kind in ("anchor", "ephemeral") else kind_of(text),
        day=_day(held.get("date")),
    )


def _numbers(value: Json) -> Iterator[int]:
    """Yield the line numbers in 3, "3", "[3]", [3, "L4"]."""
    match value:
        case bool():
            return
        case int():
            yield value
        case str():
            yield from (int(number[:9]) for number in _NUMBER.findall(value))
        case [*several]:
            for one in several:
                if not isinstance(one, list):
                    yield from _numbers(one)
        case _:
            return


def _day(value: Json) -> date | None:
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value.strip()[:10])
    except ValueError:
        return None
