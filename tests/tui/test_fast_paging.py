"""Keys that come faster than pages are loaded: nobody loses the place, and no page is shown twice or left out."""

import asyncio
from pathlib import Path

import pytest

from recollect.memory.types import NewTurn
from recollect.tui.widgets.memory_pane import MemoryPane
from recollect.tui.widgets.transcript import Edge, Transcript

from .conftest import Perform, Screenplay, TalkingGenerator, open_memory
from .test_transcript import positions, resumed, seen

TURNS = 150
LINES = 3
"""What each of the turns takes up: a head, a line, and one between."""


@pytest.fixture(autouse=True)
def session_of_short_turns(store: Path) -> None:
    with open_memory(store) as memory:
        memory.add_many(NewTurn(speaker="Ann", text=f"Fact {n:03}.", session="old") for n in range(1, TURNS + 1))


async def settled(scene: Screenplay) -> None:
    """Wait until keys have arrived, nothing is loaded and nothing moves any more."""
    screen = scene.app.chat_screen
    transcript = screen.query_one(Transcript)
    arrived = asyncio.Event()  # behind the keys, in the queues of all that hand them on
    scene.app.call_later(lambda: screen.call_later(lambda: transcript.call_later(arrived.set)))
    await arrived.wait()
    await scene.pilot.pause()
    await scene.until(lambda: not transcript.is_waiting)


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ("home home", 1),
        ("pageup pageup home", 1),
        ("home pagedown end end", TURNS),
        ("home end pageup home pageup", 1),
        ("pageup home pageup pageup end", TURNS),
    ],
)
def test_home_and_end_win_over_pages_that_are_still_loaded(perform: Perform, keys: str, place: int) -> None:
    async def play(scene: Screenplay) -> None:
        scene.app.animation_level = "none"
        transcript = await resumed(scene)
        await settled(scene)
        for _ in range(2):
            scene.burst(*keys.split())
            await settled(scene)
            positions(transcript)  # each once, in order
            assert place in seen(transcript)

    perform(play, size=(100, 30))


@pytest.mark.parametrize(("key", "edge", "start"), [("pageup", "older", "end"), ("pagedown", "newer", "home")])
def test_a_page_is_a_page_at_whatever_moment_messages_are_mounted(
    perform: Perform, key: str, edge: Edge, start: str
) -> None:
    async def play(scene: Screenplay) -> None:
        scene.app.animation_level = "none"
        transcript = await resumed(scene)
        other = "home" if start == "end" else "end"
        for steps in (0, 3, 6, 12, 24, 48):
            for go in (other, start):
                scene.burst(go)
                await settled(scene)
            for pages in range(2):
                before = lines_above(transcript)
                load = asyncio.create_task(scene.app.chat_screen.history.load(edge))
                for _ in range(steps):
                    await asyncio.sleep(0)
                scene.burst(key)
                await load
                await settled(scene)
                moved = abs(lines_above(transcript) - before)
                assert 0 < moved <= transcript.size.height, f"page {pages} after {steps} steps"

    perform(play, size=(100, 30))


def lines_above(transcript: Transcript) -> int:
    """How many lines of the session lie above what is seen."""
    first = positions(transcript)[0]
    return (first - 1) * LINES + transcript.scroll_offset.y


def test_a_page_counts_as_one_while_the_page_before_is_still_moving(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        transcript = await resumed(scene)
        await settled(scene)
        for key, sign in (("pageup", -1), ("pagedown", 1)):
            before = lines_above(transcript)
            scene.burst(*[key] * 3)
            await scene.pilot.wait_for_scheduled_animations()
            await settled(scene)
            assert lines_above(transcript) - before == sign * 3 * transcript.size.height

    perform(play, size=(100, 30))


def test_a_page_up_right_after_end_is_not_undone(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        scene.app.animation_level = "none"
        transcript = await resumed(scene)
        await settled(scene)
        end = lines_above(transcript)
        for keys in (["pageup"], ["end", "pageup"], ["end", "end", "pageup"]):
            scene.burst(*keys)
            await settled(scene)
            assert end - lines_above(transcript) == transcript.size.height

    perform(play, size=(100, 30))


def test_a_terminal_that_grows_past_what_is_mounted_is_filled(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        transcript = await resumed(scene)
        await settled(scene)
        await scene.pilot.resize_terminal(100, 200)
        await settled(scene)
        assert len(seen(transcript)) >= transcript.size.height // LINES
        scene.app.animation_level = "none"
        for _ in range(TURNS):
            scene.burst("pageup")
            await settled(scene)
            if 1 in seen(transcript):
                break
        assert 1 in seen(transcript)

    perform(play, size=(100, 24))


def test_what_is_sent_right_after_home_is_seen_at_the_end(perform: Perform, generator: TalkingGenerator) -> None:
    async def play(scene: Screenplay) -> None:
        transcript = await resumed(scene)
        generator.gate.clear()
        transcript.action_scroll_home()
        scene.app.chat_screen.turns.send("Where am I?")
        await scene.sees("Where am I?", f"Fact {TURNS}", "You said so")
        assert transcript.growing is transcript.views[-1]
        generator.gate.set()
        await scene.until(lambda: scene.messages()[-1] == ("reply", "You said so [1]."))

    perform(play)


def test_a_page_that_could_not_be_read_is_asked_for_again(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        scene.app.animation_level = "none"
        transcript = await resumed(scene)
        await settled(scene)
        scene.chat.agent.memory.archive.store.close()
        before = positions(transcript)
        for key in ("pageup", "pageup", "pageup", "home"):
            await scene.pilot.press(key)
            await settled(scene)
            assert not transcript.is_first_shown
        assert positions(transcript)[-1] == before[-1]
        await scene.sees("closed")

    perform(play, size=(100, 30))


def test_the_focus_and_the_chosen_reply_survive_pages_away_and_back(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        transcript = await resumed(scene)
        await scene.say("Which fact?")
        pane = scene.app.chat_screen.query_one(MemoryPane)
        transcript.focus()
        await scene.pilot.press("left_square_bracket")
        await scene.until(lambda: transcript.chosen is not None and pane.selected is not None)
        selected = pane.selected
        for key in ("home", "end"):
            scene.burst(key)
            await settled(scene)
            assert scene.app.focused is transcript
            assert pane.selected == selected
            assert (transcript.chosen is None) == (key == "home")
        assert transcript.chosen is transcript.last_reply

    perform(play)
