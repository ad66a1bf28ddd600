"""Said-at times: read strictly, kept as written, compared as UTC microseconds."""

from datetime import UTC, datetime, timedelta

from .errors import InvalidInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_time(value: datetime | str) -> datetime:
    """Return a datetime from a datetime or ISO 8601 text; raises InvalidInput for anything else."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value.strip())
    except (AttributeError, TypeError, ValueError) as error:  # what is no text at all: callers are untyped
        raise InvalidInput(
            f"The time {value!r} is not in ISO 8601; write it as 2026-03-02T18:00 or pass a datetime."
        ) from error


def utc_microseconds(moment: datetime) -> int:
    """Return microseconds since 1970 in UTC; a naive time is the machine's local time, as Python reads it."""
    try:
        aware = moment.astimezone(UTC)
    except (OverflowError, ValueError, OSError):  # years 1 and 9999: too far for a time zone
        aware = moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1)


def now() -> datetime:
    """Return the present time with the machine's offset, to the second."""
    return datetime.now().astimezone().replace(microsecond=0)
