"""Which lines the messages of a transcript take up."""

from collections.abc import Sequence

from textual.geometry import Size
from textual.widget import Widget

from .message_view import MessageView


def first_seen(views: Sequence[MessageView], line: float) -> tuple[MessageView, float] | None:
    """Return the first of the messages that goes on below a line, and how many lines below it begins."""
    for view in views:
        region = view.virtual_region
        if region.bottom > line:
            return view, region.y - line
    return None


def is_any_seen(views: Sequence[MessageView], transcript: Widget) -> bool:
    """Whether one of the messages, which are laid out, is in view."""
    top = transcript.scroll_y
    bottom = top + transcript.size.height
    regions = [view.virtual_region for view in views]
    return any(region.y < bottom and region.bottom > top for region in regions)


def height(views: Sequence[MessageView], transcript: Widget, terminal: Size) -> int:
    """Return the lines that messages take up, which need not be laid out yet."""
    width = transcript.scrollable_content_region.width
    size = Size(width, transcript.size.height)
    return sum(
        view.get_content_height(size, terminal, width - view.gutter.width) + view.gutter.height + 1
        for view in views  # one line of margin each
    )
