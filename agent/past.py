"""The past of a user as people browse it: sessions by date and words, and a timeline of what was said."""

from dataclasses import dataclass

from ..memory.checks import check_text
from ..memory.session_info import SessionInfo
from ..memory.store import Counts
from ..memory.types import Memory, Scope, Turn
from .filters import Filters, readable
from .long_term_memory import DEFAULT_CONVERSATION, LongTermMemory
from .replies import cited_ids, cited_numbers
from .types import Citation

MOST_SESSIONS = 500
_FOUND_TURNS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a timeline, the latest first; `after` is handed in for the next page, None at the end."""

    memories: tuple[Memory, ...]
    after: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of a timeline is looked for: text that is held, who said it, and days or times (ISO 8601), inclusive."""

    holding: str = ""
    speaker: str | None = None
    since: str | None = None
    until: str | None = None

    def filters(self) -> Filters:
        """Return the filters of a recall that mean the same, without the text."""
        filters: Filters = {}
        if self.speaker:
            filters["speakers"] = (self.speaker,)
        if self.since:
            filters["since"] = self.since
        if self.until:
            filters["until"] = self.until
        return filters


class Past:
    """Reads what a user said, a page at a time."""

    def __init__(self, memory: LongTermMemory) -> None:
        self._memory = memory
        self._archive = memory.archive
        self._chats = memory.archive.chats

    def sessions(self, words: str = "", *, limit: int = MOST_SESSIONS) -> list[SessionInfo]:
        """Return the sessions, the latest first; with `words` those that hold any of them, or whose title does."""
        scope = self._memory.scope({})
        if scope is None:
            return []
        if not words.strip():
            return self._chats.sessions(scope, limit=limit)
        hits = self._archive.words.search(readable(words), limit=_FOUND_TURNS, scope=scope)
        found = self._chats.sessions_of([hit.id for hit in hits])
        titled = self._chats.sessions_titled(scope, readable(words.strip()))
        return self._chats.sessions(scope, limit=limit, ids=tuple({*found, *titled}))

    def session(self, name: str) -> SessionInfo | None:
        """Return a session of the conversation written to by its name, None where it has no turns."""
        scope = self._memory.scope({"conversation": self._memory.conversation or DEFAULT_CONVERSATION})
        return None if scope is None or scope.conversation is None else self._chats.session_named(scope, name)

    def session_of(self, memory: Memory) -> SessionInfo | None:
        """Return the session in which a memory was said."""
        found = self._chats.sessions(self.everything(), limit=1, ids=tuple(self._chats.sessions_of([memory.id])))
        return found[0] if found else None

    def turns(self, session: SessionInfo, *, before: int | None = None, limit: int) -> list[Turn]:
        """Return the last turns of a session before a position, oldest first."""
        return self._archive.store.turns(self._chats.turn_ids(session.id, before=before, limit=limit))

    def turns_after(self, session: SessionInfo, position: int, *, limit: int) -> list[Turn]:
        """Return the first turns of a session after a position, oldest first."""
        return self._archive.store.turns(self._chats.turn_ids_after(session.id, position, limit=limit))

    def rename(self, session: SessionInfo, title: str) -> None:
        """Give a session a title, an empty one takes it away; raises InvalidTurn for text that cannot be stored."""
        title = " ".join(title.split())
        if title:
            check_text(title, "title")
        self._chats.rename(session.id, title or None)

    def timeline(self, wanted: Wanted | None = None, *, after: tuple[int, int] | None = None, limit: int) -> Page:
        """Return the memories that are wanted, the latest first; raises InvalidInput for what is no time."""
        wanted = wanted or Wanted()
        scope = self._memory.scope(wanted.filters())
        if scope is None:
            return Page(memories=(), after=None)
        keys = self._chats.timeline(scope, holding=readable(wanted.holding.strip()), before=after, limit=limit)
        found = self._archive.store.memories(key[1] for key in keys)
        memories = tuple(found[memory_id] for _, memory_id in keys if memory_id in found)
        return Page(memories=memories, after=keys[-1] if len(keys) == limit else None)

    def speakers(self) -> list[str]:
        """Return who said something, who said most first."""
        scope = self._memory.scope({})
        return [] if scope is None else self._chats.speakers(scope)

    def counts(self) -> Counts:
        """Return how much the user's memory holds."""
        return self._memory.counts()

    def citations(self, reply: Turn) -> tuple[Citation, ...]:
        """Return the citations of a stored reply; those whose turns were forgotten are left out."""
        cites, numbers = cited_ids(reply), cited_numbers(reply)
        turns = {turn.id: turn for turn in self._archive.store.turns(cites)}
        pairs = zip(numbers, cites, strict=False)  # replies of older versions have no numbers
        return tuple(Citation(number=number, turn=turns[turn]) for number, turn in pairs if turn in turns)

    def everything(self) -> Scope:
        """Return the scope of the user's memories."""
        return self._memory.scope({}) or Scope(user=-1)
