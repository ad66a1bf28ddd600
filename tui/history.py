"""The sessions of a chat screen: listed, gone on in, read back a page at a time."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from ..agent.replies import is_reply, marks_of
from ..agent.types import Citation
from ..memory.types import Turn
from .evidence import of_citations
from .threads import in_thread
from .widgets.message_view import MessageView
from .widgets.prompt import Prompt
from .widgets.session_list import SessionList
from .widgets.transcript import Transcript
from .words import linked, moment, one_line

if TYPE_CHECKING:
    from ..agent.chat import Chat
    from ..memory.session_info import SessionInfo
    from .screens.chat import ChatScreen

PAGE_TURNS = 40


class History:
    """Reads in threads, and shows what it read on one screen."""

    def __init__(self, screen: "ChatScreen") -> None:
        self._screen = screen
        self._session: SessionInfo | None = None
        self._oldest = 1

    async def list(self, words: str = "") -> None:
        """List the sessions that hold `words`."""
        chat = self._screen.chat
        if chat is None:
            return
        found = await self._screen.attempt(lambda: chat.past.sessions(words))
        if found is not None:
            today = date.today()
            self._screen.query_one(SessionList).show(found, today=today, running=chat.session)

    async def resume(self, session: "SessionInfo") -> None:
        """Show the last turns of a session; the next turn goes on in it."""
        screen, chat = self._screen, self._screen.chat
        if chat is None:
            return
        await screen.turns.stop()
        turns = await screen.attempt(lambda: chat.resume(session))
        if turns is None:
            return
        self._session, screen.turns.editing = session, False
        views = await self._views(chat, turns)
        await screen.query_one(Transcript).show(views, is_complete=len(turns) < PAGE_TURNS)
        screen.remove_class("-sessions", "-memory")
        screen.query_one(Prompt).focus()
        await self.list()

    async def begin(self) -> None:
        """Show an empty chat; the next turn begins a session."""
        screen, chat = self._screen, self._screen.chat
        if chat is None:
            return
        await screen.turns.stop()
        chat.begin()
        self._session, screen.turns.editing = None, False
        await screen.query_one(Transcript).show([], is_complete=True)
        await self.list()

    async def load_older(self) -> None:
        """Put the turns before the oldest that is shown on top."""
        screen, chat, session, oldest = self._screen, self._screen.chat, self._session, self._oldest
        if chat is None or session is None:
            return
        turns = await screen.attempt(lambda: chat.past.turns(session, before=oldest, limit=PAGE_TURNS)) or []
        views = await self._views(chat, turns)
        await screen.query_one(Transcript).add_older(views, is_complete=len(turns) < PAGE_TURNS)

    async def _views(self, chat: "Chat", turns: Sequence[Turn]) -> Sequence[MessageView]:
        if turns:
            self._oldest = turns[0].position
        replies = [turn for turn in turns if is_reply(turn)]
        cited = await in_thread(lambda: {turn.id: chat.past.citations(turn) for turn in replies})
        return [self._view(chat, turn, cited.get(turn.id)) for turn in turns]

    def _view(self, chat: "Chat", turn: Turn, citations: tuple[Citation, ...] | None) -> MessageView:
        if citations is None:
            is_own = chat.agent.speaker == turn.speaker
            who = "You" if is_own else one_line(turn.speaker)
            return MessageView("user", f"{who} · {moment(turn.said_at)}", turn.text)
        evidence = self._screen.turns.evidence
        key = len(evidence)
        evidence[key] = of_citations(citations, f"Cited on {moment(turn.said_at)}")
        markdown = linked(turn.text, marks_of(turn))
        return MessageView("reply", moment(turn.said_at), turn.text, markdown=markdown, key=key)
