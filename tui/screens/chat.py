"""The chat: messages in the middle, sessions on the left, memories on the right, a prompt and a status line."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer

from ...memory.errors import RecollectError
from ...memory.types import Turn
from ..command_actions import CommandActions
from ..history import History
from ..threads import in_thread
from ..turn_display import Turns
from ..turns import TurnRunner
from ..widgets.memory_pane import MemoryPane
from ..widgets.message_view import MessageView
from ..widgets.prompt import Prompt
from ..widgets.session_list import SessionList
from ..widgets.status_line import StatusLine
from ..widgets.suggestions import Suggestions
from ..widgets.transcript import Transcript

if TYPE_CHECKING:
    from ...agent.chat import Chat
    from ..app import ChatApp
    from ..ports import OpenChat

Result = TypeVar("Result")
WELCOME = """Recollect works offline: it remembers what you write here, and answers by quoting it. \
Nothing leaves this machine.
Tell it things as they happen, ask about them later; [2] in an answer is a link to the words it comes from.
/model NAME connects a chat model if you have one, /help lists the commands and keys."""


class ChatScreen(Screen[None]):
    """Runs turns in threads and shows what they post; every command has a key or can be typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "command('help')", "Help"),
        Binding("f2", "pane('sessions')", "Chats"),
        Binding("f3", "pane('memory')", "Why"),
        Binding("f4", "command('browse')", "Memory"),
        Binding("f5", "command('settings')", "Settings", show=False),
        Binding("escape", "back", "Stop / back", show=False),
        Binding("slash", "begin_command", show=False),
        Binding("ctrl+n", "command('new')", "New", show=False),
        Binding("ctrl+r", "command('retry')", "Retry", show=False, priority=True),
        Binding("ctrl+g", "command('edit')", "Edit", show=False, priority=True),
        Binding("ctrl+t", "command('copy')", "Copy reply", show=False, priority=True),
    ]

    def __init__(self, open_chat: "OpenChat") -> None:
        super().__init__()
        self._open_chat = open_chat
        self.chat: Chat | None = None
        self.turns, self.commands, self.history = Turns(self), CommandActions(self), History(self)
        self._waiting: list[str] = []

    def compose(self) -> ComposeResult:
        """Lay the panes out; app.tcss says which are seen at which width."""
        with Horizontal(id="body"):
            yield SessionList()
            with Vertical(id="middle"):
                yield Transcript()
                yield Suggestions()
                yield Prompt()
            yield MemoryPane()
        yield StatusLine()
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Show the prompt first; what takes time to import is imported after that."""
        self.query_one(Prompt).focus()
        self.tell(doing="opening…")
        self.call_after_refresh(self._open_soon)

    @work(group="open", exclusive=True)
    async def _open_soon(self) -> None:
        await self.open()

    def do_soon(self, doing: Coroutine[None, None, None]) -> None:
        """Do something that may wait for a thread: a screen that waits in a handler is not painted."""
        self.run_worker(doing, group="commands")

    @work(group="sessions", exclusive=True)
    async def _list_soon(self, words: str = "") -> None:
        await self.history.list(words)

    async def open(self) -> None:
        """Open the chat, again after its settings changed; what was written meanwhile is sent then."""
        before = self.chat
        try:
            chat = await in_thread(self._open_chat)
        except RecollectError as error:
            self.tell(doing="not open" if before is None else "")
            self._give_back()
            await self.say("failed", "The memory could not be opened", f"{error}\nF5 shows the settings.")
            return
        session = None if before is None or before.session is None else before.past.session(before.session)
        self.chat = chat
        if before is not None:
            chat.look_back(before.as_of)
            await in_thread(before.close)
        if session is not None:
            await in_thread(lambda: chat.resume(session))
        await self._greet(chat, is_first=before is None)
        for text in self._waiting:
            self.turns.send(text)
        self._waiting.clear()
        await self.attempt(chat.warm_up)
        self.recollect.when_warm()

    async def _greet(self, chat: "Chat", *, is_first: bool) -> None:
        counts = await in_thread(chat.past.counts)
        held = counts.turns + counts.events
        self.tell(doing="", model=chat.label, user=chat.user, memories=held, as_of=chat.as_of or "")
        self.query_one(MemoryPane).show_pins(await in_thread(chat.keeping.pinned))
        await self.history.list()
        if is_first:
            prompt = self.query_one(Prompt)
            prompt.remember(await in_thread(chat.asked_before))
            draft = await in_thread(lambda: chat.draft)
            if not prompt.text:  # looked at last: somebody may have begun to write meanwhile
                prompt.put(draft)
            if not held:
                await self.say("note", "Welcome", WELCOME)

    def _give_back(self) -> None:
        if self._waiting:
            self.query_one(Prompt).put("\n".join(self._waiting))
            self._waiting.clear()

    async def attempt(self, work: Callable[[], Result]) -> Result | None:
        """Return what `work` returns, from a thread; None where it failed, which is shown."""
        try:
            return await in_thread(work)
        except RecollectError as error:
            self.complain(error)
            return None

    def complain(self, error: RecollectError) -> None:
        """Show what failed and what to do."""
        self.notify(" ".join(str(error).split()), severity="error", timeout=10, markup=False)

    def tell(self, **changes: object) -> None:
        """Change the status line."""
        line = self.query_one(StatusLine)
        line.status = replace(line.status, **changes)  # type: ignore[arg-type]  # fields of Status, by their names

    async def say(self, kind: str, head: str, text: str) -> None:
        """Add a note of the app's own to the chat."""
        async with self.history.at_end() as transcript:
            await transcript.add(MessageView("failed" if kind == "failed" else "note", head, text))

    # -- sending ---------------------------------------------------------------------------------

    def on_prompt_completing(self, event: Prompt.Completing) -> None:
        """List the commands above the prompt."""
        self.query_one(Suggestions).offer(event.commands, event.chosen)

    def on_prompt_sent(self, event: Prompt.Sent) -> None:
        """Run a command, or send a turn."""
        if event.text.startswith("/"):
            self.do_soon(self.commands.run(event.text))
        elif self.chat is None:
            self._waiting.append(event.text)
            self.tell(doing="opening… what you wrote is sent then")
        elif self.turns.runner.is_running:
            self.query_one(Prompt).put(event.text)
            self.notify("A reply is still being written; Escape stops it.")
        else:
            self.turns.send(event.text)

    async def on_turn_runner_heard(self, event: TurnRunner.Heard) -> None:
        """Show how far the reply is."""
        await self.turns.heard(event)
        if isinstance(event.news, TurnRunner.Finished):
            self._list_soon()

    # -- memories --------------------------------------------------------------------------------

    def show_evidence(self, view: MessageView, number: int | None = None) -> None:
        """Show the memories of a reply, with a number that one selected."""
        pane = self.query_one(MemoryPane)
        if view.evidence is None:
            return
        shown = view.evidence.without(self._hidden)
        if shown != pane.evidence:
            pane.show(shown)
        self.query_one(Transcript).mark(view)
        if number is not None and not pane.select(number):
            self.notify(f"The memory behind [{number}] is gone.")

    def refresh_evidence(self) -> None:
        """Show the memories of the chosen reply again, without those that wait to be forgotten."""
        pane = self.query_one(MemoryPane)
        if (chosen := self.query_one(Transcript).chosen) is None:
            pane.show(pane.evidence.without(self._hidden))
        else:
            self.show_evidence(chosen)

    @property
    def _hidden(self) -> frozenset[int]:
        return frozenset() if self.chat is None else self.chat.keeping.waiting

    def replace_memory(self, turn: Turn) -> None:
        """Show the new words of a turn that was corrected."""
        self.turns.correct(turn)
        pane = self.query_one(MemoryPane)
        pane.show(pane.evidence.corrected(turn))

    def on_message_view_chosen(self, event: MessageView.Chosen) -> None:
        """Show what a reply was given to read; a citation opens the pane where it is hidden."""
        self.show_evidence(event.view, event.number)
        if event.number is not None:
            self.reveal_pane("memory")

    def on_message_view_link_chosen(self, event: MessageView.LinkChosen) -> None:
        """Copy a link: the app opens no browser by itself."""
        self.recollect.copy_to_clipboard(event.href)
        self.notify("The link was copied.")

    def on_memory_pane_asked(self, event: MemoryPane.Asked) -> None:
        """Do what is asked for with a memory."""
        self.do_soon(self.commands.with_memory(event.what, event.shown))

    # -- sessions --------------------------------------------------------------------------------

    def on_session_list_wanted(self, event: SessionList.Wanted) -> None:
        """Search the sessions."""
        self._list_soon(event.words)

    def on_session_list_resumed(self, event: SessionList.Resumed) -> None:
        """Go on in a session."""
        self.do_soon(self.history.resume(event.session))

    def on_session_list_rename_asked(self, event: SessionList.RenameAsked) -> None:
        """Ask for a title."""
        self.commands.ask_title(event.session)

    def on_transcript_wanted(self, event: Transcript.Wanted) -> None:
        """Load other turns of the session."""
        self.do_soon(self.history.load(event.edge))

    # -- going about -----------------------------------------------------------------------------

    def action_command(self, name: str) -> None:
        """Run a command without an argument."""
        self.do_soon(self.commands.act(name, ""))

    @property
    def recollect(self) -> "ChatApp":
        """The app, as what it is."""
        return cast("ChatApp", self.app)  # pyright: ignore[reportUnknownMemberType] - Textual's type leaves it open

    def action_pane(self, name: str) -> None:
        """Go to a pane, or back from it to the prompt."""
        if self.query_one("#memory-pane" if name == "memory" else "#session-pane").has_focus_within:
            self._close_panes()
        else:
            self.show_pane(name)

    def action_begin_command(self) -> None:
        """Begin a command from wherever the focus is; in a pane, its letters would pin and forget."""
        self._close_panes()
        self.query_one(Prompt).put("/")

    def reveal_pane(self, name: str) -> None:
        """Go to a pane that is hidden; one that is seen leaves the focus where somebody writes."""
        if not self.query_one("#memory-pane" if name == "memory" else "#session-pane").region:
            self.show_pane(name)

    def show_pane(self, name: str) -> None:
        """Go to a pane, which is opened where it is hidden."""
        self.remove_class("-sessions", "-memory")
        self.add_class(f"-{name}")
        target = self.query_one("#memories" if name == "memory" else "#sessions")
        self.call_after_refresh(target.focus)

    def _close_panes(self) -> None:
        self.remove_class("-sessions", "-memory")
        self.query_one(Prompt).focus()

    async def action_back(self) -> None:
        """Stop the reply, or go back to the prompt."""
        if not await self.turns.stop():
            self._close_panes()
