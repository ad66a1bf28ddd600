"""When a session is over its events are drawn from it and stored; what fails is told and tried again later."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ..memory.archive import Archive
from ..memory.errors import EmbedderError, GenerationError
from ..memory.ports import TokenCounter
from ..memory.session_events import SessionEvents
from ..memory.sessions import DueSession
from ..memory.times import now, utc_microseconds
from ..memory.types import NewEvent, Scope, Turn
from ..rerank.chunks import chunked
from .ports import Summarizer

_log = logging.getLogger(__name__)

BLOCK_CHUNKS = 20
"""Chunks of a long document that are summarised together (METHODS section 8)."""
CHUNK_TOKENS = 258
"""Tokens of a chunk (METHODS section 10)."""
AT_ONCE = 2
"""Sessions that are summarised after one reply; more are left to `recollect summarize`."""
PAUSE_S = 600.0
"""How long nobody asks a summariser again after it failed, unless told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summarised:
    """What became of due sessions: how many got their summaries, of how many events; `problems` in words."""

    sessions: int = 0
    events: int = 0
    problems: tuple[str, ...] = ()


class SessionSummaries:
    """Summarises the sessions of one store; safe to use from several threads and processes.

    `idle_s` is how long nothing is said before a session counts as over. Sessions of more than 20 chunks are
    summarised in blocks of 20.
    """

    def __init__(
        self,
        archive: Archive,
        summarizer: Summarizer,
        *,
        idle_s: float,
        count: TokenCounter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.summarizer = summarizer
        self._archive = archive
        self._events = SessionEvents(archive)
        self._idle_s = idle_s
        self._count = count
        self._clock = clock
        self._paused_until = 0.0

    def due(self, scope: Scope, *, stale_only: bool = False, again: bool = False) -> list[DueSession]:
        """Return the sessions of a scope that wait for their summaries, oldest first; `again`: all that are over."""
        idle_since = utc_microseconds(now() - timedelta(seconds=self._idle_s))
        found = self._archive.sessions.due(scope, idle_before_us=idle_since, again=again)
        return [session for session in found if session.is_stale or not stale_only]

    def turns(self, session: DueSession) -> list[Turn]:
        """Return what a summariser is shown of a session."""
        return self._events.turns(session)

    def blocks(self, turns: Sequence[Turn]) -> list[tuple[Turn, ...]]:
        """Return the turns of a session as they are summarised together: all at once, or 20 chunks a time."""
        chunks = chunked(turns, target_tokens=CHUNK_TOKENS, count=self._count)
        return [
            tuple(turn for chunk in chunks[start : start + BLOCK_CHUNKS] for turn in chunk.turns)
            for start in range(0, len(chunks), BLOCK_CHUNKS)
        ]

    def work_through(self, sessions: Sequence[DueSession]) -> Iterator[Summarised]:
        """Summarise sessions one after another, yielding what became of each; each is stored before the next begins.

        One that fails stays due. Raises the StoreError family.
        """
        for session in sessions:
            try:
                yield self._summarise(session)
            except (GenerationError, EmbedderError) as error:
                problem = f"Session {session.name} of {session.conversation} has no summary yet: {error}"
                _log.warning("%s", problem)
                yield Summarised(problems=(problem,))

    def backfill(self, scope: Scope) -> Summarised:
        """Summarise every session of a scope that is due; what fails is logged and told."""
        return together(list(self.work_through(self.due(scope))))

    def after_reply(self, scope: Scope, *, stale_only: bool = False) -> Summarised:
        """Summarise the newest few sessions that are due, unless the summariser failed lately; failures are told."""
        if self._clock() < self._paused_until:
            return Summarised()
        newest = self.due(scope, stale_only=stale_only)[: -AT_ONCE - 1 : -1]
        done: list[Summarised] = []
        for one in self.work_through(newest):
            done.append(one)
            if one.problems:
                self._paused_until = self._clock() + PAUSE_S
                break
        return together(done)

    def _summarise(self, session: DueSession) -> Summarised:
        turns = self._events.turns(session)
        found: list[NewEvent] = []
        for block in self.blocks(turns):
            found += self.summarizer.events(block)
        stored = self._events.replace(session, turns, found, made_by=self.summarizer.name)
        if stored is None:  # somebody wrote meanwhile
            return Summarised(problems=(f"Session {session.name} of {session.conversation} went on; it stays due.",))
        return Summarised(sessions=1, events=len(stored))


def together(parts: Sequence[Summarised]) -> Summarised:
    """Return what several sessions came to."""
    return Summarised(
        sessions=sum(part.sessions for part in parts),
        events=sum(part.events for part in parts),
        problems=tuple(problem for part in parts for problem in part.problems),
    )
