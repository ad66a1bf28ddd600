"""The line below: who writes the replies, for whom, from how much, and how long the last one took."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from ..words import counted, one_line, took

STAGES = (("recall", ("embed", "lexical", "dense", "fuse")), ("rerank", ("rerank",)), ("write", ("generate",)))
"""What the stages of a turn are called here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What there is to tell; `doing` is what the app is busy with, `timings` are milliseconds by stage."""

    model: str = ""
    user: str = ""
    as_of: str = ""
    memories: int | None = None
    tokens: int | None = None
    budget: int = 0
    timings: Mapping[str, float] = field(default_factory=dict[str, float])
    doing: str = ""


class StatusLine(Static):
    """Drops what matters least where the terminal is narrow."""

    status: reactive[Status] = reactive(Status())

    def __init__(self) -> None:
        super().__init__(id="status")

    def render(self) -> Content:
        """Return as many parts as fit."""
        parts = status_parts(self.status)
        while len(parts) > 1 and sum(part.cell_length + 3 for part in parts) - 3 > self.size.width - 2:
            parts.pop()
        return Content.styled(" · ", "$dimmed").join(parts)


def status_parts(status: Status) -> list[Content]:
    """Return the parts of the line, the most important first."""
    parts: list[Content] = []
    if status.doing:
        parts.append(Content.styled(status.doing, "bold $accent"))
    if status.model:
        parts.append(Content.styled(one_line(status.model), "bold"))
    if status.as_of:
        parts.append(Content.styled(f"as of {status.as_of}", "bold $warning"))
    if status.user:
        parts.append(Content(one_line(status.user)))
    if status.memories is not None:
        parts.append(Content(counted(status.memories, "memory", "memories")))
    if status.tokens is not None:
        parts.append(Content(f"context {status.tokens}/{status.budget}"))
    if "total" in status.timings:
        parts.append(Content(took(status.timings["total"])))
    for name, stages in STAGES:
        times = [status.timings[stage] for stage in stages if stage in status.timings]
        if times:
            parts.append(Content.styled(f"{name} {took(sum(times))}", "$dimmed"))
    return parts
