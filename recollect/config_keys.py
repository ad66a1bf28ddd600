"""The keys of the configuration, and which values each may have."""

import difflib
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeAlias
from urllib.parse import urlsplit

from .memory.errors import ConfigError

Value: TypeAlias = str | int | float

FUSIONS = ("z", "rrf")
RERANKERS = ("none", "block", "block_heads", "qr", "cross_encoder", "listwise_llm")
ROWS = ("question", "instruction+question", "to-the-end")
CALIBRATION = ("auto", "yes", "no")
PREFILL = ("no", "yes")
THEMES = (
    "dark",
    "light",
    *("ansi-dark", "ansi-light", "atom-one-dark", "atom-one-light", "catppuccin-frappe", "catppuccin-latte"),
    *("catppuccin-macchiato", "catppuccin-mocha", "dracula", "flexoki", "gruvbox", "monokai", "nord", "rose-pine"),
    *("rose-pine-dawn", "rose-pine-moon", "solarized-dark", "solarized-light", "textual-dark", "textual-light"),
    "tokyo-night",
)
"""Our own two, and those of Textual, which is not imported to ask it."""
GENERATORS = ("extractive", "bart", "hosted")
DECODINGS = ("rag-sequence", "rag-sequence-fast", "rag-token", "re2g", "concat")
SUMMARIZERS = ("none", "extractive", "seq2seq", "hosted")
PROVIDERS = ("openai", "ollama", "vllm", "llama.cpp")
EMBEDDERS = ("minilm", "sentence-transformers", "endpoint")

