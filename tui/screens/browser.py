"""Everything that is remembered, the latest first: filtered, counted, read page by page."""

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static

from ...memory.errors import RecollectError
from ...memory.session_info import SessionInfo
from ...memory.types import Memory
from ..evidence import ShownMemory
from ..threads import in_thread
from ..widgets.field import Field
from ..widgets.memory_detail import MemoryDetail
from ..widgets.timeline import Timeline
from ..words import counted, one_line, sized

if TYPE_CHECKING:
    from ...agent.chat import Chat
    from ...agent.past import Page, Wanted
    from ...memory.health import Statistics
    from ...memory.store import Counts

PAGE = 200


class BrowserScreen(Screen[SessionInfo | None]):
    """Gives the session that is to be gone on in, None when it is just closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f4", "leave", "Back"),
        Binding("p", "pin", "Pin"),
        Binding("f,delete", "forget", "Forget", key_display="f"),
        Binding("u", "undo", "Undo"),
        Binding("o", "open", "Open session"),
        Binding("slash", "search", "Search"),
    ]

    def __init__(self, chat: "Chat", *, holding: str = "") -> None:
        super().__init__()
        self._chat = chat
        self._holding = holding
        self._pinned: frozenset[int] = frozenset()
        self._reading = 0

    def compose(self) -> ComposeResult:
        """Put filters above the timeline, and what is selected beside it."""
        yield Static("Memory", id="browser-title", classes="pane-title")
        with Horizontal(id="filters"):
            yield Field(self._holding, placeholder="Text", id="holding", compact=True)
            yield Field(placeholder="Speaker", id="speaker", compact=True)
            yield Field(placeholder="Since 2026-01-31", id="since", compact=True)
            yield Field(placeholder="Until", id="until", compact=True)
        with Horizontal(id="browser-body"):
            yield Timeline()
            with Vertical(id="browser-side"):
                yield MemoryDetail()
                yield Static(id="health")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Read the first page, then count."""
        self.query_one(Timeline).focus()
        self._read_anew()
        self._count()

    def _read_anew(self) -> None:
        self._reading += 1
        self._read(None, self._reading)

    @work(group="read", exclusive=True)
    async def _read(self, after: tuple[int, int] | None, reading: int) -> None:
        wanted = self._wanted()
        try:
            page: Page = await in_thread(lambda: self._chat.past.timeline(wanted, after=after, limit=PAGE))
            self._pinned = await in_thread(self._chat.keeping.pinned)
        except RecollectError as error:
            self.query_one("#browser-title", Static).update(Content.styled(one_line(str(error)), "$error"))
            return
        if reading == self._reading:
            timeline = self.query_one(Timeline)
            timeline.extend(
                page.memories, after=page.after, is_fresh=after is None, hidden=self._chat.keeping.waiting
            )
            self._title(timeline)

    def _wanted(self) -> "Wanted":
        from ...agent.past import Wanted  # loaded already, by the chat

        text = {
            name: self.query_one(f"#{name}", Field).value.strip() for name in ("holding", "speaker", "since", "until")
        }
        return Wanted(
            holding=text["holding"],
            speaker=text["speaker"] or None,
            since=text["since"] or None,
            until=text["until"] or None,
        )

    def _title(self, timeline: Timeline) -> None:
        shown = counted(timeline.count, "memory", "memories")
        more = "" if timeline.is_complete else ", more below"
        self.query_one("#browser-title", Static).update(
            Content.assemble(("Memory", "bold"), (f"  {shown}{more}", "$dimmed"))
        )

    @work(group="count")
    async def _count(self) -> None:
        from ...memory.health import statistics

        def look() -> "tuple[Counts, Statistics]":
            return self._chat.past.counts(), statistics(self._chat.agent.memory.archive.store)

        try:
            counts, health = await in_thread(look)
        except RecollectError as error:
            self.query_one("#health", Static).update(one_line(str(error)))
            return
        self.query_one("#health", Static).update(_health(self._chat.user, counts, health))

    # -- reading ---------------------------------------------------------------------------------

    def on_input_changed(self) -> None:
        """Filter while somebody types."""
        self._read_anew()

    def on_input_submitted(self) -> None:
        """Go on to what was found."""
        self.query_one(Timeline).focus()

    def on_timeline_end_reached(self, event: Timeline.EndReached) -> None:
        """Read the next page."""
        self._read(event.after, self._reading)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show what is selected."""
        self._show_selected()

    def _show_selected(self) -> None:
        memory = self.query_one(Timeline).selected
        if memory is not None:
            shown = ShownMemory(memory=memory)
            self.query_one(MemoryDetail).show(shown, is_pinned=memory.id in self._pinned)

    # -- doing -----------------------------------------------------------------------------------

    @property
    def _selected(self) -> Memory | None:
        return self.query_one(Timeline).selected

    @work
    async def action_pin(self) -> None:
        """Pin what is selected, or take its pin away."""
        memory = self._selected
        if memory is not None:
            await in_thread(lambda: self._chat.keeping.toggle_pin(memory))
            self._pinned = await in_thread(self._chat.keeping.pinned)
            self._show_selected()

    def action_forget(self) -> None:
        """Have what is selected wait to be forgotten."""
        memory = self._selected
        if memory is not None:
            self._chat.keeping.forget(memory)
            self.notify("Forgotten with your next message, or when you quit; u keeps it.")
            self._read_anew()

    def action_undo(self) -> None:
        """Keep what was to be forgotten last."""
        if self._chat.keeping.undo() is None:
            self.notify("Nothing waits to be forgotten.")
        self._read_anew()

    @work
    async def action_open(self) -> None:
        """Go on in the session of what is selected."""
        memory = self._selected
        if memory is not None:
            self.dismiss(await in_thread(lambda: self._chat.past.session_of(memory)))

    def on_option_list_option_selected(self) -> None:
        """Go from the list to the whole text."""
        self.query_one(MemoryDetail).focus()

    def action_search(self) -> None:
        """Go to the search field."""
        self.query_one("#holding", Field).focus()

    def action_leave(self) -> None:
        """Go back to the chat."""
        self.dismiss(None)


def _health(user: str, counts: "Counts", health: "Statistics") -> Content:
    missing = health.vectors_missing
    rows = [
        (user, f"{counts.turns:,} turns, {counts.events:,} summaries, {counts.sessions:,} sessions"),
        ("dates", f"{counts.date_mentions:,} resolved"),
        ("store", f"{sized(health.bytes_on_disk)}, {health.store}"),
        ("vectors", f"{health.embedder or 'none'}, " + (f"{missing:,} missing" if missing else "complete")),
        ("index", f"snapshot of {sized(health.snapshot_bytes)}" if health.snapshot else "built when opened"),
    ]
    width = max(len(name) for name, _ in rows)
    return Content("\n").join(
        Content.assemble((f"{one_line(name):<{width}}  ", "$dimmed"), one_line(about)) for name, about in rows
    )
