"""Where an OpenAI-compatible server is, how to reach it, and how to say in words what it did wrong."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .errors import ConfigError

if TYPE_CHECKING:
    from openai import APIError, OpenAI

_DETAIL_CHARACTERS = 300
"""How much of a server's own words fits into a message of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One model on one OpenAI-compatible server.

    `base_url` ends where `/chat/completions` or `/embeddings` begins ("http://localhost:11434/v1").
    `api_key` is the secret itself, read by wiring from the environment variable `key_variable`; it
    never shows in `repr` or in a message. `section` is the configuration section messages point to.
    `timeout_s` is the longest silence to wait through: to connect, and between two pieces.
    `max_retries` counts the further tries after a refused connection, 408, 409, 429 or 5xx; the
    client waits 0.5 s, 1 s, 2 s … or what the server asks for (`Retry-After`).

    Raises ConfigError when a value cannot be meant.
    """

    model: str
    base_url: str = field(repr=False)  # may carry a password; `url` does not
    api_key: str | None = field(default=None, repr=False)
    key_variable: str = "OPENAI_API_KEY"
    section: str = "hosted"
    timeout_s: float = 60.0
    max_retries: int = 2

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise ConfigError(f"No model is named; set `{self.section}.model`.")
        if not _is_http_url(self.base_url):
            raise ConfigError(f"`{self.section}.base_url` is no http(s) URL, as http://localhost:11434/v1 is.")
        if self.timeout_s <= 0:
            raise ConfigError(f"`{self.section}.timeout_s` must be above 0, not {self.timeout_s}.")
        if self.max_retries < 0:
            raise ConfigError(f"`{self.section}.max_retries` must be 0 or more, not {self.max_retries}.")
        # Checked here because the HTTP library prints the whole header when it refuses one.
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ConfigError(
                f"The key in {self.key_variable} holds a line break or another character that no key has."
            )

    @property
    def url(self) -> str:
        """The base URL without credentials, query and trailing slash: fit to be shown."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"

    def connect(self) -> "OpenAI":
        """Return a client for this endpoint; nothing is sent yet."""
        from openai import OpenAI

        # Without a key the client would send OPENAI_API_KEY to whatever server this is.
        return OpenAI(
            api_key=self.api_key or "no-key",
            base_url=self.base_url,
            timeout=self.timeout_s,
            max_retries=self.max_retries,
        )

    def failure(self, error: "APIError") -> str:
        """Return what failed, on what, and what to do about it, for any error of the client."""
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        if isinstance(error, APITimeoutError):
            return (
                f"{self.url} sent nothing for {self.timeout_s:g} s ({self.model}); is the server overloaded?"
                f" The setting `timeout_s` says how long to wait."
            )
        if isinstance(error, APIConnectionError):
            reason = self._redacted(str(error.__cause__ or error)).rstrip(". ")
            return (
                f"The connection to {self.url} failed ({self.model}): {reason}. Is the server running,"
                f" and is `{self.section}.base_url` right?"
            )
        said = self._redacted(_words_of(error.body) or error.message)
        if isinstance(error, APIStatusError):
            remedy = self._remedy(error.status_code)
            return f"{self.url} answered {error.status_code} ({self.model}): {said} {remedy}"
        return f"{self.url} failed while it answered ({self.model}): {said} Try again, or see the server's log."

    def nonsense(self, expected: str) -> str:
        """Return the message for an answer outside the protocol; `expected` names what was asked for."""
        return (
            f"{self.url} did not send {expected} ({self.model}). Does `{self.section}.base_url` point at an"
            " OpenAI-compatible API? It usually ends in /v1."
        )

    def has_leaked(self, error: BaseException) -> bool:
        """Return whether the error's own words repeat the key, so that it must not be shown as a cause."""
        return self.api_key is not None and self.api_key in str(error)

    def _remedy(self, status: int) -> str:
        if status in (401, 403):
            return f"Put a valid key for this server into the environment variable {self.key_variable}."
        if status == 404:
            return (
                f"Set `{self.section}.model` to a model this server has, and check that"
                f" `{self.section}.base_url` ends where the API begins (often /v1)."
            )
        if status == 429:
            return "The server's limit is reached: wait, or raise the quota of this key."
        if status >= 500:
            return "The server is in trouble: try again later, or see its log."
        return f"The server did not accept the request: check `{self.section}.model` and its limits."

    def _redacted(self, text: str) -> str:
        shown = text.replace(self.api_key, "[key]") if self.api_key else text
        shown = " ".join(shown.split())
        if len(shown) > _DETAIL_CHARACTERS:
            shown = shown[: _DETAIL_CHARACTERS - 1] + "…"
        return shown if shown.endswith((".", "…", "!", "?")) else shown + "."


def sendable(text: str) -> str:
    """Return the text as UTF-8 can carry it: a lone surrogate becomes "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _words_of(body: object) -> str:
    """Return the human part of an error body: OpenAI's, FastAPI's, Ollama's, or plain text."""
    match body:
        case str():
            return body
        case {"message": str(words)} | {"detail": str(words)} | {"error": str(words)}:
            return words
        case {"error": {"message": str(words)}}:
            return words
        case _:
            return ""
