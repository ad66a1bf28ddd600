"""What a completion took, as the server that made it tells."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one completion, by the server's own tokenizer: read, and written (reasoning included)."""

    prompt_tokens: int
    completion_tokens: int


def usage_in(reported: object) -> Usage | None:
    """Return what a completion's `usage` says; None where the server does not tell, or tells no counts."""
    read = getattr(reported, "prompt_tokens", None)
    written = getattr(reported, "completion_tokens", None)
    # the client parses without checking: a count may be any JSON
    if isinstance(read, int) and isinstance(written, int):
        return Usage(prompt_tokens=read, completion_tokens=written)
    return None
