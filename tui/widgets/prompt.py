"""Where the user writes: several lines, what was written before, and slash commands that complete themselves."""

from asyncio import Event
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.message import Message
from textual.widgets import TextArea

from ..commands import Command, matching
from .field import act_at_once


class Prompt(TextArea):
    """Enter sends; Shift+Enter, Alt+Enter or Ctrl+J begin a line; up and down leave the text for its history."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send"),
        Binding("shift+enter,alt+enter,ctrl+j", "new_line", "New line", key_display="⇧⏎ ^j", show=False),
        Binding("tab", "complete", "Complete", show=False),
        Binding("ctrl+u", "clear_all", "Clear", show=False),
    ]

    @dataclass
    class Sent(Message):
        """The text is to be sent."""

        text: str

    @dataclass
    class Completing(Message):
        """The commands that the text may become, and which of them is chosen."""

        commands: list[Command]
        chosen: int

    def __init__(self) -> None:
        super().__init__(
            id="prompt",
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            tab_behavior="focus",
            placeholder="Write something, or / for commands",
        )
        self._history: list[str] = []
        self._place: int | None = None
        self._draft = ""
        self._commands: list[Command] = []
        self._chosen = 0

    def remember(self, texts: list[str]) -> None:
        """Put texts behind what can be called back, the newest last."""
        self._history.extend(texts)

    def put(self, text: str) -> None:
        """Replace the text, with the cursor at its end."""
        self.text = text
        self.move_cursor(self.document.end)

    async def written(self) -> str:
        """Return the text once every key that was pressed until now is in it."""
        is_written = Event()
        self.call_later(is_written.set)
        await is_written.wait()
        return self.text

    # -- sending ---------------------------------------------------------------------------------

    def action_send(self) -> None:
        """Send what is written, or complete the command that is chosen in the list."""
        text = self.text.strip()
        if self._commands and text[1:] not in {command.name for command in self._commands}:
            command = self._commands[self._chosen]
            if command.is_argument_needed:
                self.action_complete()
                return
            text = f"/{command.name}"
        if not text:
            return
        if not self._history or self._history[-1] != text:
            self._history.append(text)
        self._place = None
        self.text = ""
        self.post_message(self.Sent(text))

    def action_new_line(self) -> None:
        """Begin a line."""
        self.insert("\n")

    def action_clear_all(self) -> None:
        """Empty the text."""
        self.text = ""

    # -- completing ------------------------------------------------------------------------------

    def on_text_area_changed(self) -> None:
        """Tell which commands the text may become."""
        commands = matching(self.text)
        if commands or self._commands:
            self._commands, self._chosen = commands, 0
            self.post_message(self.Completing(commands, 0))

    def action_complete(self) -> None:
        """Write out the chosen command; without one the focus goes on."""
        if self._commands:
            command = self._commands[self._chosen]
            self.put(f"/{command.name} " if command.argument else f"/{command.name}")
        else:
            self.screen.focus_next()

    def _choose(self, step: int) -> None:
        self._chosen = (self._chosen + step) % len(self._commands)
        self.post_message(self.Completing(self._commands, self._chosen))

    # -- history ---------------------------------------------------------------------------------

    def action_cursor_up(self, select: bool = False) -> None:
        """Go a line up, to the command above, or to what was written before."""
        if self._commands and not select:
            self._choose(-1)
        elif self.cursor_at_first_line and not select and self._history:
            self._recall(len(self._history) - 1 if self._place is None else max(self._place - 1, 0))
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Go a line down, to the command below, or to what was written after."""
        if self._commands and not select:
            self._choose(1)
        elif self.cursor_at_last_line and not select and self._place is not None:
            self._recall(self._place + 1)
        else:
            super().action_cursor_down(select)

    def _recall(self, place: int) -> None:
        if self._place is None:
            self._draft = self.text
        is_past = place < len(self._history)
        self._place = place if is_past else None
        self.put(self._history[place] if is_past else self._draft)

    async def _on_key(self, event: Key) -> None:
        """Send, and let other keys write; a list of commands is closed by Escape."""
        if event.key == "escape" and self._commands:
            self._commands = []
            self.post_message(self.Completing([], 0))
            event.stop()
            return
        await act_at_once(self, event)
