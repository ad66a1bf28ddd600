"""The small notations inside LoCoMo's fields: session dates, turn ids, evidence as annotators wrote it."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DATE = re.compile(r"([0-9]{1,2}):([0-9]{2}) (am|pm) on ([0-9]{1,2}) ([A-Z][a-z]+), ([0-9]{4})")
# D8:6, D:11:26 and D30:05 are read; D1:3:5 is not, for its rest would have to be guessed away.
_TURN_ID = re.compile(r"(?<![\w:-])[Dd]:?\s*([0-9]{1,9})\s*:\s*([0-9]{1,9})(?![\w:-])")
_BETWEEN = re.compile(r"[\s,;\[\]()'\"]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`ids`: normalised turn ids, each once, in the order written; `unreadable`: what names no turn."""

    ids: tuple[str, ...]
    unreadable: tuple[str, ...]


def parse_session_date(text: str) -> datetime | None:
    """Return "1:56 pm on 8 May, 2023" as a UTC datetime; None where `text` is not exactly of that form."""
    match = _DATE.fullmatch(text)
    if not match or match[5] not in _MONTHS or not 1 <= int(match[1]) <= 12:
        return None
    hour = int(match[1]) % 12 + (12 if match[3] == "pm" else 0)
    month = _MONTHS.index(match[5]) + 1
    try:
        return datetime(int(match[6]), month, int(match[4]), hour, int(match[2]), tzinfo=UTC)
    except ValueError:
        return None


def normalise_turn_id(raw: str) -> str | None:
    """Return "D30:5" for "D30:05" and "D11:26" for "D:11:26"; None where `raw` is no turn id."""
    match = _TURN_ID.fullmatch(raw.strip())
    return _written(match) if match else None


def parse_evidence(raw: object) -> Evidence:
    """Read an evidence field: a list, a text, a list written inside a text, or nothing (None).

    Ids may be joined by spaces, commas or semicolons, carry a colon after the D or leading zeros.
    Whatever is left once the ids are taken out is returned as `unreadable`, never dropped.
    """
    ids: dict[str, None] = {}
    unreadable: list[str] = []
    for entry in _leaves(raw):
        if not isinstance(entry, str):
            unreadable.append(json.dumps(entry))
            continue
        ids.update(dict.fromkeys(_written(match) for match in _TURN_ID.finditer(entry)))
        unreadable += [part for part in _BETWEEN.split(_TURN_ID.sub(" ", entry)) if part]
    return Evidence(ids=tuple(ids), unreadable=tuple(unreadable))


def _written(match: re.Match[str]) -> str:
    return f"D{int(match[1])}:{int(match[2])}"


def _leaves(raw: object) -> list[object]:
    if isinstance(raw, list):
        # A list out of json.loads: its elements are looked at one by one.
        return [leaf for element in cast("list[object]", raw) for leaf in _leaves(element)]
    return [] if raw is None else [raw]
