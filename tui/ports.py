"""What the app needs from above: a chat to be opened, and settings to be shown and changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..agent.chat import Chat

OpenChat = Callable[[], "Chat"]
"""Opens the chat with the settings of this moment; called in a thread. Raises RecollectError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: `value` is "" while it is not set, `source` where it comes from ("default", a file)."""

    name: str
    value: str
    source: str
    expected: str
    choices: tuple[str, ...] = ()


class Settings(Protocol):
    """What is set, and changing it in config.toml."""

    def entries(self) -> Sequence[Setting]:
        """Return every setting as it holds now; raises ConfigError."""
        ...

    def change(self, name: str, text: str) -> None:
        """Write a setting, or take it out where `text` is empty; raises ConfigError, then nothing was changed."""
        ...

    def use_model(self, name: str) -> None:
        """Have a chat model of this name write the replies, "offline" none; raises ConfigError."""
        ...
