"""Which session a new turn belongs to, and its place in it."""

from .checks import CheckedTurn
from .database import SqliteFile


class Places:
    """Gives each turn of one append its session and position."""

    def __init__(self, file: SqliteFile, conversation_id: int, gap_us: int) -> None:
        self._file = file
        self._conversation_id = conversation_id
        self._gap_us = gap_us
        self._sessions: dict[str, int] = {}
        self._positions: dict[int, int] = {}
        newest = file.row(
            """select s.id, s.name, s.closed_at is not null,
                      (select max(said_us) from memories where session_id = s.id and kind = 'turn')
               from sessions s where s.conversation_id = ? order by s.id desc limit 1""",
            [conversation_id],
        )
        self._newest: tuple[str, int | None] | None = None
        if newest is not None and not newest[2]:
            self._newest = (newest[1], newest[3])

    def place(self, turn: CheckedTurn) -> tuple[int, int]:
        """Return (session id, position) for the next turn."""
        name = turn.session if turn.session is not None else self._current(turn.said_us)
        session_id = self._session(name)
        if session_id not in self._positions:
            last = self._file.row("select max(position) from memories where session_id = ?", [session_id])
            self._positions[session_id] = (last or (None,))[0] or 0
        self._positions[session_id] += 1
        self._newest = (name, turn.said_us)
        return session_id, self._positions[session_id]

    def _current(self, said_us: int) -> str:
        if self._newest is not None:
            name, last_us = self._newest
            if last_us is None or abs(said_us - last_us) <= self._gap_us:
                return name
        return self._fresh_name()

    def _fresh_name(self) -> str:
        row = self._file.row("select count(*) from sessions where conversation_id = ?", [self._conversation_id])
        number = (row or (0,))[0] + 1
        while self._known(str(number)) is not None:
            number += 1
        return str(number)

    def _known(self, name: str) -> int | None:
        row = self._file.row(
            "select id from sessions where conversation_id = ? and name = ?", [self._conversation_id, name]
        )
        return None if row is None else int(row[0])

    def _session(self, name: str) -> int:
        if name not in self._sessions:
            known = self._known(name)
            self._sessions[name] = known or self._file.write(
                "insert into sessions (conversation_id, name) values (?, ?)", [self._conversation_id, name]
            )
        return self._sessions[name]
