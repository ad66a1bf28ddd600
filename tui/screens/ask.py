"""Asks for a text: a title, or other words for a memory."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static, TextArea


class Ask(ModalScreen[str | None]):
    """Gives the text when it is saved, None when it is left as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,ctrl+s", "save", "Save", priority=True),
        Binding("escape", "leave", "Leave"),
    ]

    def __init__(self, question: str, text: str) -> None:
        super().__init__()
        self._question = question
        self._text = text

    def compose(self) -> ComposeResult:
        """Put the text between the question and the keys."""
        with Vertical(classes="dialog"):
            yield Static(self._question, classes="pane-title", markup=False)
            yield TextArea(self._text, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False)
            with Horizontal(classes="buttons"):
                yield Button("Save ⏎", id="save", variant="primary", compact=True)
                yield Button("Leave esc", id="leave", compact=True)

    def on_mount(self) -> None:
        """Write at the end of the text."""
        text = self.query_one(TextArea)
        text.move_cursor(text.document.end)
        text.focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Do what the button says."""
        if event.button.id == "save":
            self._save()
        else:
            self.dismiss(None)

    def action_save(self) -> None:
        """Give the text, or press the button that has the focus."""
        if isinstance(self.focused, Button):
            self.focused.press()
        else:
            self._save()

    def _save(self) -> None:
        self.dismiss(self.query_one(TextArea).text.strip())

    def action_leave(self) -> None:
        """Leave it as it was."""
        self.dismiss(None)
