"""Asks for a text: a title, or other words for a memory."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from ..widgets.field import TextField


class Ask(ModalScreen[str | None]):
    """Gives the text when it is saved, None when it is left as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save"),
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
            yield TextField(self._text, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False)
            with Horizontal(classes="buttons"):
                yield Button("Save ⏎", id="save", variant="primary", compact=True)
                yield Button("Leave esc", id="leave", compact=True)

    def on_mount(self) -> None:
        """Write at the end of the text."""
        text = self.query_one(TextField)
        text.move_cursor(text.document.end)
        text.focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Do what the button says."""
        if event.button.id == "save":
            self.action_save()
        else:
            self.dismiss(None)

    def on_text_field_submitted(self) -> None:
        """Give the text."""
        self.action_save()

    def action_save(self) -> None:
        """Give the text."""
        self.dismiss(self.query_one(TextField).text.strip())

    def action_leave(self) -> None:
        """Leave it as it was."""
        self.dismiss(None)
