"""What a stored reply knows about itself: that it is one, whom it cites, and where."""

from ..memory.types import Turn
from .citations import numbers_in
from .types import Mark

MARKDOWN = "markdown"


def is_reply(turn: Turn) -> bool:
    """Tell whether a turn is a reply of the assistant's."""
    return turn.metadata.get("role") == "assistant"


def is_markdown(reply: Turn) -> bool:
    """Tell whether a chat model wrote a reply, as Markdown; what quotes people is shown as it is."""
    return reply.metadata.get("markup") == MARKDOWN


def cited_ids(reply: Turn) -> list[int]:
    """Return the ids of the turns that a reply cites, in order of first mention."""
    return _whole_numbers(reply.metadata.get("cites"))


def cited_numbers(reply: Turn) -> list[int]:
    """Return the number of each of `cited_ids` in the reply; replies of older versions have none."""
    return _whole_numbers(reply.metadata.get("numbers"))


def marks_of(reply: Turn) -> tuple[Mark, ...]:
    """Return the places of the citations in a reply."""
    kept = reply.metadata.get("marks")
    spans = [_whole_numbers(span) for span in _listed(kept)]
    return tuple(
        Mark(start=span[0], end=span[1], numbers=numbers_in(reply.text[span[0] : span[1]]))
        for span in spans
        if len(span) == 2
    )


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []  # pyright: ignore[reportUnknownArgumentType] - JSON


def _whole_numbers(value: object) -> list[int]:
    return [one for one in _listed(value) if isinstance(one, int)]
