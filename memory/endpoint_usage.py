"""What a completion took, as the server that made it tells, and what that costs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars of a million tokens: of those read, and of those written."""

    input_usd: float
    output_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one completion, by the server's own tokenizer: read, and written (reasoning included).

    `cost_usd` is what they cost in US dollars, None where no price is known.
    """

    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None = None


def usage_in(reported: object, price: Price | None = None) -> Usage | None:
    """Return what a completion's `usage` says; None where the server does not tell, or tells no counts."""
    read = getattr(reported, "prompt_tokens", None)
    written = getattr(reported, "completion_tokens", None)
    # the client parses without checking: a count may be any JSON
    if not (isinstance(read, int) and isinstance(written, int)):
        return None
    cost = None if price is None else (read * price.input_usd + written * price.output_usd) / 1e6
    return Usage(prompt_tokens=read, completion_tokens=written, cost_usd=cost)


def in_words(usage: Usage) -> str:
    """Return `1,234 tokens read, 56 written`, and the cost where it is known: `, $0.0021`."""
    told = f"{usage.prompt_tokens:,} tokens read, {usage.completion_tokens:,} written"
    return told if usage.cost_usd is None else f"{told}, ${usage.cost_usd:.4f}"
