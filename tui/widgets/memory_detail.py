"""The selected memory: its words with the heat of the attention on them, and its scores as bars."""

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ...memory.types import Turn
from ..evidence import Bar, ShownMemory
from ..words import figure, moment, visible

BAR_WIDTH = 12
_EIGHTHS = " ▏▎▍▌▋▊▉"
_HEATS = ("underline", "bold underline", "bold underline reverse")
"""By share of the strongest word; seen without colour, too."""


class MemoryDetail(VerticalScroll, can_focus=True):
    """Everything that is known of one memory."""

    def __init__(self) -> None:
        super().__init__(id="detail")
        self._text = Static(id="detail-text")

    def compose(self) -> ComposeResult:
        """Hold one text."""
        yield self._text

    def show(self, shown: ShownMemory | None, *, is_pinned: bool = False) -> None:
        """Show a memory, or nothing."""
        self.scroll_home(animate=False)
        self._text.update(Content("") if shown is None else described(shown, is_pinned=is_pinned))


def described(shown: ShownMemory, *, is_pinned: bool) -> Content:
    """Return a memory as it is shown: the words, who said them where and when, the scores, the attention."""
    parts = [heated(shown), Content(""), _place(shown, is_pinned)]
    if shown.bars:
        width = max(len(bar.stage) for bar in shown.bars)
        parts += [Content(""), *(drawn(bar, width) for bar in shown.bars)]
    if shown.heat:
        words = ", ".join(f"{visible(word.text)} {100 * word.share:.0f}\N{NO-BREAK SPACE}%" for word in shown.heat)
        parts += [Content(""), Content.assemble(("attention  ", "$dimmed"), words)]
    return Content("\n").join(parts)


def heated(shown: ShownMemory) -> Content:
    """Return the words of a memory, each styled by the share of attention it drew."""
    text = Content(visible(shown.memory.text), strip_control_codes=False)
    most = max((word.share for word in shown.heat), default=0.0)
    for word in shown.heat:
        step = min(int(word.share / most * len(_HEATS)), len(_HEATS) - 1) if most else 0
        for start, end in word.spans:
            text = text.stylize(f"{_HEATS[step]} $accent", start, end)
    return Content.assemble("“", text, "”")


def drawn(bar: Bar, width: int) -> Content:
    """Return a score as a bar: name, blocks, number."""
    eighths = round(bar.share * BAR_WIDTH * 8)
    blocks = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    return Content.assemble(
        (f"{bar.stage:<{width}} ", "$dimmed"), (f"{blocks:<{BAR_WIDTH}}", "$accent"), f" {figure(bar.score)}"
    )


def _place(shown: ShownMemory, is_pinned: bool) -> Content:
    memory = shown.memory
    if isinstance(memory, Turn):
        place = (
            f"{visible(memory.speaker)}, {moment(memory.said_at)}\n{visible(memory.session)}, turn {memory.position}"
        )
    else:
        place = f"Summary, {moment(memory.happened_at)}\n{visible(memory.session)}"
    dates = (
        [f"{visible(d.text)} = {d.label}" for d in memory.dates if d.label not in d.text]
        if isinstance(memory, Turn)
        else []
    )
    lines = [place, *dates, *(["Pinned: every answer reads it"] if is_pinned else [])]
    return Content.assemble(("\n".join(lines), "$dimmed"))