ENVIRONMENT_PREFIX = "RECOLLECT_"
NO_KEYS = frozenset({"RECOLLECT_HOME", "RECOLLECT_DEBUG"})
"""Variables of ours that are no configuration keys."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"(?:(?:sk|pk|gsk|hf|xai|r8|ghp|nvapi)[-_]|eyJ|AIza).{12,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: `name` as in config.toml ("hosted.model"), `attribute` as in Config ("hosted_model").

    `least` is the smallest value allowed, `above` the largest that is not; `check` returns what is wrong with a
    text, or "".
    """

    name: str
    attribute: str
    kind: type[str] | type[int] | type[float] = str
    choices: tuple[str, ...] = ()
    least: float | None = None
    above: float | None = None
    check: Callable[[str], str] | None = None
    is_private: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that sets the key."""
        return ENVIRONMENT_PREFIX + self.name.upper().replace(".", "_")

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            return "one of: " + ", ".join(self.choices)
        words = {str: "a text that is not empty", int: "a whole number", float: "a number"}[self.kind]
        if self.least is not None:
            words += f" of at least {self.least:g}"
        return words if self.above is None else f"{words} above {self.above:g}"

    def parse(self, text: str, source: str) -> Value:
        """Return the value that a text from the environment or a command line stands for; raises ConfigError."""
        try:
            return self.accept(self.kind(text.strip()) if self.kind is not str else text, source)
        except ValueError as error:
            raise self._wrong(text, source) from error

    def accept(self, value: object, source: str) -> Value:
        """Return a typed value if the key may have it; raises ConfigError naming key, value and source."""
        if isinstance(value, PurePath):
            value = str(value)
        kinds = (float, int) if self.kind is float else (self.kind,)
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise self._wrong(value, source)
        if isinstance(value, str):
            self._check_text(value, source)
            return value
        if not self._is_in_range(value):
            raise self._wrong(value, source)
        return self.kind(value)

    def _check_text(self, value: str, source: str) -> None:
        if not value.strip() or (self.choices and value not in self.choices):
            raise self._wrong(value, source)
        if self.check is not None and (complaint := self.check(value)):
            # the value may be a secret in the wrong place: it is not repeated
            raise ConfigError(f"{self.name} ({source}): {complaint}")

    def _is_in_range(self, value: float) -> bool:
        large_enough = self.least is None or value >= self.least
        return math.isfinite(value) and large_enough and (self.above is None or value > self.above)

    def _wrong(self, value: object, source: str) -> ConfigError:
        return ConfigError(f"{self.name} = {value!r} ({source}): expected {self.expected}.")


_SECRET_NAME = re.compile(r"key$|token$|secret|password", re.IGNORECASE)


def _variable_complaint(name: str) -> str:
    if looks_like_secret(name):
        return (
            "this looks like the key itself, so it is not shown here. Keys are never stored: put it into an "
            "environment variable, say OPENAI_API_KEY, and write that variable's name here."
        )
    if not _VARIABLE.fullmatch(name):
        return "expected the name of an environment variable, as OPENAI_API_KEY is."
    return ""


def looks_like_secret(text: str) -> bool:
    """Tell whether a text is rather an API key than the name of a variable: a known prefix, or long and mixed."""
    if text.isupper() and _VARIABLE.fullmatch(text):
        return False
    is_mixed = any(c.isdigit() for c in text) and any(c.islower() for c in text) and "_" not in text[1:-1]
    return bool(_SECRET.fullmatch(text)) or (len(text) >= 20 and is_mixed) or len(text) >= 64


def _url_complaint(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "expected an http(s) URL, as http://localhost:11434/v1 is."
    if parts.scheme not in ("http", "https") or not host:
        return "expected an http(s) URL, as http://localhost:11434/v1 is."
    if parts.password is not None or parts.query:
        return "a URL with a password or a query is not stored; name a variable with the key instead."
    return ""


KEYS: tuple[Key, ...] = (
    Key(name="store", attribute="store"),
    Key(name="user", attribute="user"),
    Key(name="assistant", attribute="assistant"),
    Key(name="threads", attribute="threads", kind=int, least=1),
    Key(name="session.gap_minutes", attribute="session_gap_minutes", kind=float, above=0),
    Key(name="session.max_turns", attribute="session_max_turns", kind=int, least=0),
    Key(name="recall.fusion", attribute="fusion", choices=FUSIONS),
    Key(name="recall.dense_weight", attribute="dense_weight", kind=float, least=0),
    Key(name="rerank.name", attribute="rerank", choices=RERANKERS),
    Key(name="rerank.model", attribute="rerank_model"),
    Key(name="rerank.heads", attribute="rerank_heads"),
    Key(name="rerank.device", attribute="rerank_device"),
    Key(name="rerank.rows", attribute="rerank_rows", choices=ROWS),
    Key(name="rerank.calibrate", attribute="rerank_calibrate", choices=CALIBRATION),
    Key(name="rerank.prefill", attribute="rerank_prefill", choices=PREFILL),
    Key(name="rerank.prefill_mib", attribute="rerank_prefill_mib", kind=int, least=0),
    Key(name="context.budget", attribute="context_budget", kind=int, least=1),
    Key(name="chat.window_turns", attribute="window_turns", kind=int, least=0),
    Key(name="chat.theme", attribute="theme", choices=THEMES),
    Key(name="generator.name", attribute="generator", choices=GENERATORS),
    Key(name="generator.model", attribute="generator_model"),
    Key(name="generator.decoding", attribute="generator_decoding", choices=DECODINGS),
    Key(name="generator.beams", attribute="generator_beams", kind=int, least=1),
    Key(name="generator.device", attribute="generator_device"),
    Key(name="summaries.name", attribute="summaries", choices=SUMMARIZERS),
    Key(name="summaries.model", attribute="summaries_model"),
    Key(name="summaries.device", attribute="summaries_device"),
    Key(name="hosted.provider", attribute="hosted_provider", choices=PROVIDERS),
    Key(name="hosted.model", attribute="hosted_model"),
    Key(name="hosted.base_url", attribute="hosted_base_url", check=_url_complaint),
    Key(name="hosted.key_variable", attribute="hosted_key_variable", check=_variable_complaint),
    Key(name="hosted.timeout_s", attribute="hosted_timeout_s", kind=float, above=0),
    Key(name="hosted.max_retries", attribute="hosted_max_retries", kind=int, least=0),
    Key(name="hosted.max_tokens", attribute="hosted_max_tokens", kind=int, least=1),
    Key(name="hosted.context_tokens", attribute="hosted_context_tokens", kind=int, least=512),
    Key(name="hosted.input_price", attribute="hosted_input_price", kind=float, least=0),
    Key(name="hosted.output_price", attribute="hosted_output_price", kind=float, least=0),
    Key(name="embedder.name", attribute="embedder", choices=EMBEDDERS),
    Key(name="embedder.model", attribute="embedder_model"),
    Key(name="embedder.base_url", attribute="embedder_base_url", check=_url_complaint),
    Key(name="embedder.key_variable", attribute="embedder_key_variable", check=_variable_complaint),
    Key(name="embedder.dimensions", attribute="embedder_dimensions", kind=int, least=1),
)
_BY_NAME = {key.name: key for key in KEYS}
_BY_ATTRIBUTE = {key.attribute: key for key in KEYS}
_BY_VARIABLE = {key.variable: key for key in KEYS}


def key_named(name: str, source: str) -> Key:
    """Return the key with this name in config.toml; raises ConfigError naming the nearest one."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    if _SECRET_NAME.search(name.rpartition(".")[2]):
        section = name.partition(".")[0] if name.startswith("embedder") else "hosted"
        raise ConfigError(
            f"{name} ({source}) is no configuration key: secrets are never stored. Put it into an environment "
            f"variable and name that one in {section}.key_variable."
        )
    raise ConfigError(f"{name} ({source}) is no configuration key; did you mean {nearest(name, _BY_NAME)}?")


def key_of_override(name: str, source: str) -> Key:
    """Return the key a caller means by "hosted.model" or by the attribute "hosted_model"."""
    return _BY_ATTRIBUTE[name] if name in _BY_ATTRIBUTE else key_named(name, source)


def key_of_variable(variable: str) -> Key:
    """Return the key an environment variable sets; raises ConfigError naming the nearest one."""
    if variable in _BY_VARIABLE:
        return _BY_VARIABLE[variable]
    close = nearest(variable, [*_BY_VARIABLE, *NO_KEYS])
    raise ConfigError(
        f"{variable} (environment) sets no configuration key; did you mean {close}? Otherwise unset it."
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name most like `name`, by the whole name or by its last part."""

    def likeness(candidate: str) -> float:
        pairs = [(name, candidate), (name.rpartition(".")[2], candidate.rpartition(".")[2])]
        whole, last = (difflib.SequenceMatcher(None, *pair).ratio() for pair in pairs)
        section = difflib.SequenceMatcher(None, name, candidate.partition(".")[0]).ratio()
        return max(whole, 0.95 * last, 0.9 * section) + 0.1 * whole

    return max(known, key=likeness)
