"""What the slash commands do on a chat screen; each is a method with the name of the command's action."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..memory.errors import InvalidInput, RecollectError
from ..memory.session_info import SessionInfo
from .commands import parse
from .evidence import ShownMemory, of_recall
from .screens.ask import Ask
from .screens.browser import BrowserScreen
from .screens.help import HelpScreen
from .screens.settings import SettingsScreen
from .widgets.memory_pane import MemoryPane
from .widgets.prompt import Prompt
from .widgets.session_list import SessionList
from .widgets.transcript import Transcript
from .words import one_line

if TYPE_CHECKING:
    from ..agent.chat import Chat
    from .screens.chat import ChatScreen


class CommandActions:
    """Everything but `quit`, `help`, `theme` and `settings` waits until the chat is open."""

    def __init__(self, screen: "ChatScreen") -> None:
        self._screen = screen

    async def run(self, line: str) -> None:
        """Run a line that begins with "/"; one that cannot be run comes back into the prompt."""
        try:
            command, argument = parse(line)
        except InvalidInput as error:
            self._screen.complain(error)
            self._screen.query_one(Prompt).put(line)
            return
        await self.act(command.action, argument)

    async def act(self, action: str, argument: str) -> None:
        """Run an action by its name."""
        always: dict[str, Callable[[str], Awaitable[None]]] = {
            "help": self._help,
            "quit": self._quit,
            "settings": self._settings,
            "theme": self._theme,
            "model": self._model,
            "stop": self._stop,
        }
        if action in always:
            await always[action](argument)
        elif self._screen.chat is None:
            self._screen.notify("The memory is still being opened; try again in a moment.")
        else:
            await self._with_chat(self._screen.chat, action, argument)

    async def _with_chat(self, chat: "Chat", action: str, argument: str) -> None:
        actions: dict[str, Callable[[Chat, str], Awaitable[None]]] = {
            "remember": self._remember,
            "recall": self._recall,
            "why": self._why,
            "forget": self._forget,
            "undo": self._undo,
            "as_of": self._as_of,
            "new": self._new,
            "sessions": self._sessions,
            "rename": self._rename,
            "retry": self._retry,
            "edit": self._edit,
            "copy": self._copy,
            "export": self._export,
            "browse": self._browse,
        }
        await actions[action](chat, argument)

    # -- always ----------------------------------------------------------------------------------

    async def _help(self, argument: str) -> None:
        self._screen.recollect.push_screen(HelpScreen())

    async def _quit(self, argument: str) -> None:
        await self._screen.recollect.run_action("app.quit")

    async def _stop(self, argument: str) -> None:
        await self._screen.turns.stop()

    async def _theme(self, argument: str) -> None:
        app = self._screen.recollect
        known = app.available_themes
        chosen = argument or ("recollect-light" if app.current_theme.dark else "recollect-dark")
        chosen = chosen if chosen in known else f"recollect-{chosen}"
        if chosen not in known:
            names = [name for name in known if not name.startswith("recollect-")]
            self._screen.complain(
                InvalidInput(f"{argument} is no theme; there are: dark, light, {', '.join(names)}.")
            )
        else:
            app.theme = chosen

    async def _model(self, argument: str) -> None:
        if not argument:
            await self._settings("")
            return
        settings = self._screen.recollect.settings
        try:
            settings.use_model(argument)
        except RecollectError as error:
            self._screen.complain(error)
            return
        await self._screen.open()

    async def _settings(self, argument: str) -> None:
        def reopen(is_changed: bool | None) -> None:
            if is_changed:
                themes = [setting.value for setting in app.settings.entries() if setting.name == "chat.theme"]
                for theme in themes:
                    app.use_theme(theme)
                self._screen.do_soon(self._screen.open())

        app = self._screen.recollect
        app.push_screen(SettingsScreen(app.settings), reopen)

    # -- memories --------------------------------------------------------------------------------

    async def _remember(self, chat: "Chat", text: str) -> None:
        turn = await self._screen.attempt(lambda: chat.remember(text))
        if turn is not None:
            await self._screen.say("note", "Noted", turn.text)
            self._screen.tell(memories=(await self._held(chat)))

    async def _held(self, chat: "Chat") -> int | None:
        counts = await self._screen.attempt(chat.past.counts)
        return None if counts is None else counts.turns + counts.events

    async def _recall(self, chat: "Chat", text: str) -> None:
        self._screen.tell(doing="remembering…")
        found = await self._screen.attempt(lambda: chat.recall(text))
        self._screen.tell(doing="")
        if found is not None:
            self._screen.query_one(MemoryPane).show(of_recall(found, f"Recalled: {text}"))
            self._screen.reveal_pane("memory")

    async def _why(self, chat: "Chat", argument: str) -> None:
        reply = self._screen.query_one(Transcript).last_reply
        if reply is None:
            self._screen.notify("There was no answer yet.")
            return
        self._screen.show_evidence(reply)
        self._screen.reveal_pane("memory")

    async def _forget(self, chat: "Chat", argument: str) -> None:
        pane = self._screen.query_one(MemoryPane)
        if argument and not (argument.strip("[]").isdigit() and pane.select(int(argument.strip("[]")))):
            self._screen.complain(
                InvalidInput(f"No memory beside the chat has the number {argument}; /recall TEXT lists some.")
            )
        elif pane.selected is None:
            self._screen.complain(InvalidInput("No memory is listed beside the chat; /recall TEXT lists some."))
        else:
            await self.with_memory("forget", pane.selected)

    async def _undo(self, chat: "Chat", argument: str) -> None:
        kept = chat.keeping.undo()
        if kept is None:
            self._screen.notify("Nothing waits to be forgotten.")
            return
        self._screen.notify(f"Kept: {one_line(kept.text)[:60]}", markup=False)
        self._screen.refresh_evidence()

    async def with_memory(self, what: str, shown: ShownMemory) -> None:
        """Pin, correct or forget a memory, or open the session it was said in."""
        screen, chat, memory = self._screen, self._screen.chat, shown.memory
        if chat is None:
            return
        if what == "pin":
            await screen.attempt(lambda: chat.keeping.toggle_pin(memory))
            screen.query_one(MemoryPane).show_pins(await screen.attempt(chat.keeping.pinned) or frozenset())
        elif what == "forget":
            chat.keeping.forget(memory)
            screen.notify("Forgotten with your next message, or when you quit; /undo or u keeps it.")
            screen.refresh_evidence()
        elif what == "correct":
            screen.recollect.push_screen(Ask("Correct this memory", memory.text), self._corrector(chat, shown))
        elif (session := await screen.attempt(lambda: chat.past.session_of(memory))) is not None:
            await screen.history.resume(session)

    def _corrector(self, chat: "Chat", shown: ShownMemory) -> Callable[[str | None], None]:
        async def correct(text: str) -> None:
            corrected = await self._screen.attempt(lambda: chat.keeping.correct(shown.memory, text))
            if corrected is not None:
                self._screen.replace_memory(corrected)
                self._screen.notify("Corrected; its old words are gone.")

        def correct_soon(text: str | None) -> None:
            if text is not None and text != shown.memory.text:
                self._screen.do_soon(correct(text))

        return correct_soon

    async def _as_of(self, chat: "Chat", day: str) -> None:
        try:
            chat.look_back(day or None)
        except RecollectError as error:
            self._screen.complain(error)
            return
        self._screen.tell(as_of=day)
        self._screen.notify(f"Answers know nothing after {day}." if day else "Answers know everything again.")

    async def _browse(self, chat: "Chat", text: str) -> None:
        def resume(session: SessionInfo | None) -> None:
            if session is not None:
                self._screen.do_soon(self._screen.history.resume(session))

        self._screen.recollect.push_screen(BrowserScreen(chat, holding=text), resume)

    # -- the session -----------------------------------------------------------------------------

    async def _new(self, chat: "Chat", argument: str) -> None:
        await self._screen.history.begin()
        self._screen.query_one(Prompt).focus()

    async def _sessions(self, chat: "Chat", words: str) -> None:
        self._screen.query_one(SessionList).search(words)
        self._screen.show_pane("sessions")

    async def _rename(self, chat: "Chat", title: str) -> None:
        name = chat.session
        session = None if name is None else await self._screen.attempt(lambda: chat.past.session(name))
        if session is None:
            self._screen.notify("This session begins with your first message.")
        else:
            await self._give_title(chat, session, title)

    def ask_title(self, session: SessionInfo) -> None:
        """Ask for the title of a session."""
        chat = self._screen.chat

        def rename(title: str | None) -> None:
            if chat is not None and title is not None:
                self._screen.do_soon(self._give_title(chat, session, title))

        self._screen.recollect.push_screen(Ask("Title of the session", session.title or ""), rename)

    async def _give_title(self, chat: "Chat", session: SessionInfo, title: str) -> None:
        await self._screen.attempt(lambda: chat.past.rename(session, title))
        await self._screen.history.list()

    async def _retry(self, chat: "Chat", argument: str) -> None:
        if chat.said is None:
            self._screen.notify("Nothing was said in this session yet.")
            return
        await self._screen.turns.stop()
        self._screen.turns.run(lambda heard: chat.again(on_recall=heard), None)

    async def _edit(self, chat: "Chat", argument: str) -> None:
        if chat.said is None:
            self._screen.notify("Nothing was said in this session yet.")
            return
        await self._screen.turns.stop()
        self._screen.turns.editing = True
        prompt = self._screen.query_one(Prompt)
        prompt.put(chat.said.text)
        prompt.focus()
        self._screen.notify("What you send now takes the place of your last message.")

    async def _copy(self, chat: "Chat", argument: str) -> None:
        reply = self._screen.query_one(Transcript).last_reply
        if reply is None:
            self._screen.notify("There was no answer yet.")
        else:
            self._screen.recollect.copy_to_clipboard(reply.text)
            self._screen.notify("The last reply was copied.")

    async def _export(self, chat: "Chat", file: str) -> None:
        path = await self._screen.attempt(lambda: chat.export(Path(file).expanduser() if file else None))
        if path is not None:
            self._screen.notify(f"Written to {path}", markup=False)
