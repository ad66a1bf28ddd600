"""Model and settings: what is set, where it comes from, and changing it in config.toml."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from ...memory.errors import RecollectError
from ..ports import Setting, Settings
from ..widgets.field import Field
from ..words import one_line

ABOUT = """Offline, replies quote what you said. For a chat model set generator.name to hosted, hosted.model to its \
name and hosted.base_url to its server (http://localhost:11434/v1 for Ollama). Keys of servers are never stored: set \
hosted.key_variable to the name of the environment variable that holds yours."""


class SettingsScreen(Screen[bool]):
    """A list of settings above the field that changes the selected one; tells whether any was changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f5", "leave", "Back"),
        Binding("ctrl+d", "unset", "Back to default"),
    ]

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._entries: list[Setting] = []
        self._is_changed = False

    def compose(self) -> ComposeResult:
        """Put the list between the explanation and the field."""
        yield Static(Content.assemble(("Model and settings\n", "bold"), (ABOUT, "$dimmed")), classes="about")
        yield OptionList(id="settings", compact=True)
        with Vertical(id="setting-editor"):
            yield Static(id="setting-about", markup=False)
            yield Field(id="setting-value", compact=True)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """List what is set, the model first."""
        self._list()
        settings = self.query_one("#settings", OptionList)
        names = [setting.name for setting in self._entries]
        settings.highlighted = names.index("generator.name") if "generator.name" in names else 0
        settings.focus()

    def _list(self) -> None:
        try:
            self._entries = list(self._settings.entries())
        except RecollectError as error:
            self._complain(error)
        listed = self.query_one("#settings", OptionList)
        place = listed.highlighted
        width = max((len(setting.name) for setting in self._entries), default=0)
        listed.set_options(Option(_entry(setting, width)) for setting in self._entries)
        listed.highlighted = place

    @property
    def _selected(self) -> Setting | None:
        place = self.query_one("#settings", OptionList).highlighted
        return None if place is None or place >= len(self._entries) else self._entries[place]

    def on_option_list_option_highlighted(self) -> None:
        """Show the value of the selected setting in the field."""
        setting = self._selected
        if setting is not None:
            about = f"{setting.name}: {setting.expected}. Now from: {setting.source}."
            self.query_one("#setting-about", Static).update(about)
            self.query_one(Field).value = setting.value

    def on_option_list_option_selected(self) -> None:
        """Take the next of a few choices, or go to the field."""
        setting = self._selected
        if setting is not None and setting.choices:
            place = setting.choices.index(setting.value) if setting.value in setting.choices else -1
            self._change(setting, setting.choices[(place + 1) % len(setting.choices)])
        else:
            self.query_one(Field).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Write the value."""
        event.stop()
        if self._selected is not None and self._change(self._selected, event.value.strip()):
            self.query_one("#settings", OptionList).focus()

    def action_unset(self) -> None:
        """Take the selected setting out of config.toml."""
        if self._selected is not None:
            self._change(self._selected, "")

    def _change(self, setting: Setting, text: str) -> bool:
        try:
            self._settings.change(setting.name, text)
        except RecollectError as error:
            self._complain(error)
            return False
        self._is_changed = True
        self._list()
        return True

    def _complain(self, error: RecollectError) -> None:
        self.notify(" ".join(str(error).split()), severity="error", timeout=10, markup=False)

    def action_leave(self) -> None:
        """Go back to the chat."""
        self.dismiss(self._is_changed)


def _entry(setting: Setting, width: int) -> Content:
    style = "" if setting.source == "default" else "bold"
    source = "" if setting.source == "default" else f"  {one_line(setting.source)}"
    return Content.assemble(
        (f"{setting.name:<{width}}  ", "$primary"), (one_line(setting.value) or "—", style), (source, "$dimmed")
    )
