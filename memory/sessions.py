"""Which sessions wait for their summaries, and whose summaries no longer hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from .database import SqliteFile
from .places import last_turn
from .rows import id_list
from .types import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSession:
    """A session that is over and has turns that no summary has seen.

    `last_position` is the last position that was ever given in it, `turns` how many turns it still holds.
    `is_stale`: it had summaries, and lost them when a turn of it was corrected or forgotten.
    """

    id: int
    user: str
    conversation: str
    name: str
    last_position: int
    turns: int
    is_stale: bool


class Sessions:
    """How far the sessions of a store are summarised."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def due(self, scope: Scope, *, idle_before_us: int, again: bool = False) -> list[DueSession]:
        """Return the sessions of a scope that are over and not summarised to their end, oldest first.

        With `again` also those that are. A session is over when it was closed, when its conversation went on in
        another, or when its newest turn was said before `idle_before_us` (UTC microseconds). The scope's limits of
        time and speakers are not applied.
        """
        rows = self._file.rows(
            """select s.id, u.name, c.name, s.name, s.last_position, s.is_stale, c.id, s.closed_at is not null,
                      (select count(*) from memories m where m.session_id = s.id and m.kind = 'turn'),
                      (select max(m.said_us) from memories m where m.session_id = s.id and m.kind = 'turn')
               from sessions s join conversations c on c.id = s.conversation_id join users u on u.id = c.user_id
               where (s.summarised_to < s.last_position or (?3 and s.last_position > 0))
                     and (?1 is null or c.user_id = ?1) and (?2 is null or c.id = ?2)
               order by s.id""",
            [scope.user, scope.conversation, again],
        )
        running = {
            last.session_id
            for conversation in {row[6] for row in rows}
            if (last := last_turn(self._file, conversation)) is not None
        }
        return [
            DueSession(
                id=row[0],
                user=row[1],
                conversation=row[2],
                name=row[3],
                last_position=row[4],
                turns=row[8],
                is_stale=bool(row[5]),
            )
            for row in rows
            if row[7] or row[0] not in running or row[9] < idle_before_us
        ]

    def turn_ids(self, session_id: int) -> list[int]:
        """Return the ids of a session's turns, in the order of their positions."""
        rows = self._file.rows(
            "select id from memories where session_id = ? and kind = 'turn' order by position", [session_id]
        )
        return [row[0] for row in rows]

    def summaries(self, session_ids: Sequence[int]) -> list[int]:
        """Return the ids of the events that a summariser made of these sessions."""
        rows = self._file.rows(
            """select id from memories where kind = 'event' and made_by is not null
               and session_id in (select value from json_each(?)) order by id""",
            [id_list(session_ids)],
        )
        return [row[0] for row in rows]

    def remember(self, session: DueSession, event_ids: Sequence[int], *, made_by: str) -> None:
        """Note that a session is summarised to its last position, by whom, and which events came of it."""
        with self._file.atomic():
            self._file.write(
                "update memories set made_by = ? where id in (select value from json_each(?))",
                [made_by, id_list(event_ids)],
            )
            self._file.write(
                "update sessions set summarised_by = ?, summarised_to = ?, is_stale = 0 where id = ?",
                [made_by, session.last_position, session.id],
            )

    def outdate(self, turn_ids: Sequence[int]) -> list[int]:
        """Mark the summarised sessions of these turns as stale; returns their summaries, for the caller to delete."""
        with self._file.atomic():
            rows = self._file.rows(
                """select distinct s.id from memories m join sessions s on s.id = m.session_id
                   where m.kind = 'turn' and s.summarised_by is not null
                         and m.id in (select value from json_each(?))""",
                [id_list(turn_ids)],
            )
            if not rows:
                return []
            affected = [row[0] for row in rows]
            self._file.write(
                """update sessions set is_stale = 1, summarised_to = 0
                   where id in (select value from json_each(?))""",
                [id_list(affected)],
            )
            return self.summaries(affected)

    def forget_progress(self, session_ids: Sequence[int]) -> None:
        """Have sessions summarised anew; what summaries there are stay until they are replaced."""
        self._file.write(
            "update sessions set summarised_to = 0 where id in (select value from json_each(?))",
            [id_list(session_ids)],
        )

    def reword(self, turn_id: int, text: str) -> None:
        """Give a turn other words; its dates are dropped, since they point into the old ones."""
        with self._file.atomic():
            self._file.write("update memories set text = ? where id = ? and kind = 'turn'", [text, turn_id])
            self._file.write("delete from date_mentions where memory_id = ?", [turn_id])

    def put_dates(self, rows: Sequence[Sequence[object]]) -> None:
        """Store date mentions: memory id, then the columns of `rows.mention_columns`."""
        self._file.write_many("insert into date_mentions values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
