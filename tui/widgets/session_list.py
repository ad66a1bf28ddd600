"""The sessions by date: searched, resumed, renamed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ...memory.session_info import SessionInfo
from ..words import age, counted, one_line
from .field import Field


class SessionList(Vertical):
    """A search field above the sessions under headings of their age."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "rename", "Rename"),
        Binding("n", "screen.command('new')", "New"),
    ]

    @dataclass
    class Wanted(Message):
        """Sessions are searched for, all of them with no words."""

        words: str

    @dataclass
    class Resumed(Message):
        """A session is to be gone on in."""

        session: SessionInfo

    @dataclass
    class RenameAsked(Message):
        """A session is to be given a title."""

        session: SessionInfo

    def __init__(self) -> None:
        super().__init__(id="session-pane")
        self._sessions: dict[str, SessionInfo] = {}

    def compose(self) -> ComposeResult:
        """Put the search above the list."""
        yield Static(Content.styled("Sessions", "bold"), classes="pane-title")
        yield Field(placeholder="Search", id="session-search", compact=True)
        yield OptionList(id="sessions", compact=True)

    def show(self, sessions: Sequence[SessionInfo], *, today: date, running: str | None) -> None:
        """List sessions, the latest first; the running one is marked."""
        self._sessions = {str(session.id): session for session in sessions}
        options: list[Option] = []
        heading = ""
        for session in sessions:
            if (under := age(session.last_at.date(), today)) != heading:
                heading = under
                options.append(Option(Content.styled(heading, "$dimmed"), disabled=True))
            options.append(Option(_entry(session, is_running=session.name == running), id=str(session.id)))
        if not options:
            options.append(Option(Content.styled("None found", "$dimmed"), disabled=True))
        listed = self.query_one("#sessions", OptionList)
        chosen = listed.highlighted_option.id if listed.highlighted_option else None
        listed.set_options(options)
        listed.highlighted = listed.get_option_index(chosen) if chosen in self._sessions else None

    def search(self, words: str) -> None:
        """Search for words, as if they were typed."""
        self.query_one(Field).value = words

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search while somebody types."""
        event.stop()
        self.post_message(self.Wanted(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on to what was found."""
        event.stop()
        listed = self.query_one("#sessions", OptionList)
        listed.focus()
        listed.action_first()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Go on in the session."""
        event.stop()
        self.post_message(self.Resumed(self._sessions[event.option.id or ""]))

    def action_rename(self) -> None:
        """Ask for a title."""
        option = self.query_one("#sessions", OptionList).highlighted_option
        if option is not None and option.id is not None:
            self.post_message(self.RenameAsked(self._sessions[option.id]))


def _entry(session: SessionInfo, *, is_running: bool) -> Content:
    return Content.assemble(
        ("▸ " if is_running else "  ", "$accent"),
        (one_line(session.label)[:120], "bold" if is_running else ""),
        (f"\n  {session.last_at:%H:%M} · {counted(session.turns, 'turn')}", "$dimmed"),
    )
