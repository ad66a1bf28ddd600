"""Which session a new turn belongs to, and its place in it."""

from dataclasses import dataclass

from .checks import CheckedTurn
from .database import SqliteFile


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTurn:
    """Where and when the newest turn of a conversation was said."""

    session_id: int
    session: str
    is_closed: bool
    said_us: int


def last_turn(file: SqliteFile, conversation_id: int) -> LastTurn | None:
    """Return the turn stored last in a conversation, or None when it holds none."""
    row = file.row(
        """select s.id, s.name, s.closed_at is not null, m.said_us
           from memories m join sessions s on s.id = m.session_id
           where m.user_id = (select user_id from conversations where id = ?1)
                 and m.conversation_id = ?1 and m.kind = 'turn'
           order by m.id desc limit 1""",  # the user is named for the index's sake
        [conversation_id],
    )
    if row is None:
        return None
    return LastTurn(session_id=row[0], session=row[1], is_closed=bool(row[2]), said_us=row[3])


class Places:
    """Gives each turn of one append its session and position."""

    def __init__(self, file: SqliteFile, conversation_id: int, gap_us: int) -> None:
        self._file = file
        self._conversation_id = conversation_id
        self._gap_us = gap_us
        self._sessions: dict[str, tuple[int, bool]] = {}
        self._positions: dict[int, int] = {}
        self._begun: int | None = None  # sessions of the conversation, once they were counted
        self._last = last_turn(file, conversation_id)

    def place(self, turn: CheckedTurn) -> tuple[int, int]:
        """Return (session id, position) for the next turn."""
        name = turn.session if turn.session is not None else self._current(turn.said_us)
        session_id, is_closed = self._session(name)
        if session_id not in self._positions:
            last = self._file.row("select last_position from sessions where id = ?", [session_id])
            self._positions[session_id] = (last or (0,))[0]
        self._positions[session_id] += 1
        self._last = LastTurn(session_id=session_id, session=name, is_closed=is_closed, said_us=turn.said_us)
        return session_id, self._positions[session_id]

    def _current(self, said_us: int) -> str:
        last = self._last
        if last is not None and not last.is_closed and abs(said_us - last.said_us) <= self._gap_us:
            return last.session
        return self._fresh_name()

    def _fresh_name(self) -> str:
        if self._begun is None:
            row = self._file.row("select count(*) from sessions where conversation_id = ?", [self._conversation_id])
            self._begun = int((row or (0,))[0])
        number = self._begun + 1
        while self._known(str(number)) is not None:
            number += 1
        return str(number)

    def _known(self, name: str) -> tuple[int, bool] | None:
        row = self._file.row(
            "select id, closed_at is not null from sessions where conversation_id = ? and name = ?",
            [self._conversation_id, name],
        )
        return None if row is None else (int(row[0]), bool(row[1]))

    def _session(self, name: str) -> tuple[int, bool]:
        """Return the id of a session, begun if need be, and whether it is closed."""
        if name not in self._sessions:
            self._sessions[name] = self._known(name) or (self._begin(name), False)
        return self._sessions[name]

    def _begin(self, name: str) -> int:
        if self._begun is not None:
            self._begun += 1
        begin = "insert into sessions (conversation_id, name) values (?, ?)"
        return self._file.write(begin, [self._conversation_id, name])
