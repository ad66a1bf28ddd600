"""Keys that arrive in one burst act in the order they were pressed in, and none is lost."""

from pathlib import Path

import pytest
from textual.widgets import Input, TextArea

from recollect.memory.types import NewTurn
from recollect.tui.screens.ask import Ask
from recollect.tui.screens.browser import BrowserScreen
from recollect.tui.widgets.prompt import Prompt

from .conftest import Perform, Screenplay, open_memory

BURSTS = [
    (("o", "l", "d", "ctrl+u", "n", "e", "w"), "new"),
    (("h", "i", "k", "backspace", "t"), "hit"),
    (("a", "c", "left", "b", "end", "d"), "abcd"),
]


@pytest.mark.parametrize(("keys", "text"), [*BURSTS, (("a", "ctrl+j", "b"), "a\nb")])
def test_letters_do_not_overtake_the_keys_before_them_in_the_prompt(
    perform: Perform, keys: tuple[str, ...], text: str
) -> None:
    async def play(scene: Screenplay) -> None:
        prompt = scene.app.chat_screen.query_one(Prompt)
        scene.burst(*keys)
        await scene.until(lambda: prompt.text == text)

    perform(play)


@pytest.mark.parametrize(("keys", "text"), BURSTS)
def test_nor_in_a_field(perform: Perform, keys: tuple[str, ...], text: str) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.pilot.press("f4")
        await scene.until(lambda: isinstance(scene.app.screen, BrowserScreen))
        field = scene.app.screen.query_one("#holding", Input)
        field.focus()
        await scene.pilot.pause()
        scene.burst(*keys)
        await scene.until(lambda: field.value == text)

    perform(play)


def test_enter_saves_a_correction_with_the_letters_before_it(perform: Perform, store: Path) -> None:
    with open_memory(store) as memory:
        memory.add_many([NewTurn(speaker="Ann", text="Fact", session="old")])

    async def play(scene: Screenplay) -> None:
        await scene.write("/recall fact")
        await scene.sees("Recalled")
        await scene.pilot.press("f3", "c")
        await scene.until(lambda: isinstance(scene.app.screen, Ask))
        assert isinstance(scene.app.focused, TextArea)
        scene.burst("s", "x", "backspace", "!", "enter")
        await scene.until(lambda: [turn.text for turn in scene.chat.agent.memory.latest(9)] == ["Facts!"])

    perform(play)


def test_what_is_typed_just_before_leaving_is_kept(perform: Perform, store: Path) -> None:
    async def play(scene: Screenplay) -> None:
        scene.burst(*"draft", "ctrl+q")
        await scene.until(lambda: not scene.app.is_running)

    perform(play)
    with open_memory(store) as memory:
        assert memory.archive.store.fact("draft of ann") == "draft"
