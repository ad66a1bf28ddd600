"""Reads conversations from JSONL, one turn a line.

    {"speaker": "Alice", "text": "I adopted a beagle.", "said_at": "2026-03-02T18:00", "session": "7",
     "ref": "chat-7/1", "conversation": "friends", "metadata": {"source": "phone"}}

`speaker` and `text` are required. `said_at` is ISO 8601; a turn without one was said with the turn before it.
A turn without `session` continues the session before it, unless the session gap lies between them. Without
`conversation`, the conversation has the file's name. Blank lines are skipped; a key that is not listed here is an
error, so that nothing is lost in silence (`metadata` takes whatever else there is).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from .conversation_file import FileConversation, FileTurn
from .evals.json_cursor import JsonCursor
from .memory.errors import DataFormatError, InvalidInput
from .memory.times import read_time, utc_microseconds
from .memory.types import NewTurn

FIELDS = ("speaker", "text", "said_at", "session", "ref", "conversation", "metadata")
_SHAPE = '{"speaker": "Alice", "text": "Hello", "said_at": "2026-03-02T18:00"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    place: str
    conversation: str
    speaker: str
    text: str
    said_at: datetime
    session: str | None
    ref: str | None
    metadata: dict[str, object] | None


def read_jsonl(path: Path, *, session_gap_s: float) -> list[FileConversation]:
    """Return the conversations of a JSONL file, in order of appearance; raises DataFormatError naming the line."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataFormatError(f"{path} cannot be read ({error.strerror}).") from error
    lines: dict[str, list[_Line]] = {}
    # split at line feeds alone: U+2028 and its kin may stand inside a JSON text
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if raw.strip():
            cursor = _cursor(raw, path, number)
            name = _name(cursor, "conversation") or path.stem
            said = lines.setdefault(name, [])
            said.append(_line(cursor, name, said[-1].said_at if said else None))
    if not lines:
        raise DataFormatError(f"{path} holds no turns; write one a line, as {_SHAPE}.")
    return [
        FileConversation(name=name, file=path.name, turns=_with_sessions(said, session_gap_s))
        for name, said in lines.items()
    ]


def _cursor(raw: bytes, path: Path, number: int) -> JsonCursor:
    try:
        value: object = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataFormatError(
            f"{path.name}, line {number}: no JSON in UTF-8 ({error}); write it as in {_SHAPE}. Nothing was imported."
        ) from error
    return JsonCursor(value=value, file=path.name, record=f"line {number}", shape=_SHAPE)


def _line(cursor: JsonCursor, conversation: str, before: datetime | None) -> _Line:
    for name in cursor.names():
        if name not in FIELDS:
            raise cursor.error(
                f"{name!r} is no field of a turn", f"move it into metadata; fields: {', '.join(FIELDS)}"
            )
    metadata = cursor.find("metadata")
    if metadata is not None:
        metadata.names()  # refuses what is no object
    return _Line(
        place=cursor.record,
        conversation=conversation,
        speaker=cursor.key("speaker").text(),
        text=cursor.key("text").text(),
        said_at=_said_at(cursor, before),
        session=_name(cursor, "session"),
        ref=_name(cursor, "ref"),
        # `names` has seen that it is an object; out of json.loads its keys are texts
        metadata=None if metadata is None else cast("dict[str, object]", metadata.value),
    )


def _said_at(cursor: JsonCursor, before: datetime | None) -> datetime:
    found = cursor.find("said_at")
    if found is None:
        if before is None:
            raise cursor.error("the first turn of a conversation needs said_at")
        return before
    try:
        return read_time(found.text())
    except InvalidInput as error:
        raise found.error(f"{found.value!r} is no ISO 8601 time", "write it as 2026-03-02T18:00") from error


def _name(cursor: JsonCursor, field: str) -> str | None:
    found = cursor.find(field)
    if found is None:
        return None
    return str(found.whole_number()) if isinstance(found.value, int) else found.text()


def _with_sessions(lines: Sequence[_Line], gap_s: float) -> tuple[FileTurn, ...]:
    """Name the sessions of turns that name none, by the rule by which the store does it for a chat."""
    taken = {line.session for line in lines if line.session is not None}
    session, said_us, begun = "", 0, 0
    turns: list[FileTurn] = []
    for line in lines:
        now_us = utc_microseconds(line.said_at)
        if line.session is not None:
            session = line.session
        elif not session or abs(now_us - said_us) > gap_s * 1e6:
            begun += 1
            while str(begun) in taken:
                begun += 1
            session = str(begun)
        said_us = now_us
        turn = NewTurn(
            speaker=line.speaker,
            text=line.text,
            said_at=line.said_at,
            ref=line.ref,
            session=session,
            metadata=line.metadata,
        )
        turns.append(FileTurn(place=line.place, turn=turn))
    return tuple(turns)
