"""What Recollect is set to: flags go before the environment, before config.toml, before the defaults."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, cast

from . import locations
from .config_keys import ENVIRONMENT_PREFIX, KEYS, NO_KEYS, Value, key_named, key_of_override, key_of_variable
from .memory.errors import ConfigError
from .memory.fusion import DENSE_WEIGHT, Fusion

GeneratorName: TypeAlias = Literal["extractive", "bart", "hosted"]
DecodingName: TypeAlias = Literal["rag-sequence", "rag-sequence-fast", "rag-token", "re2g", "concat"]
RowsName: TypeAlias = Literal["question", "instruction+question", "to-the-end"]
SummarizerName: TypeAlias = Literal["none", "extractive", "seq2seq", "hosted"]
ProviderName: TypeAlias = Literal["openai", "ollama", "vllm", "llama.cpp"]
EmbedderName: TypeAlias = Literal["minilm", "sentence-transformers", "endpoint"]

DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting; `sources` says by key ("hosted.model") where a value came from if it is no default.

    `store` None is the store in the user's data folder. `threads` None leaves the number of threads to the
    libraries, `generator_beams` None the width of its search to the model. `*_key_variable` names the environment
    variable with a secret; secrets are never stored. Where `hosted_base_url`, `hosted_key_variable` or
    `hosted_context_tokens` is None, the provider's is meant (`wiring_hosted.PROVIDERS`). Prices are US dollars of a
    million tokens.
    Raises ConfigError for a value that a key cannot have.
    """

    store: str | None = None
    user: str = "default"
    assistant: str = "assistant"
    session_gap_minutes: float = 60.0
    session_max_turns: int = 0
    fusion: Fusion = "z"
    dense_weight: float = DENSE_WEIGHT
    rerank: str = "block"
    rerank_model: str | None = None
    rerank_heads: str | None = None
    rerank_device: str | None = None
    rerank_rows: RowsName = "to-the-end"
    rerank_calibrate: Literal["auto", "yes", "no"] = "auto"
    rerank_prefill: Literal["no", "yes"] = "no"
    rerank_prefill_mib: int = 2048
    context_budget: int = 854
    window_turns: int = 8
    theme: str = "dark"
    generator: GeneratorName = "extractive"
    generator_model: str | None = None
    generator_decoding: DecodingName = "rag-token"
    generator_beams: int | None = None
    generator_device: str | None = None
    summaries: SummarizerName = "none"
    summaries_model: str | None = None
    summaries_device: str | None = None
    hosted_provider: ProviderName = "openai"
    hosted_model: str | None = None
    hosted_base_url: str | None = None
    hosted_key_variable: str | None = None
    hosted_timeout_s: float = 60.0
    hosted_max_retries: int = 2
    hosted_max_tokens: int = 1024
    hosted_context_tokens: int | None = None
    hosted_input_price: float | None = None
    hosted_output_price: float | None = None
    embedder: EmbedderName = "minilm"
    embedder_model: str | None = None
    embedder_base_url: str = "https://api.openai.com/v1"
    embedder_key_variable: str = "OPENAI_API_KEY"
    embedder_dimensions: int | None = None
    threads: int | None = None
    sources: Mapping[str, str] = field(default_factory=dict[str, str], compare=False, repr=False)

    def __post_init__(self) -> None:
        for key in KEYS:
            value = getattr(self, key.attribute)
            if value is not None or key.attribute not in _OPTIONAL:
                key.accept(value, self.source(key.name))

    def value(self, key: str) -> Value | None:
        """Return the value of a key by its name in config.toml; raises ConfigError for an unknown one."""
        found: Value | None = getattr(self, key_named(key, "asked for").attribute)
        return found

    def source(self, key: str) -> str:
        """Return where the value of a key came from: "flag", a variable, a file, or "default"."""
        return self.sources.get(key, DEFAULT)


_OPTIONAL = frozenset(
    {
        "store",
        "rerank_model",
        "rerank_heads",
        "rerank_device",
        "generator_model",
        "generator_beams",
        "generator_device",
        "summaries_model",
        "summaries_device",
        "hosted_model",
        "hosted_base_url",
        "hosted_key_variable",
        "hosted_context_tokens",
        "hosted_input_price",
        "hosted_output_price",
        "embedder_model",
        "embedder_dimensions",
        "threads",
    }
)


def load_config(overrides: Mapping[str, object] | None = None) -> Config:
    """Return the configuration: `overrides`, else `RECOLLECT_*`, else config.toml, else the default.

    Overrides are keyed as in config.toml ("hosted.model") or as in Config ("hosted_model"); None is not given.
    Raises ConfigError for unknown keys and for values of the wrong kind, whatever they are overridden by.
    """
    values: dict[str, Value] = {}
    sources: dict[str, str] = {}
    file = locations.config_file()
    for name, raw in read_file(file).items():
        key = key_named(name, str(file))
        values[key.attribute], sources[key.name] = key.accept(raw, str(file)), str(file)
    for variable, text in sorted(os.environ.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in NO_KEYS:
            continue
        key = key_of_variable(variable)
        if text:  # an empty variable is how a shell says "not set"
            values[key.attribute], sources[key.name] = key.parse(text, variable), variable
    for name, given in (overrides or {}).items():
        key = key_of_override(name, "flag")
        if given is not None:
            values[key.attribute], sources[key.name] = key.accept(given, "flag"), "flag"
    # each value was accepted by its own key, which knows the type of its attribute
    checked = cast("dict[str, Any]", values)
    return replace(Config(), **checked, sources=MappingProxyType(sources))


def read_file(path: Path) -> dict[str, object]:
    """Return the keys of a config.toml as dotted names, nothing when there is no file; raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
        return dict(flattened(tomllib.loads(text)))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {error}. Correct it, or move it away.") from error


def flattened(table: Mapping[str, object], section: str = "") -> Iterator[tuple[str, object]]:
    """Yield dotted names and values of nested tables."""
    for name, value in table.items():
        dotted = f"{section}.{name}" if section else name
        if isinstance(value, dict):
            # tomllib's tables always have texts as keys
            yield from flattened(cast("dict[str, object]", value), dotted)
        else:
            yield dotted, value
