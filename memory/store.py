"""Users, conversations, sessions, turns and event summaries in SQLite: the truth of a memory."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .checks import CheckedTurn
from .database import Row, SqliteFile
from .places import Places, last_turn
from .rows import id_list, memory_from, mention_columns, mention_from, scope_condition, turn_columns
from .times import utc_microseconds
from .types import DateMention, EventKind, EventSummary, Memory, Scope, Turn

DEFAULT_SESSION_GAP_S = 3600.0
FEW_NEW = 5_000
"""Memories whose rows are read to see whose they are; where more were stored, the index by user is asked."""

_MEMORY_COLUMNS = """
    select m.id, m.kind, u.name, c.name, s.name, m.position, m.speaker, m.text, m.said_at, m.ref,
           m.event_kind, m.metadata
    from memories m
    join users u on u.id = m.user_id
    join conversations c on c.id = m.conversation_id
    join sessions s on s.id = m.session_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much a scope holds."""

    users: int
    conversations: int
    sessions: int
    turns: int
    events: int
    date_mentions: int


class Store:
    """What was said, verbatim. Every write is one transaction; reads never see half of one.

    `path` is created when absent. Raises the StoreError family (see `memory/errors.py`).
    """

    def __init__(
        self, path: Path, *, busy_timeout_s: float = 60.0, session_gap_s: float = DEFAULT_SESSION_GAP_S
    ) -> None:
        self.file = SqliteFile(path, busy_timeout_s=busy_timeout_s)
        self._session_gap_us = int(session_gap_s * 1e6)

    @property
    def store_id(self) -> str:
        """A random id given when the store was created; index files of another store carry another."""
        return self.fact("store_id") or ""

    def fact(self, key: str) -> str | None:
        """Return what the store knows about itself under `key`."""
        row = self.file.row("select value from store_facts where key = ?", [key])
        return None if row is None else str(row[0])

    def set_fact(self, key: str, value: str) -> None:
        """Remember a fact about the store."""
        self.file.write("insert or replace into store_facts (key, value) values (?, ?)", [key, value])

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self.file.close()

    # -- who and where ---------------------------------------------------------------------------

    def scope(self, user: str | None, conversation: str | None = None) -> Scope | None:
        """Return the row ids of a user and a conversation, or None while they hold nothing."""
        if user is None:
            return Scope()
        found = self.file.row("select id from users where name = ?", [user])
        if found is None or conversation is None:
            return None if found is None else Scope(user=found[0])
        inside = self.file.row(
            "select id from conversations where user_id = ? and name = ?", [found[0], conversation]
        )
        return None if inside is None else Scope(user=found[0], conversation=inside[0])

    def _conversation(self, user: str, conversation: str) -> tuple[int, int]:
        self.file.write("insert or ignore into users (name) values (?)", [user])
        (user_id,) = self.file.row("select id from users where name = ?", [user]) or (0,)
        place = [user_id, conversation]
        self.file.write("insert or ignore into conversations (user_id, name) values (?, ?)", place)
        row = self.file.row("select id from conversations where user_id = ? and name = ?", place)
        return user_id, (row or (0,))[0]

    def users(self) -> list[str]:
        """Return the names of all users, sorted."""
        return [row[0] for row in self.file.rows("select name from users order by name")]

    def sessions(self, scope: Scope) -> list[tuple[str, str, int]]:
        """Return (conversation, session, number of turns) in the order they were begun."""
        return self.file.rows(
            """select c.name, s.name, count(m.id) from sessions s
               join conversations c on c.id = s.conversation_id
               left join memories m on m.session_id = s.id and m.kind = 'turn'
               where (?1 is null or c.user_id = ?1) and (?2 is null or c.id = ?2)
               group by s.id order by s.id""",
            [scope.user, scope.conversation],
        )

    def last_positions(self, scope: Scope) -> dict[str, int]:
        """Return by session of a conversation the last position that was ever given, forgotten turns included."""
        rows = self.file.rows(
            "select name, last_position from sessions where conversation_id = ?", [scope.conversation]
        )
        return dict(rows)

    def is_everything(self, scope: Scope) -> bool:
        """Tell, in constant time, whether `scope` certainly holds all memories of the store."""
        if scope != Scope(user=scope.user, conversation=scope.conversation):
            return False
        row = self.file.row(
            "select (select count(*) from (select 1 from users limit 2)), "
            "(select count(*) from (select 1 from conversations limit 2))"
        )
        users, conversations = row or (0, 0)
        return (scope.user is None or users == 1) and (scope.conversation is None or conversations == 1)

    def counts(self, scope: Scope) -> Counts:
        """Return how much `scope` holds (its time and speaker limits are not applied)."""
        row = self.file.row(
            """select count(distinct user_id), count(distinct conversation_id), count(distinct session_id),
                      coalesce(sum(kind = 'turn'), 0), coalesce(sum(kind = 'event'), 0),
                      (select count(*) from date_mentions d join memories m on m.id = d.memory_id
                       where (?1 is null or m.user_id = ?1) and (?2 is null or m.conversation_id = ?2))
               from memories where (?1 is null or user_id = ?1) and (?2 is null or conversation_id = ?2)""",
            [scope.user, scope.conversation],
        )
        users, conversations, sessions, turns, events, mentions = row or (0, 0, 0, 0, 0, 0)
        return Counts(
            users=users,
            conversations=conversations,
            sessions=sessions,
            turns=turns,
            events=events,
            date_mentions=mentions,
        )

    # -- writing ---------------------------------------------------------------------------------

    def append_turns(self, user: str, conversation: str, turns: Sequence[CheckedTurn]) -> list[int]:
        """Store turns at the end of their sessions, in the order given, and return their ids."""
        with self.file.atomic():
            user_id, conversation_id = self._conversation(user, conversation)
            next_id = self.newest_id() + 1
            places = Places(self.file, conversation_id, self._session_gap_us)
            rows: list[tuple[object, ...]] = []
            mentions: list[tuple[object, ...]] = []
            for memory_id, turn in enumerate(turns, next_id):
                session_id, position = places.place(turn)
                rows.append((memory_id, user_id, conversation_id, session_id, position, *turn_columns(turn)))
                mentions.extend((memory_id, *mention_columns(mention)) for mention in turn.dates)
            self.file.write_many(
                """insert into memories (id, kind, user_id, conversation_id, session_id, position, speaker,
                       speaker_key, text, said_at, said_us, ref, metadata)
                   values (?, 'turn', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                rows,
            )
            self.file.write_many("insert into date_mentions values (?, ?, ?, ?, ?, ?, ?, ?)", mentions)
        return list(range(next_id, next_id + len(turns)))

    def newest_id(self) -> int:
        """Return the highest id that was ever given, 0 before the first; constant time."""
        row = self.file.row("select seq from sqlite_sequence where name = 'memories'")
        return 0 if row is None else int(row[0])

    def add_event(self, turn_ids: Sequence[int], text: str, *, happened_at: datetime, kind: EventKind) -> int:
        """Store an event summary with the turns it came from (all of one session) and return its id."""
        with self.file.atomic():
            source = self.file.row(
                """select user_id, conversation_id, session_id from memories
                   where id = ? and kind = 'turn'""",
                [turn_ids[0]],
            )
            event_id = self.file.write(
                """insert into memories (kind, user_id, conversation_id, session_id, text, said_at, said_us,
                       event_kind) values ('event', ?, ?, ?, ?, ?, ?, ?)""",
                [*(source or ()), text, happened_at.isoformat(), utc_microseconds(happened_at), kind],
            )
            self.file.write_many(
                "insert into event_turns (event_id, turn_id) values (?, ?)",
                [(event_id, turn_id) for turn_id in dict.fromkeys(turn_ids)],
            )
        return event_id

    def delete(self, ids: Sequence[int]) -> None:
        """Forget memories, their dates and vectors; an event that lost all its turns goes with them."""
        with self.file.atomic():
            self.file.write("delete from memories where id in (select value from json_each(?))", [id_list(ids)])
            self.file.write(
                """delete from memories where kind = 'event'
                   and not exists (select 1 from event_turns e where e.event_id = memories.id)"""
            )

    def close_session(self, user: str, conversation: str, at: datetime) -> str | None:
        """Close the session of the newest turn, so that the next begins another; None if it is closed already."""
        scope = self.scope(user, conversation)
        if scope is None or scope.conversation is None:
            return None
        with self.file.atomic():
            last = last_turn(self.file, scope.conversation)
            if last is None or last.is_closed:
                return None
            self.file.write("update sessions set closed_at = ? where id = ?", [at.isoformat(), last.session_id])
        return last.session

    # -- reading ---------------------------------------------------------------------------------

    def memories(self, ids: Iterable[int]) -> dict[int, Memory]:
        """Return the memories with these ids; ids that are gone are left out."""
        wanted = id_list(ids)
        rows = self.file.rows(f"{_MEMORY_COLUMNS} where m.id in (select value from json_each(?))", [wanted])
        mentions: dict[int, list[DateMention]] = {}
        for memory_id, *columns in self.file.rows(
            "select * from date_mentions where memory_id in (select value from json_each(?)) order by 1, 2", [wanted]
        ):
            mentions.setdefault(memory_id, []).append(mention_from(columns))
        links: dict[int, list[int]] = {}
        if any(row[1] == "event" for row in rows):
            for event_id, turn_id in self.file.rows(
                "select * from event_turns where event_id in (select value from json_each(?)) order by 1, 2", [wanted]
            ):
                links.setdefault(event_id, []).append(turn_id)
        return {row[0]: memory_from(row, tuple(mentions.get(row[0], ())), links.get(row[0], [])) for row in rows}

    def turns(self, ids: Iterable[int]) -> list[Turn]:
        """Return the turns with these ids, in the order of the ids."""
        ordered = list(ids)
        found = self.memories(ordered)
        return [turn for i in ordered if isinstance(turn := found.get(i), Turn)]

    def events_of(self, turn_ids: Iterable[int]) -> list[EventSummary]:
        """Return the event summaries that came from any of these turns, by id."""
        rows = self.file.rows(
            "select distinct event_id from event_turns where turn_id in (select value from json_each(?))",
            [id_list(turn_ids)],
        )
        found = self.memories(row[0] for row in rows)
        return [event for _, event in sorted(found.items()) if isinstance(event, EventSummary)]

    def latest_turns(self, scope: Scope, limit: int) -> list[Turn]:
        """Return the newest turns of a scope, oldest first: the live window of a chat."""
        condition, parameters = scope_condition(scope)  # only what is limited: `? is null or` uses no index
        rows = self.file.rows(
            f"select m.id from memories m where m.kind = 'turn' and {condition} order by m.id desc limit ?",
            [*parameters, limit],
        )
        return self.turns(row[0] for row in reversed(rows))

    def preceding(self, ids: Iterable[int]) -> dict[int, str]:
        """Return "speaker: text" of the turn before each of these in its session, where there is one."""
        query = """select m.id, b.speaker || ': ' || b.text from memories m join memories b
                   on b.session_id = m.session_id and b.kind = 'turn' and b.position = m.position - 1
                   where m.kind = 'turn' and m.id in (select value from json_each(?))"""
        return dict(self.file.rows(query, [id_list(ids)]))

    def neighbourhood(self, ids: Sequence[int], *, reach: int) -> list[Row]:
        """Return turns within `reach` positions of these turns, by session and position.

        Rows are (id, user_id, conversation_id, session_id, position, speaker, text, said_at, said_us).
        """
        return self.file.rows(
            """select distinct near.id, near.user_id, near.conversation_id, near.session_id, near.position,
                      near.speaker, near.text, near.said_at, near.said_us
               from memories m join memories near on near.session_id = m.session_id and near.kind = 'turn'
                    and near.position between m.position - ?2 and m.position + ?2
               where m.kind = 'turn' and m.id in (select value from json_each(?1))
               order by near.session_id, near.position""",
            [id_list(ids), reach],
        )

    def date_labels(self, ids: Sequence[int]) -> dict[int, list[str]]:
        """Return the resolved dates of these turns as words, in order of appearance."""
        labels: dict[int, list[str]] = {}
        for memory_id, label in self.file.rows(
            """select memory_id, label from date_mentions where memory_id in (select value from json_each(?))
               order by memory_id, start""",
            [id_list(ids)],
        ):
            labels.setdefault(memory_id, []).append(label)
        return labels

    def ids(self, scope: Scope, *, after: int = 0) -> "array[int]":
        """Return the ids inside `scope` greater than `after`, ascending, as 64-bit integers."""
        condition, parameters = scope_condition(scope)
        # reading a few new memories of everybody is less than looking at all of a user's
        by_id = "not indexed" if after and self.newest_id() - after <= FEW_NEW else ""
        rows = self.file.rows(
            f"select m.id from memories m {by_id} where m.id > ? and {condition} order by m.id", [after, *parameters]
        )
        return array("q", (row[0] for row in rows))
