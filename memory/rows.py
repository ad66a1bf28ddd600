"""Between SQLite's rows and the words of the house."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from .checks import CheckedTurn
from .database import Row
from .types import DateMention, EventSummary, Memory, Scope, Turn


def scope_condition(scope: Scope) -> tuple[str, list[object]]:
    """Return an SQL condition on `memories m` that holds inside `scope`, and its parameters."""
    tests: list[tuple[str, object]] = []
    if scope.user is not None:
        tests.append(("m.user_id = ?", scope.user))
    if scope.conversation is not None:
        tests.append(("m.conversation_id = ?", scope.conversation))
    if scope.since_us is not None:
        tests.append(("m.said_us >= ?", scope.since_us))
    if scope.until_us is not None:
        tests.append(("m.said_us <= ?", scope.until_us))
    if scope.speakers:
        keys = json.dumps([speaker.casefold() for speaker in scope.speakers])
        tests.append(("m.speaker_key in (select value from json_each(?))", keys))
    if scope.without_speakers:
        keys = json.dumps([speaker.casefold() for speaker in scope.without_speakers])
        tests.append(("m.speaker_key not in (select value from json_each(?))", keys))
    if scope.without:
        tests.append(("m.id not in (select value from json_each(?))", id_list(sorted(scope.without))))
    return " and ".join(test for test, _ in tests) or "1", [value for _, value in tests]


def id_list(ids: Iterable[int]) -> str:
    """Return ids as a JSON array, for `json_each`."""
    return json.dumps(list(ids))


def turn_columns(turn: CheckedTurn) -> tuple[object, ...]:
    """Return speaker, speaker_key, text, said_at, said_us, ref, metadata of a turn."""
    key = turn.speaker.casefold()
    said_at = turn.said_at.isoformat()
    return (turn.speaker, key, turn.text, said_at, turn.said_us, turn.ref, turn.metadata)


def mention_columns(mention: DateMention) -> tuple[object, ...]:
    """Return the columns of `date_mentions` after the memory id."""
    earliest, latest = mention.earliest.isoformat(), mention.latest.isoformat()
    return (mention.start, mention.end, mention.text, earliest, latest, mention.granularity, mention.label)


def mention_from(columns: Sequence[object]) -> DateMention:
    """Return the mention in the columns that `mention_columns` wrote."""
    start, end, text, earliest, latest, granularity, label = columns
    return DateMention(
        start=start,  # type: ignore[arg-type]  # SQLite's columns are dynamically typed
        end=end,  # type: ignore[arg-type]
        text=str(text),
        earliest=date.fromisoformat(str(earliest)),
        latest=date.fromisoformat(str(latest)),
        granularity=granularity,  # type: ignore[arg-type]
        label=str(label),
    )


def memory_from(row: Row, dates: tuple[DateMention, ...], turns: Sequence[int]) -> Memory:
    """Return the memory in a row of the store's memory query, with its dates and an event's turns."""
    memory_id, kind, user, conversation, session, position, speaker, text, said_at, ref, event_kind, extra = row
    moment = datetime.fromisoformat(said_at)
    if kind == "event":
        return EventSummary(
            id=memory_id,
            user=user,
            conversation=conversation,
            session=session,
            text=text,
            happened_at=moment,
            kind=event_kind,
            turns=tuple(turns),
        )
    return Turn(
        id=memory_id,
        user=user,
        conversation=conversation,
        session=session,
        position=position,
        speaker=speaker,
        text=text,
        said_at=moment,
        ref=ref,
        dates=dates,
        metadata=json.loads(extra) if extra else {},
    )
