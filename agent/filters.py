"""What a recall may see: the filters a caller gives, checked, and the scope they mean."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from operator import index
from typing import Any, TypedDict, cast

from ..memory.errors import InvalidInput
from ..memory.times import read_time, utc_microseconds
from ..memory.types import Scope


class Filters(TypedDict, total=False):
    """What a recall may be restricted to, before anything is ranked.

    `as_of`: only what was said up to then, as if asked then; `since`, `until`: inclusive; times are datetimes or
    ISO 8601 texts, a bare day as an upper limit means its end. `speakers`: names, case-insensitive.
    `without`: memory ids to leave out; `without_speakers`: whose turns to leave out. `conversation`: one conversation
    instead of all of the user's.
    """

    as_of: datetime | str
    since: datetime | str
    until: datetime | str
    speakers: Sequence[str]
    without: Iterable[int]
    without_speakers: Sequence[str]
    conversation: str


def also_without(filters: Filters, speaker: str) -> Filters:
    """Return the filters that leave out the turns of `speaker` too; raises InvalidInput where they name no names."""
    left_out = _names(filters.get("without_speakers"), "without_speakers")
    return {**filters, "without_speakers": (*left_out, speaker)}


def also_without_ids(filters: Filters, ids: Iterable[int]) -> Filters:
    """Return the filters that leave out these memories too."""
    return {**filters, "without": {*_ids(filters.get("without")), *ids}}


def narrowed(scope: Scope, filters: Filters) -> Scope:
    """Return the part of `scope` that the filters leave; None restricts nothing. Raises InvalidInput."""
    unknown = sorted(set(filters) - Filters.__annotations__.keys())
    if unknown:
        raise InvalidInput(f"{unknown[0]} is no filter; there are: {', '.join(Filters.__annotations__)}.")
    upper = (filters.get("as_of"), filters.get("until"))
    limits = [_upper(limit) for limit in upper if limit is not None]
    since = filters.get("since")
    return replace(
        scope,
        since_us=None if since is None else utc_microseconds(read_time(since)),
        until_us=min(limits, default=None),
        speakers=_names(filters.get("speakers"), "speakers"),
        without=_ids(filters.get("without")),
        without_speakers=_names(filters.get("without_speakers"), "without_speakers"),
    )


def readable(text: object, what: str = "question") -> str:
    """Return text that can be searched with: lone surrogates become U+FFFD; raises InvalidInput for no text."""
    if not isinstance(text, str):  # callers are untyped
        raise InvalidInput(f"The {what} must be text, not {type(text).__name__}.")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def whole(number: object, what: str) -> int:
    """Return a whole number; raises InvalidInput for anything else."""
    try:
        return index(cast("Any", number))  # callers are untyped
    except TypeError as error:
        raise InvalidInput(f"{what} must be a whole number, not {number!r}.") from error


def _upper(value: datetime | str) -> int:
    moment = read_time(value)
    if isinstance(value, str) and _is_bare_day(value):
        # by the clock: where it is put forward or back, a day has 23 or 25 hours
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_999, fold=1)
    return utc_microseconds(moment)


def _is_bare_day(text: str) -> bool:
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _names(value: object, what: str) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(_each(value, what))  # one name is not meant as its letters
    for name in names:
        if not isinstance(name, str):
            raise InvalidInput(f"{what} must be names, not {name!r}.")
    return cast("tuple[str, ...]", names)  # all were looked at


def _ids(value: object) -> frozenset[int]:
    return frozenset(whole(memory_id, "An id in without") for memory_id in _each(value, "without"))


def _each(value: object, what: str) -> Iterable[object]:
    if value is None:
        return ()
    if not isinstance(value, Iterable):
        raise InvalidInput(f"{what} must be a list or another collection, not {value!r}.")
    return cast("Iterable[object]", value)  # of what, is seen one by one
