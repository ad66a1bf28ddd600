"""The full-screen chat app: one chat, its settings, and leaving with nothing lost."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme
from textual.widgets import TextArea

from ..memory.errors import RecollectError
from .commands import COMMANDS
from .ports import OpenChat, Settings
from .screens.chat import ChatScreen
from .themes import DARK, LIGHT
from .threads import in_thread
from .widgets.prompt import Prompt

OURS = "recollect-"
"""What the names of our own themes begin with, which the settings leave out."""

LEAVE_S = 5.0
"""How long leaving waits for a reply that is being stopped, and for the indexes to be written."""


class ChatApp(App[None]):
    """Opens the chat after the first paint, in a thread."""

    CSS_PATH = "app.tcss"
    TITLE = "Recollect"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "Copy, stop or quit", show=False, priority=True, system=True),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    def __init__(
        self,
        open_chat: OpenChat,
        settings: Settings,
        *,
        theme: str = "dark",
        when_warm: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self.when_warm = when_warm
        """Called once what a chat needs is loaded."""
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (140, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-high")]
        self.settings = settings
        self._open_chat = open_chat
        self._is_leaving = self._is_terminal_gone = False
        for look in (DARK, LIGHT):
            self.register_theme(look)
        self.use_theme(theme)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the colours of ours that other themes do not have."""
        return {"dimmed": "#8f96a3" if self.current_theme.dark else "#5a616b"}

    def get_default_screen(self) -> ChatScreen:
        """Begin with the chat."""
        return ChatScreen(self._open_chat)

    def use_theme(self, name: str) -> None:
        """Take a theme by its name in the settings; ours are "dark" and "light", an unknown one is dark."""
        ours = f"{OURS}{name}"
        self.theme = ours if ours in self.available_themes else name if name in self.available_themes else DARK.name
        self._kept_theme = self.theme

    def _keep_theme(self, theme: Theme) -> None:
        if theme.name != self._kept_theme:
            self._kept_theme = theme.name
            self.run_worker(self._write_theme(theme.name.removeprefix(OURS)), group="theme")

    async def _write_theme(self, name: str) -> None:
        try:
            await in_thread(lambda: self.settings.change("chat.theme", name))
        except RecollectError as error:  # the look holds for this run then
            self.chat_screen.complain(error)

    @property
    def chat_screen(self) -> ChatScreen:
        """The chat, whatever lies on top of it."""
        screen = self.screen_stack[0]
        if not isinstance(screen, ChatScreen):  # narrows the type: it is the default screen
            raise TypeError(f"The lowest screen is a {type(screen).__name__}.")
        return screen

    def on_mount(self) -> None:
        """Keep the theme that is chosen; leave as if asked to when the system ends the program or its terminal."""
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            # not on Windows, and not where the app runs beside somebody else's main thread
            with suppress(AttributeError, NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(getattr(signal, name), self._leave_soon, name)

    def _leave_soon(self, name: str) -> None:
        self._is_terminal_gone = name == "SIGHUP"
        self.run_worker(self.action_quit(), group="leave")

    # -- leaving ---------------------------------------------------------------------------------

    async def action_quit(self) -> None:
        """Stop the reply, keep what is written and not sent, close the chat, and end."""
        if self._is_leaving:
            return
        self._is_leaving = True
        screen = self.chat_screen
        await screen.turns.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._close(screen), LEAVE_S)
        if self._is_terminal_gone:
            os._exit(0)  # everything is stored; Textual would wait for ever to write to what is not there
        self.exit()

    async def _close(self, screen: ChatScreen) -> None:
        screen.tell(doing="closing…")
        chat, draft = screen.chat, await screen.query_one(Prompt).written()
        await in_thread(lambda: screen.turns.runner.wait(LEAVE_S / 2))
        if chat is not None:
            with suppress(RecollectError):  # a full disk keeps nobody here; the turns themselves are stored
                await in_thread(lambda: chat.keep_draft(draft))
                await in_thread(chat.close)

    async def action_interrupt(self) -> None:
        """Copy what is selected, else stop the reply, else quit."""
        focused = self.focused
        selected = self.screen.get_selected_text()
        if isinstance(focused, TextArea) and focused.selected_text:
            selected = focused.selected_text
        if selected:
            self.copy_to_clipboard(selected)
            self.notify("Copied.", timeout=2)
        elif not await self.chat_screen.turns.stop():
            await self.action_quit()

    # -- commands --------------------------------------------------------------------------------

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """List our commands in the palette; those that need an argument are begun in the prompt."""
        for command in COMMANDS:
            name = f"{command.usage}  ({command.key})" if command.key else command.usage
            yield SystemCommand(name, command.summary, lambda command=command: self._begin_command(command.name))
        yield SystemCommand("Themes", "Choose another look", self.action_change_theme)
        yield SystemCommand("Keys", "Show the keys of what has the focus", self.action_show_help_panel)
        yield SystemCommand("Screenshot", "Save a picture of the screen", self.deliver_screenshot)

    async def _begin_command(self, name: str) -> None:
        command = next(command for command in COMMANDS if command.name == name)
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        screen = self.chat_screen
        if command.is_argument_needed:
            prompt = screen.query_one(Prompt)
            prompt.put(f"/{command.name} ")
            prompt.focus()
        else:
            await screen.commands.act(command.action, "")
