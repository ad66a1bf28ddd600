"""The commands that a line may become, listed above it while it is written."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from ..commands import Command

MOST_SHOWN = 8


class Suggestions(Static):
    """A list that is read only; the prompt keeps the focus and moves the choice."""

    def __init__(self) -> None:
        super().__init__(id="suggestions")
        self.display = False

    def offer(self, commands: Sequence[Command], chosen: int) -> None:
        """List commands, and mark the chosen one; nothing is shown for none."""
        self.display = bool(commands)
        first = max(0, min(chosen - MOST_SHOWN + 1, len(commands) - MOST_SHOWN)) if chosen >= MOST_SHOWN else 0
        width = max((len(command.usage) for command in commands), default=0)
        lines: list[Content] = []
        for place, command in enumerate(commands[first : first + MOST_SHOWN], first):
            style = "$block-cursor-foreground on $block-cursor-background" if place == chosen else "$primary"
            mark = "›" if place == chosen else " "
            lines.append(
                Content.assemble((f"{mark} {command.usage:<{width}} ", style), "  ", (command.summary, "$dimmed"))
            )
        self.update(Content("\n").join(lines))
