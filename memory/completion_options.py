"""The optional fields of a completion request: one that a server refuses by name is not sent to it again.

OpenAI's reasoning models refuse `max_tokens` for `max_completion_tokens` and every temperature but their own; older
servers refuse `stream_options`.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai import APIError

_UNSUPPORTED = re.compile(
    r"unsupported|not support|not allowed|not permitted|unrecogni[sz]ed|unknown|unexpected|extra|deprecated", re.I
)
_FIELDS = ("max_completion_tokens", "max_tokens", "temperature", "stream_options")


class CompletionOptions:
    """What one model on one server is asked with; None is not sent."""

    def __init__(self, *, temperature: float | None, max_tokens: int | None) -> None:
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._refused: set[str] = set()

    @property
    def temperature(self) -> float | None:
        """The temperature, None where the server chooses."""
        return self._temperature if self.takes("temperature") else None

    @property
    def max_tokens(self) -> int | None:
        """The most tokens to write, under the name that every server but OpenAI's newest knows."""
        return self._max_tokens if self.takes("max_tokens") else None

    @property
    def max_completion_tokens(self) -> int | None:
        """The most tokens to write, under the other name, which is used once the first is refused."""
        is_other = not self.takes("max_tokens") and self.takes("max_completion_tokens")
        return self._max_tokens if is_other else None

    def takes(self, field: str) -> bool:
        """Whether the server has not refused a field."""
        return field not in self._refused

    def learned_from(self, error: "APIError") -> bool:
        """Note which field the server does not know, and return whether the same is worth asking without it."""
        if getattr(error, "status_code", None) not in (400, 422):
            return False
        told = f"{error.message} {error.body}"
        named = [field for field in _FIELDS if error.param == field]
        # "use 'max_completion_tokens' instead" names the remedy after what is refused
        named = named or sorted((field for field in _FIELDS if field in told), key=told.index)[:1]
        if not named or not self.takes(named[0]) or not _UNSUPPORTED.search(f"{error.code} {told}"):
            return False
        self._refused.add(named[0])
        return True
