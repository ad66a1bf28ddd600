"""Fields whose own keys act in the order in which they are pressed.

Textual hands a key that a binding answers up to the app and only there looks the binding up, while letters are
written at once: of keys that come in one burst, as over a slow line, letters would overtake a Backspace or Ctrl+U
before them.
"""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, TextArea


async def act_at_once(widget: Widget, event: Key) -> None:
    """Run the binding of the widget itself for a key that writes nothing; other keys go on to the widget's class."""
    if event.is_printable:
        return
    bound = widget.screen.active_bindings.get(event.key)
    if bound is None or bound.node is not widget or not bound.enabled:
        return
    event.stop()
    event.prevent_default()
    await widget.run_action(bound.binding.action)


class Field(Input):
    """An `Input` of that kind."""

    async def _on_key(self, event: Key) -> None:
        await act_at_once(self, event)


class TextField(TextArea):
    """A `TextArea` of that kind, for a short text: Enter ends it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Save", show=False)]

    class Submitted(Message):
        """The text is complete."""

    def action_submit(self) -> None:
        """Tell that the text is complete."""
        self.post_message(self.Submitted())

    async def _on_key(self, event: Key) -> None:
        await act_at_once(self, event)
