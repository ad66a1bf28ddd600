"""The schema of a store, as an ordered list of steps; a store is brought up to date when it is opened."""

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x5EC011EC
"""`pragma application_id` of every store, so that a foreign SQLite file is never migrated."""

INITIAL_SCHEMA = (
    "create table store_facts (key text primary key, value text not null) without rowid",
    "create table users (id integer primary key, name text not null unique)",
    """create table conversations (
        id integer primary key,
        user_id integer not null references users(id),
        name text not null,
        unique (user_id, name))""",
    """create table sessions (
        id integer primary key,
        conversation_id integer not null references conversations(id),
        name text not null,
        closed_at text,
        unique (conversation_id, name))""",
    # One id space for everything that can be found. `autoincrement`: an id is never used twice, so an
    # index that missed a removal can never show one memory under another's id.
    """create table memories (
        id integer primary key autoincrement,
        kind text not null check (kind in ('turn', 'event')),
        user_id integer not null references users(id),
        conversation_id integer not null references conversations(id),
        session_id integer not null references sessions(id),
        position integer,
        speaker text not null default '',
        speaker_key text not null default '',
        text text not null,
        said_at text not null,
        said_us integer not null,
        ref text,
        event_kind text,
        metadata text,
        check ((kind = 'turn') = (position is not null)))""",
    "create unique index turn_place on memories (session_id, position) where kind = 'turn'",
    "create index memories_of_scope on memories (user_id, conversation_id, id)",
    "create index memories_in_time on memories (conversation_id, said_us)",
    """create table date_mentions (
        memory_id integer not null references memories(id) on delete cascade,
        start integer not null,
        "end" integer not null,
        text text not null,
        earliest text not null,
        latest text not null,
        granularity text not null,
        label text not null,
        primary key (memory_id, start)) without rowid""",
    """create table event_turns (
        event_id integer not null references memories(id) on delete cascade,
        turn_id integer not null references memories(id) on delete cascade,
        primary key (event_id, turn_id)) without rowid""",
    "create index events_of_turn on event_turns (turn_id)",
    # `seq` only grows: an index that has seen everything up to `seq` n catches up from n on.
    """create table vectors (
        seq integer primary key autoincrement,
        memory_id integer not null unique references memories(id) on delete cascade,
        vector blob not null)""",
    "create table vector_removals (seq integer primary key autoincrement, memory_id integer not null)",
    """create trigger vector_removed after delete on vectors begin
        insert into vector_removals (memory_id) values (old.memory_id);
    end""",
    """create virtual table lexical using fts5(
        own, context, scope, tokenize = 'porter unicode61 remove_diacritics 2')""",
)

LAST_POSITIONS = (
    # A position is never used twice, as an id is not: a turn forgotten at the end of its session leaves a gap
    # like any other, so that importing its file again does not bring it back.
    "alter table sessions add column last_position integer not null default 0",
    """update sessions set last_position = coalesce(
        (select max(m.position) from memories m where m.session_id = sessions.id and m.kind = 'turn'), 0)""",
    """create trigger turn_placed after insert on memories when new.kind = 'turn' begin
        update sessions set last_position = max(last_position, new.position) where id = new.session_id;
    end""",
)

SESSION_SUMMARIES = (
    # `made_by` is null for events that somebody added by hand: those are never rebuilt.
    "alter table memories add column made_by text",
    "alter table sessions add column summarised_by text",
    "alter table sessions add column summarised_to integer not null default 0",
    "alter table sessions add column is_stale integer not null default 0",
    "create index sessions_unsummarised on sessions (conversation_id) where summarised_to < last_position",
    "create index events_of_session on memories (session_id) where kind = 'event'",
)

TITLES_AND_PINS = (
    "alter table sessions add column title text",
    "create table pins (memory_id integer primary key references memories(id) on delete cascade)",
)


def _create_schema(database: "Database") -> None:
    for statement in INITIAL_SCHEMA:
        database.conn.execute(statement)
    database.conn.execute("insert into store_facts values ('store_id', ?)", [str(uuid.uuid4())])


def _remember_last_positions(database: "Database") -> None:
    for statement in LAST_POSITIONS:
        database.conn.execute(statement)


def _remember_summaries(database: "Database") -> None:
    for statement in SESSION_SUMMARIES:
        database.conn.execute(statement)


def _add_titles_and_pins(database: "Database") -> None:
    for statement in TITLES_AND_PINS:
        database.conn.execute(statement)


MIGRATIONS: tuple[Callable[["Database"], None], ...] = (
    _create_schema,
    _remember_last_positions,
    _remember_summaries,
    _add_titles_and_pins,
)
"""Step n brings a store from version n to n + 1. Steps are only ever appended."""
