"""The pane beside the chat: which memories an answer used, and what can be done with each."""

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static

from ..evidence import Evidence, ShownMemory
from ..words import one_line
from .memory_detail import MemoryDetail
from .memory_list import MemoryList

NOTHING = "The memories that an answer was given to read are shown here, with the words that mattered."


class MemoryPane(Vertical):
    """Shows evidence; pinning, correcting and forgetting are asked of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "ask('pin')", "Pin"),
        Binding("c", "ask('correct')", "Correct"),
        Binding("f,delete", "ask('forget')", "Forget", key_display="f"),
        Binding("u", "screen.command('undo')", "Undo", show=False),
        Binding("o", "ask('open')", "Open"),
        *(Binding(str(digit), f"select({digit})", show=False) for digit in range(1, 10)),
    ]

    @dataclass
    class Asked(Message):
        """Something is to be done with a memory: pin, correct, forget or open."""

        what: str
        shown: ShownMemory

    def __init__(self) -> None:
        super().__init__(id="memory-pane")
        self.evidence = Evidence(title="")
        self.pinned: frozenset[int] = frozenset()

    def compose(self) -> ComposeResult:
        """Put the list above what is selected in it."""
        yield Static(id="memory-title", classes="pane-title")
        yield MemoryList()
        yield MemoryDetail()

    def on_mount(self) -> None:
        """Say what will be here."""
        self.show(self.evidence)

    @property
    def selected(self) -> ShownMemory | None:
        """The memory that is selected."""
        place = self.query_one(MemoryList).highlighted
        return None if place is None or place >= len(self.evidence.memories) else self.evidence.memories[place]

    def show(self, evidence: Evidence) -> None:
        """Show the memories of an answer."""
        self.evidence = evidence
        count = len(evidence.memories)
        used = f" · {evidence.tokens}/{evidence.budget} tokens" if evidence.budget else ""
        title = one_line(evidence.title) or "Memories"
        self.query_one("#memory-title", Static).update(
            Content.assemble(
                (title, "bold"), (f"\n{count} {'memory' if count == 1 else 'memories'}{used}", "$dimmed")
            )
        )
        self.query_one(MemoryList).show(evidence, self.pinned)
        if not count:
            self.query_one(MemoryDetail).show(None)
            self.query_one("#detail-text", Static).update(Content.styled(NOTHING, "$dimmed"))

    def select(self, number: int) -> bool:
        """Select the memory with a citation number, and tell whether there is one."""
        place = self.evidence.numbered(number)
        if place is not None:
            self.query_one(MemoryList).highlighted = place
        return place is not None

    def show_pins(self, pinned: frozenset[int]) -> None:
        """Show which memories are pinned."""
        self.pinned = pinned
        memories = self.query_one(MemoryList)
        for place, shown in enumerate(self.evidence.memories):
            memories.mark(place, shown, is_pinned=shown.memory.id in pinned)
        self._show_detail()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show what is selected."""
        event.stop()
        self._show_detail()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Go from the list to the whole text."""
        event.stop()
        self.query_one(MemoryDetail).focus()

    def _show_detail(self) -> None:
        shown = self.selected
        if shown is not None:
            self.query_one(MemoryDetail).show(shown, is_pinned=shown.memory.id in self.pinned)

    def action_select(self, number: int) -> None:
        """Select by number."""
        self.select(number)

    def action_ask(self, what: str) -> None:
        """Ask for something to be done with the selected memory."""
        if self.selected is not None:
            self.post_message(self.Asked(what, self.selected))
