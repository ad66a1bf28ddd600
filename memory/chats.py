"""Sessions as people look for them: by date, by their words, with titles; and which memories are pinned."""

from datetime import datetime

from .database import Row, SqliteFile
from .rows import id_list, scope_condition
from .session_info import SessionInfo
from .types import Scope

_OPENING_CHARACTERS = 200


class Chats:
    """What a chat asks of a store beyond its memories: sessions by date, pages of turns, titles, pins."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def sessions(self, scope: Scope, *, limit: int, ids: tuple[int, ...] | None = None) -> list[SessionInfo]:
        """Return at most `limit` sessions with turns, the latest first; with `ids` only those of them."""
        rows = self._file.rows(
            """select s.id, c.name, s.name, s.title, substr(f.text, 1, ?3),
                      (select count(*) from memories m where m.session_id = s.id and m.kind = 'turn'),
                      f.said_at, l.said_at
               from sessions s join conversations c on c.id = s.conversation_id
               join memories f on f.session_id = s.id and f.kind = 'turn' and f.position =
                    (select min(m.position) from memories m where m.session_id = s.id and m.kind = 'turn')
               join memories l on l.session_id = s.id and l.kind = 'turn' and l.position =
                    (select max(m.position) from memories m where m.session_id = s.id and m.kind = 'turn')
               where (?1 is null or c.user_id = ?1) and (?2 is null or c.id = ?2)
                     and (?5 is null or s.id in (select value from json_each(?5)))
               order by l.said_us desc, s.id desc limit ?4""",
            [scope.user, scope.conversation, _OPENING_CHARACTERS, limit, None if ids is None else id_list(ids)],
        )
        return [_session_from(row) for row in rows]

    def session_named(self, scope: Scope, name: str) -> SessionInfo | None:
        """Return a session of a conversation by its name, None where it has no turns."""
        row = self._file.row(
            "select id from sessions where conversation_id = ? and name = ?", [scope.conversation, name]
        )
        found = [] if row is None else self.sessions(scope, limit=1, ids=(int(row[0]),))
        return found[0] if found else None

    def sessions_titled(self, scope: Scope, words: str) -> list[int]:
        """Return the ids of the sessions whose title holds these words, in any case."""
        rows = self._file.rows(
            """select s.id from sessions s join conversations c on c.id = s.conversation_id
               where instr(lower(s.title), lower(?3)) > 0
                     and (?1 is null or c.user_id = ?1) and (?2 is null or c.id = ?2)""",
            [scope.user, scope.conversation, words],
        )
        return [row[0] for row in rows]

    def sessions_of(self, memory_ids: list[int]) -> list[int]:
        """Return the ids of the sessions that hold any of these memories."""
        rows = self._file.rows(
            "select distinct session_id from memories where id in (select value from json_each(?))",
            [id_list(memory_ids)],
        )
        return [row[0] for row in rows]

    def rename(self, session_id: int, title: str | None) -> None:
        """Give a session a title, or take it away."""
        self._file.write("update sessions set title = ? where id = ?", [title, session_id])

    def turn_ids(self, session_id: int, *, before: int | None = None, limit: int) -> list[int]:
        """Return the last turns of a session before a position, at most `limit`, oldest first."""
        rows = self._file.rows(
            """select id from memories where session_id = ?1 and kind = 'turn' and (?2 is null or position < ?2)
               order by position desc limit ?3""",
            [session_id, before, limit],
        )
        return [row[0] for row in reversed(rows)]

    def turn_ids_after(self, session_id: int, position: int, *, limit: int) -> list[int]:
        """Return the first turns of a session after a position, at most `limit`, oldest first."""
        rows = self._file.rows(
            """select id from memories where session_id = ? and kind = 'turn' and position > ?
               order by position limit ?""",
            [session_id, position, limit],
        )
        return [row[0] for row in rows]

    def timeline(
        self, scope: Scope, *, holding: str = "", before: tuple[int, int] | None = None, limit: int
    ) -> list[tuple[int, int]]:
        """Return (time in UTC microseconds, id) of the memories inside `scope`, the latest first, a page at a time.

        `holding` is text that they hold, in any case; `before` is the last of the page before.
        """
        condition, parameters = scope_condition(scope)
        at, memory_id = before or (2**63 - 1, 0)
        return self._file.rows(
            f"""select m.said_us, m.id from memories m where {condition}
                and (m.said_us, m.id) < (?, ?) and (? = '' or instr(lower(m.text), lower(?)) > 0)
                order by m.said_us desc, m.id desc limit ?""",
            [*parameters, at, memory_id, holding, holding, limit],
        )

    def speakers(self, scope: Scope) -> list[str]:
        """Return who said the turns inside `scope`, who said most first."""
        condition, parameters = scope_condition(scope)
        rows = self._file.rows(
            f"""select max(m.speaker) from memories m where m.kind = 'turn' and {condition}
                group by m.speaker_key order by count(*) desc, 1""",
            parameters,
        )
        return [row[0] for row in rows]

    # -- pins ------------------------------------------------------------------------------------

    def pin(self, memory_id: int) -> None:
        """Have every answer read a memory; a second time changes nothing."""
        self._file.write("insert or ignore into pins (memory_id) values (?)", [memory_id])

    def unpin(self, memory_id: int) -> None:
        """Leave it to recall again whether a memory is read."""
        self._file.write("delete from pins where memory_id = ?", [memory_id])

    def pinned(self, scope: Scope) -> list[int]:
        """Return the ids of the pinned memories inside `scope`, the oldest first."""
        condition, parameters = scope_condition(scope)
        rows = self._file.rows(
            f"select m.id from pins p join memories m on m.id = p.memory_id where {condition} order by m.id",
            parameters,
        )
        return [row[0] for row in rows]


def _session_from(row: Row) -> SessionInfo:
    session_id, conversation, name, title, opening, turns, begun_at, last_at = row
    return SessionInfo(
        id=session_id,
        conversation=conversation,
        name=name,
        title=title,
        opening=opening,
        turns=turns,
        begun_at=datetime.fromisoformat(begun_at),
        last_at=datetime.fromisoformat(last_at),
    )
