"""What the chat app sees of the configuration: every setting, and changing it in config.toml."""

from collections.abc import MutableMapping, Sequence

from . import locations
from .config import load_config
from .config_edit import set_key, unset_key
from .config_keys import KEYS
from .tui.ports import Setting

OFFLINE = "offline"


class ChatSettings:
    """Settings under the flags of one command line; a flag gives way once its setting is changed here."""

    def __init__(self, flags: MutableMapping[str, object]) -> None:
        self._flags = flags

    def entries(self) -> Sequence[Setting]:
        """Return every setting as it holds now; raises ConfigError."""
        config = load_config(self._flags)
        values = {key.name: config.value(key.name) for key in KEYS}
        return [
            Setting(
                name=key.name,
                value="" if values[key.name] is None else str(values[key.name]),
                source=config.source(key.name),
                expected=key.expected,
                choices=key.choices,
            )
            for key in KEYS
        ]

    def change(self, name: str, text: str) -> None:
        """Write a setting, or take it out where `text` is empty; raises ConfigError, then nothing was changed."""
        path = locations.config_file()
        if text:
            set_key(path, name, text)
        else:
            unset_key(path, name)
        self._flags.pop(name, None)

    def use_model(self, name: str) -> None:
        """Have a chat model of this name write the replies, "offline" none; raises ConfigError."""
        if name != OFFLINE:
            self.change("hosted.model", name)
        self.change("generator.name", "extractive" if name == OFFLINE else "hosted")
