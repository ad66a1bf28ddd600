"""The commands and the keys, on one page."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ..commands import COMMANDS

KEYS = (
    ("Enter", "send; Shift+Enter, Alt+Enter or Ctrl+J begin a line"),
    ("Up, Down", "what you wrote before"),
    ("Tab, Shift+Tab", "from pane to pane; Tab also completes a command"),
    ("Escape", "stop the reply; back to the prompt"),
    ("F2, F3", "sessions; the memories behind the answer"),
    ("1 to 9", "in the memories: select by number"),
    ("p c f u o", "in the memories: pin, correct, forget, undo, open its session"),
    ("[ ]", "in the chat: the reply before, the reply after"),
    ("Ctrl+P", "every command by name"),
    ("Ctrl+C", "copy what is selected, else stop the reply, else quit"),
    ("Ctrl+Q", "quit"),
)


class HelpScreen(ModalScreen[None]):
    """Closed by Escape, or the key that opened it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q,enter", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """Put commands above keys."""
        with VerticalScroll(classes="dialog -tall"):
            yield Static(Content.styled("Commands", "bold"), classes="pane-title")
            yield Static(_columns([(command.usage, command.summary) for command in COMMANDS]))
            yield Static(Content.styled("Keys", "bold"), classes="pane-title")
            yield Static(_columns(list(KEYS)))
            yield Static(Content.styled("Escape closes this", "$dimmed"), classes="pane-title")


def _columns(rows: list[tuple[str, str]]) -> Content:
    width = max(len(name) for name, _ in rows)
    return Content("\n").join(Content.assemble((f"{name:<{width}}  ", "$primary"), about) for name, about in rows)
