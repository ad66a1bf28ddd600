"""An app over real memories in a real store, with a generator that says what the test tells it to."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from threading import Event
from typing import Protocol

import pytest

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
        self.values = {"generator.name": "extractive", "hosted.model": ""}

    def entries(self) -> Sequence[Setting]:
        choices = {"generator.name": ("extractive", "hosted")}
        return [
            Setting(name=name, value=value, source="default", expected="a text", choices=choices.get(name, ()))
            for name, value in self.values.items()
        ]

    def change(self, name: str, text: str) -> None:
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
