"""What a mouse does: citations, memories, sessions and replies are clicked."""

from pathlib import Path

from textual.events import MouseScrollUp

from recollect.tui.widgets.memory_list import MemoryList
from recollect.tui.widgets.memory_pane import MemoryPane
from recollect.tui.widgets.message_view import MessageView
from recollect.tui.widgets.prompt import Prompt
from recollect.tui.widgets.transcript import Transcript

from .conftest import Perform, Screenplay, TalkingGenerator, open_memory
from .test_panes import fill


async def click_last(scene: Screenplay, words: str) -> None:
    """Click where the terminal shows these words last, in the chat or the list of sessions."""
    right = scene.app.chat_screen.query_one(MemoryPane).region.x
    lines = [line[:right] for line in scene.screen_text().splitlines()]
    row = max(row for row, line in enumerate(lines) if words in line)
    await scene.pilot.click(offset=(lines[row].rindex(words) + 1, row))
    await scene.pilot.pause()


def test_a_clicked_citation_selects_its_memory_in_plain_text_and_in_markdown(
    perform: Perform, store: Path, generator: TalkingGenerator
) -> None:
    fill(store)
    generator.script = ("It was ", "blue [2], not red [1].")

    async def play(scene: Screenplay) -> None:
        pane = scene.app.chat_screen.query_one(MemoryPane)
        for reads_history in (False, True):
            generator.reads_history = reads_history
            await scene.say("Which fact?")
            await scene.sees("cited of", "blue [2]")
            for number in (2, 1):
                scene.app.chat_screen.query_one(Transcript).scroll_end(animate=False)
                await scene.pilot.pause()
                await click_last(scene, f"[{number}]")
                await scene.until(lambda n=number: pane.selected is not None and pane.selected.number == n)

    perform(play, size=(120, 50))


def test_a_clicked_reply_shows_its_memories(perform: Perform, generator: TalkingGenerator) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.say("My bicycle is red")
        generator.script = ("Green, ", "as you said [1].")
        await scene.say("My bicycle?")
        generator.script = ("Nothing ", "else.")
        await scene.say("And my car?")
        first = scene.app.chat_screen.query(MessageView)[4]
        assert not first.has_class("-chosen")
        await click_last(scene, "Green")
        await scene.until(lambda: first.has_class("-chosen"))

    perform(play)


def test_a_clicked_memory_is_selected_and_shown(perform: Perform, store: Path) -> None:
    fill(store, 3)

    async def play(scene: Screenplay) -> None:
        await scene.write("/recall fact number")
        await scene.sees("Recalled")
        pane = scene.app.chat_screen.query_one(MemoryPane)
        assert scene.app.chat_screen.query_one(MemoryList).highlighted == 0
        second = pane.evidence.memories[1]
        row = next(row for row, line in enumerate(scene.screen_text().splitlines()) if f" [{second.number}] " in line)
        await scene.pilot.click(MemoryList, offset=(4, row - scene.app.chat_screen.query_one(MemoryList).region.y))
        await scene.until(lambda: pane.selected == second)
        await scene.sees(f"“{second.memory.text}”")

    perform(play)


def test_a_clicked_session_is_gone_on_in(perform: Perform, store: Path) -> None:
    fill(store, 2, session="early")
    with open_memory(store) as memory:
        memory.add("Ann", "A later word", said_at="2026-02-01", session="late")

    async def play(scene: Screenplay) -> None:
        await scene.sees("A later word", "Fact number 1")
        await click_last(scene, "Fact number 1")
        await scene.until(lambda: scene.chat.session == "early")
        assert scene.messages() == [("user", "Fact number 1"), ("user", "Fact number 2")]
        assert isinstance(scene.app.focused, Prompt)

    perform(play)


def test_the_wheel_scrolls_through_a_long_session(perform: Perform, store: Path) -> None:
    fill(store, 45)

    async def play(scene: Screenplay) -> None:
        await scene.pilot.press("f2", "down", "enter")
        await scene.sees("Fact number 45")
        transcript = scene.app.chat_screen.query_one(Transcript)
        while not (transcript.is_first_shown and transcript.scroll_offset.y == 0):
            await scene.pilot._post_mouse_events([MouseScrollUp], transcript)
        await scene.sees("Fact number 1")

    perform(play)
