"""The sessions of a chat screen: listed, gone on in, read back a page at a time."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
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
from .widgets.transcript import Edge, Transcript
from .words import moment, one_line

if TYPE_CHECKING:
    from ..agent.chat import Chat
    from ..memory.session_info import SessionInfo
    from .screens.chat import ChatScreen

PAGE_TURNS = 20


class History:
    """Reads in threads, and shows what it read on one screen."""

    def __init__(self, screen: "ChatScreen") -> None:
        self._screen = screen
        self._changing = asyncio.Lock()
        """Held while the transcript changes: pages are put next to those that are shown then."""

    async def list(self, words: str = "") -> None:
        """List the sessions that hold `words`, and tell how much is remembered."""
        chat = self._screen.chat
        if chat is None:
            return
        found = await self._screen.attempt(lambda: chat.past.sessions(words))
        if found is not None:
            today = date.today()
            self._screen.query_one(SessionList).show(found, today=today, running=chat.session)
        counts = await self._screen.attempt(chat.past.counts)
        if counts is not None:
            self._screen.tell(memories=counts.turns + counts.events)

    async def resume(self, session: "SessionInfo") -> None:
        """Show the last turns of a session; the next turn goes on in it."""
        screen, chat = self._screen, self._screen.chat
        if chat is None:
            return
        await screen.turns.stop()
        async with self._changing:
            turns = await screen.attempt(lambda: chat.resume(session))
            if turns is None:
                return
            screen.turns.editing = False
            views = await self._views(chat, turns)
            await screen.query_one(Transcript).show(views, is_first_shown=len(turns) < PAGE_TURNS)
        screen.remove_class("-sessions", "-memory")
        screen.query_one(Prompt).focus()
        await self.list()

    async def begin(self) -> None:
        """Show an empty chat; the next turn begins a session."""
        screen, chat = self._screen, self._screen.chat
        if chat is None:
            return
        await screen.turns.stop()
        async with self._changing:
            chat.begin()
            screen.turns.editing = False
            await screen.query_one(Transcript).show([], is_first_shown=True)
        await self.list()

    async def load(self, edge: Edge) -> None:
        """Show a page of turns before or after those that are shown, or the first or the last of the session."""
        transcript = self._screen.query_one(Transcript)
        async with self._changing:
            is_shown = transcript.is_first_shown if edge in ("older", "first") else transcript.is_last_shown
            try:
                if transcript.growing is not None and edge in ("first", "last"):
                    return  # asked for before something was sent
                if not is_shown:
                    await self._load(edge)
                elif edge == "first":  # shown since it was asked for
                    transcript.scroll_home()
                elif edge == "last":
                    transcript.scroll_end()
            finally:
                transcript.answered()

    async def _load(self, edge: Edge) -> None:
        screen, chat = self._screen, self._screen.chat
        transcript = screen.query_one(Transcript)
        shown = transcript.positions or (None, 0)
        turns = None if chat is None else await screen.attempt(lambda: self._page(chat, edge, shown))
        if chat is None or turns is None:
            return
        views = await self._views(chat, turns)
        is_end = len(turns) < PAGE_TURNS
        if edge in ("older", "newer"):
            await transcript.extend(edge, views, is_end=is_end)
        elif edge == "first":
            await transcript.show(views, is_first_shown=True, is_last_shown=is_end, at_end=False)
        else:
            await transcript.show(views, is_first_shown=is_end)

    @asynccontextmanager
    async def at_end(self) -> AsyncGenerator[Transcript]:
        """Show the last turns of the session; no others are shown until what is added to them is there."""
        async with self._changing:
            transcript = self._screen.query_one(Transcript)
            if not transcript.is_last_shown:
                await self._load("last")
            yield transcript

    def _page(self, chat: "Chat", edge: Edge, shown: tuple[int | None, int]) -> Sequence[Turn]:
        session = None if chat.session is None else chat.past.session(chat.session)
        if session is None:
            return []
        if edge in ("older", "last"):
            return chat.past.turns(session, before=shown[0] if edge == "older" else None, limit=PAGE_TURNS)
        return chat.past.turns_after(session, shown[1] if edge == "newer" else 0, limit=PAGE_TURNS)

    async def _views(self, chat: "Chat", turns: Sequence[Turn]) -> Sequence[MessageView]:
        replies = [turn for turn in turns if is_reply(turn)]
        cited = await in_thread(lambda: {turn.id: chat.past.citations(turn) for turn in replies})
        return [self._view(chat, turn, cited.get(turn.id)) for turn in turns]

    def _view(self, chat: "Chat", turn: Turn, citations: tuple[Citation, ...] | None) -> MessageView:
        when = moment(turn.said_at)
        if citations is None:
            who = "You" if chat.agent.speaker == turn.speaker else one_line(turn.speaker)
            return MessageView.of_turn(turn, f"{who} · {when}")
        kept = self._screen.turns.evidence.get(turn.id)
        return MessageView.of_turn(
            turn,
            when,
            marks=marks_of(turn),
            evidence=kept or of_citations(citations, f"Cited on {when}"),
        )
