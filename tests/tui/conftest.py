"""An app over real memories in a real store, with a generator that says what the test tells it to."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from threading import enumerate as running_threads

import pytest
from textual.events import Key
from textual.pilot import Pilot

from recollect.agent.agent import Agent
from recollect.agent.chat import Chat
from recollect.agent.long_term_memory import LongTermMemory
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.errors import ConfigError, RecollectError
from recollect.memory.store import Store
from recollect.memory.types import Context, Turn
from recollect.rerank.base import FirstStageOrder
from recollect.tui.app import ChatApp
from recollect.tui.ports import Setting
from recollect.tui.threads import OURS
from recollect.tui.widgets.message_view import MessageView
from recollect.tui.widgets.prompt import Prompt
from recollect.tui.widgets.status_line import StatusLine
from tests.fakes import HashEmbedder, count_words


class TalkingGenerator:
    """Says the pieces of `script`; waits for `gate` before the last one, where it is closed."""

    name = "extractive"
    reads_history = False

    def __init__(self) -> None:
        self.script: Sequence[str] = ("You said so ", "[1].")
        self.error: RecollectError | None = None
        self.gate = Event()
        self.gate.set()
        self.asked: list[str] = []

    def stream(self, question: str, context: Context, history: Sequence[Turn]) -> Iterator[str]:
        self.asked.append(question)
        for place, piece in enumerate(self.script):
            if place == len(self.script) - 1:
                self.gate.wait(20)
            yield piece
        if self.error is not None:
            raise self.error


class Dictionary:
    """Settings in a dictionary, with one that knows its choices."""

    def __init__(self) -> None:
        self.refusal = ""
        self.values = {"generator.name": "extractive", "hosted.model": "", "chat.theme": "dark"}

    def entries(self) -> Sequence[Setting]:
        choices = {"generator.name": ("extractive", "hosted"), "chat.theme": ("dark", "light")}
        return [
            Setting(name=name, value=value, source="default", expected="a text", choices=choices.get(name, ()))
            for name, value in self.values.items()
        ]

    def change(self, name: str, text: str) -> None:
        if self.refusal:
            raise ConfigError(self.refusal)
        if text == "wrong":
            raise ConfigError(f"{name} = 'wrong': expected a text.")
        self.values[name] = text

    def use_model(self, name: str) -> None:
        self.change("hosted.model", name)
        self.change("generator.name", "hosted")


@pytest.fixture
def generator() -> TalkingGenerator:
    return TalkingGenerator()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


@pytest.fixture
def settings() -> Dictionary:
    return Dictionary()


def open_memory(store: Path) -> LongTermMemory:
    archive = Archive(Store(store), HashEmbedder())
    return LongTermMemory(archive, FirstStageOrder(), ContextBuilder(count_words), user="ann")


@pytest.fixture
def app(generator: TalkingGenerator, settings: Dictionary, store: Path) -> ChatApp:
    def open_chat() -> Chat:
        return Chat(Agent(open_memory(store), generator, speaker="Ann"))

    return ChatApp(open_chat, settings)


class Screenplay:
    """An app that runs, and a pilot that waits for what is to be seen."""

    def __init__(self, app: ChatApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def chat(self) -> Chat:
        chat = self.app.chat_screen.chat
        assert chat is not None
        return chat

    def screen_text(self) -> str:
        """What the terminal shows."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    async def until(self, is_so: Callable[[], object]) -> None:
        """Wait for something to become true; the time is there for slow machines, not to be used."""
        for _ in range(400):
            if is_so():
                await self.pilot.pause()
                return
            await self.pilot.pause(0.02)
        raise AssertionError(f"It never came to that:\n{self.screen_text()}")

    async def sees(self, *words: str) -> None:
        await self.until(lambda: all(word in self.screen_text() for word in words))

    def burst(self, *keys: str) -> None:
        """Press keys at once, as a slow line hands them over, without waiting for what they do."""
        for key in keys:
            self.app.post_message(Key(key, key if len(key) == 1 else None))

    async def opened(self) -> None:
        status = self.app.chat_screen.query_one(StatusLine)
        await self.until(lambda: self.app.chat_screen.chat is not None and not status.status.doing)

    async def write(self, text: str) -> None:
        prompt = self.app.chat_screen.query_one(Prompt)
        prompt.focus()
        prompt.put(text)
        await self.pilot.press("enter")
        await self.pilot.pause()

    async def say(self, text: str) -> None:
        """Send a turn and wait for the reply."""
        before = self.app.chat_screen.query_one(StatusLine).status.timings
        await self.write(text)
        line = self.app.chat_screen.query_one(StatusLine)
        await self.until(lambda: line.status.timings is not before and not line.status.doing)

    def threads(self) -> list[Thread]:
        """The threads of the app that still work."""
        return [thread for thread in running_threads() if thread.name.startswith(OURS)]

    def messages(self) -> list[tuple[str, str]]:
        return [(view.kind, view.text) for view in self.app.chat_screen.query(MessageView)]


Play = Callable[[Screenplay], Awaitable[None]]
Perform = Callable[..., None]


@pytest.fixture
def perform(app: ChatApp) -> Perform:
    """Run a play on a terminal of a size; the chat is open when it begins."""

    def run(play: Play, *, size: tuple[int, int] = (160, 50), opened: bool = True) -> None:
        async def performed() -> None:
            async with app.run_test(size=size, notifications=True) as pilot:
                screenplay = Screenplay(app, pilot)
                if opened:
                    await screenplay.opened()
                await play(screenplay)

        asyncio.run(performed())

    return run
