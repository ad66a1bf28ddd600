"""The memories of an answer in a list: number, who, when, how well each fits, and its first words."""

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ...memory.types import Turn
from ..evidence import Evidence, ShownMemory
from ..words import moment, one_line

_BLOCKS = " ▁▂▃▄▅▆▇█"


class MemoryList(OptionList):
    """Two lines a memory; the cited ones carry a filled mark."""

    def __init__(self) -> None:
        super().__init__(id="memories", compact=True)

    def show(self, evidence: Evidence, pinned: frozenset[int]) -> None:
        """List the memories of an answer, the first selected."""
        self.set_options(Option(_entry(shown, shown.memory.id in pinned)) for shown in evidence.memories)
        self.highlighted = 0 if evidence.memories else None

    def mark(self, place: int, shown: ShownMemory, *, is_pinned: bool) -> None:
        """Draw one memory anew."""
        self.replace_option_prompt_at_index(place, _entry(shown, is_pinned))


def _entry(shown: ShownMemory, is_pinned: bool) -> Content:
    memory = shown.memory
    when = memory.said_at if isinstance(memory, Turn) else memory.happened_at
    number = f"[{shown.number}]" if shown.number is not None else " · "
    head = Content.assemble(
        ("●" if shown.is_cited else "○", "$success" if shown.is_cited else "$dimmed"),
        (f" {number} ", "bold $primary"),
        (one_line(shown.who), "bold"),
        (f"  {moment(when)} ", "$dimmed"),
        ("".join(_BLOCKS[round(bar.share * 8)] for bar in shown.bars), "$accent"),
        (" 📌" if is_pinned else "", ""),
    )
    words = Content.assemble("  ", (one_line(memory.text)[:300], "$text"))
    return Content("\n").join([head, words])
