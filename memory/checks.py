"""What may enter a store: every turn is checked before anything is written."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, cast

from .errors import InvalidInput, InvalidTurn
from .timeline import resolve_dates
from .times import now, read_time, utc_microseconds
from .types import DateMention, NewTurn

MAX_TEXT_CHARACTERS = 8_000_000
MAX_METADATA_DEPTH = 100
_FIELDS = {field.name for field in fields(NewTurn)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTurn:
    """A turn that can be stored as it is."""

    speaker: str
    text: str
    said_at: datetime
    said_us: int
    ref: str | None
    session: str | None
    metadata: str | None
    dates: tuple[DateMention, ...]


def check_text(text: object, what: str) -> str:
    """Return `text` if SQLite can hold it verbatim and there is something in it; else raise InvalidTurn."""
    if not isinstance(text, str):
        raise InvalidTurn(f"{what} must be text, not {type(text).__name__}.")
    if not text.strip():
        raise InvalidTurn(f"{what} is empty; it must hold more than white space.")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidTurn(
            f"{what} has {len(text):,} characters, more than {MAX_TEXT_CHARACTERS:,}; split it into several turns."
        )
    if "\x00" in text:
        raise InvalidTurn(f"{what} holds a NUL character at {text.index(chr(0))}; remove it.")
    check_encodable(text, what)
    return text


def check_encodable(text: str, what: str) -> None:
    """Raise InvalidTurn when `text` holds a lone surrogate, which no encoding can store."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidTurn(
            f"{what} holds a lone surrogate at character {error.start}, which cannot be stored; "
            "decode its source with the right encoding, or replace it with: "
            "text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"
        ) from error


def check_name(name: object, what: str) -> str:
    """Return the name of a user, conversation, session or speaker, if it is one; else raise InvalidInput."""
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if isinstance(name, str) and len(name) > 1000:
        raise InvalidInput(f"{what} has {len(name):,} characters; names have at most 1,000.")
    try:
        return check_text(name, what)
    except InvalidTurn as error:
        raise InvalidInput(str(error)) from error


def check_turns(turns: Iterable[NewTurn | Mapping[str, object]]) -> list[CheckedTurn]:
    """Check a batch; raises InvalidTurn naming the first bad turn by its place in the batch (from 0)."""
    batch = list(turns)
    checked: list[CheckedTurn] = []
    for number, turn in enumerate(batch):
        try:
            checked.append(check_turn(turn))
        except InvalidInput as error:
            if len(batch) == 1:
                raise InvalidTurn(f"{error} Nothing was stored.") from error
            raise InvalidTurn(f"Turn {number} of the batch: {error} Nothing of the batch was stored.") from error
    return checked


def check_turn(turn: NewTurn | Mapping[str, object]) -> CheckedTurn:
    """Check one turn and resolve the dates in it; a mapping has the fields of NewTurn as keys."""
    if not isinstance(turn, NewTurn):
        turn = _from_mapping(turn)
    text = check_text(turn.text, "text")
    said_at = now() if turn.said_at is None else read_time(turn.said_at)
    if turn.ref is not None:
        check_name(turn.ref, "ref")
    return CheckedTurn(
        speaker=check_name(turn.speaker, "speaker"),
        text=text,
        said_at=said_at,
        said_us=utc_microseconds(said_at),
        ref=None if turn.ref is None else str(turn.ref),
        session=None if turn.session is None else check_name(turn.session, "session"),
        metadata=_metadata_text(turn.metadata),
        dates=resolve_dates(text, said_at),
    )


def _from_mapping(turn: Mapping[str, object]) -> NewTurn:
    if not isinstance(turn, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - callers are untyped
        raise InvalidTurn(f"a turn is a recollect.NewTurn or a mapping with its fields, not {type(turn).__name__}.")
    unknown = set(turn) - _FIELDS
    if unknown:
        raise InvalidTurn(f"unknown field {sorted(map(repr, unknown))[0]}; a turn has: {', '.join(sorted(_FIELDS))}.")
    missing = {"speaker", "text"} - set(turn)
    if missing:
        raise InvalidTurn(f"the field {sorted(missing)[0]!r} is missing.")
    return NewTurn(**cast("dict[str, Any]", dict(turn)))  # values are checked one by one in check_turn


def _is_deeper(value: object, levels: int) -> bool:
    """Whether JSON containers are nested deeper than that: what is written deep inside a stack must be read there."""
    inside: Iterable[object]
    if isinstance(value, Mapping):
        inside = cast("Mapping[object, object]", value).values()
    elif isinstance(value, (list, tuple)):
        inside = cast("Sequence[object]", value)
    else:
        return False
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inside)


def _metadata_text(metadata: Mapping[str, object] | None) -> str | None:
    if metadata is None:
        return None
    try:
        if _is_deeper(metadata, MAX_METADATA_DEPTH):
            raise InvalidTurn(f"metadata is nested more than {MAX_METADATA_DEPTH} levels deep.")
        text = json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidTurn(f"metadata cannot be written as JSON: {error}.") from error
    check_encodable(text, "metadata")
    return text
