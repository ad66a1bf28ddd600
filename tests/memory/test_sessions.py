"""What a store knows of its sessions' summaries, and how older stores learn it."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from recollect.memory.migrations import APPLICATION_ID, MIGRATIONS
from recollect.memory.sessions import Sessions
from recollect.memory.store import Store
from recollect.memory.times import utc_microseconds
from recollect.memory.types import EventSummary, Scope

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NOON_US = utc_microseconds(NOON)


def test_sessions_and_events_of_an_older_store_are_kept_and_wait_for_summaries(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    old = sqlite3.connect(path, isolation_level=None)
    for step in MIGRATIONS[:2]:
        step(Database(old))
    said = f"'{NOON.isoformat()}', {NOON_US}"
    old.executescript(
        f"""pragma user_version = 2; pragma application_id = {APPLICATION_ID};
        insert into users values (1, 'alice'); insert into conversations values (1, 1, 'default');
        insert into sessions (id, conversation_id, name) values (1, 1, 'one'), (2, 1, 'two'), (3, 1, 'empty');
        insert into memories (id, kind, user_id, conversation_id, session_id, position, text, said_at, said_us)
            values (1, 'turn', 1, 1, 1, 1, 'hi', {said}), (2, 'turn', 1, 1, 2, 1, 'ho', {said});
        insert into memories (id, kind, user_id, conversation_id, session_id, text, said_at, said_us, event_kind)
            values (3, 'event', 1, 1, 1, 'By hand.', {said}, 'anchor');
        insert into event_turns values (3, 1);"""
    )
    old.close()
    store = Store(path)
    sessions = Sessions(store.file)
    due = sessions.due(Scope(), idle_before_us=NOON_US + 1)
    assert [(one.name, one.turns, one.last_position, one.is_stale) for one in due] == [
        ("one", 1, 1, False),
        ("two", 1, 1, False),
    ]
    assert [one.name for one in sessions.due(Scope(), idle_before_us=NOON_US)] == ["one"]  # "two" is running
    sessions.remember(due[0], [], made_by="nobody")
    assert sessions.outdate([1]) == []  # what was added by hand is nobody's to delete
    assert [(one.name, one.is_stale) for one in sessions.due(Scope(), idle_before_us=0)] == [("one", True)]
    assert isinstance(store.memories([3])[3], EventSummary)
    store.close()


def test_an_empty_store_has_nothing_due_and_nothing_to_outdate(tmp_path: Path) -> None:
    store = Store(tmp_path / "memory.db")
    sessions = Sessions(store.file)
    assert sessions.due(Scope(), idle_before_us=NOON_US) == []
    assert sessions.outdate([1, 2]) == []
    assert sessions.turn_ids(1) == []
    store.close()
