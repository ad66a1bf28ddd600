"""The hosted model of a configuration: which server, which key, how much it reads, what it costs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from .memory.errors import ModelNotConfigured

if TYPE_CHECKING:
    from .agent.generators.hosted import HostedGenerator
    from .agent.prompt import Style
    from .config import Config
    from .memory.endpoint import Endpoint
    from .memory.endpoint_usage import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Where a server listens if it is not told otherwise, and which environment variable holds its key.

    No two providers share a variable: a key is never sent to a server that it is not for. `context_tokens` is what
    the server reads whatever the model could, None where the model decides.
    """

    base_url: str
    key_variable: str
    context_tokens: int | None = None


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "openai": Provider(base_url="https://api.openai.com/v1", key_variable="OPENAI_API_KEY"),
        # Ollama cuts longer prompts without a word, from the front
        "ollama": Provider(base_url="http://localhost:11434/v1", key_variable="OLLAMA_API_KEY", context_tokens=4096),
        "vllm": Provider(base_url="http://localhost:8000/v1", key_variable="VLLM_API_KEY"),
        "llama.cpp": Provider(base_url="http://localhost:8080/v1", key_variable="LLAMA_API_KEY"),
    }
)


def hosted_endpoint(config: "Config", why: str) -> "Endpoint":
    """Return the configured chat model's endpoint; raises ModelNotConfigured, telling why one is needed."""
    from .memory.endpoint import Endpoint

    if not config.hosted_model:
        raise ModelNotConfigured(f"{why} and hosted.model is not set; run: recollect config set hosted.model NAME")
    provider = PROVIDERS[config.hosted_provider]
    key_variable = config.hosted_key_variable or provider.key_variable
    return Endpoint(
        model=config.hosted_model,
        base_url=config.hosted_base_url or provider.base_url,
        api_key=os.environ.get(key_variable) or None,
        key_variable=key_variable,
        section="hosted",
        timeout_s=config.hosted_timeout_s,
        max_retries=config.hosted_max_retries,
    )


def hosted_generator(config: "Config", *, style: "Style") -> "HostedGenerator":
    """Return the generator that asks the configured model; raises ModelNotConfigured."""
    from .agent.generators.hosted import HostedGenerator

    return HostedGenerator(
        hosted_endpoint(config, "generator is 'hosted'"),
        max_tokens=config.hosted_max_tokens,
        assistant=config.assistant,
        style=style,
        context_tokens=context_tokens(config),
        price=price_of(config),
    )


def context_tokens(config: "Config") -> int | None:
    """Return what the model reads and writes together: as set, else the provider's, else the model's, if known."""
    from .agent.generators.model_windows import window_of

    known = config.hosted_context_tokens or PROVIDERS[config.hosted_provider].context_tokens
    return known or window_of(config.hosted_model or "")


def price_of(config: "Config") -> "Price | None":
    """Return what a million tokens cost, None where no price is set; one that is not set is nothing."""
    from .memory.endpoint_usage import Price

    if config.hosted_input_price is None and config.hosted_output_price is None:
        return None
    return Price(input_usd=config.hosted_input_price or 0.0, output_usd=config.hosted_output_price or 0.0)
