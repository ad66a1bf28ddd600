"""The window of messages: bounded however long a session is, and what is seen stays where it is."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from recollect.memory.types import NewTurn
from recollect.tui.widgets.message_view import MessageView
from recollect.tui.widgets.transcript import MOST_MOUNTED, Transcript

from .conftest import Perform, Screenplay, TalkingGenerator, open_memory

TURNS = 150


@pytest.fixture
def long_session(store: Path) -> None:
    begun = datetime.fromisoformat("2026-01-01T10:00+00:00")
    with open_memory(store) as memory:
        memory.add_many(
            NewTurn(
                speaker="Ann",
                text=f"Fact {n:03}." + " It took many words to say." * (n % 7),
                said_at=begun + timedelta(minutes=n),
                session="old",
            )
            for n in range(1, TURNS + 1)
        )


async def resumed(scene: Screenplay) -> Transcript:
    await scene.pilot.press("f2", "down", "enter")
    await scene.sees(f"Fact {TURNS}")
    transcript = scene.app.chat_screen.query_one(Transcript)
    transcript.focus()
    return transcript


def positions(transcript: Transcript) -> list[int]:
    """The places of the messages that are mounted, after a look at how many they are."""
    places = [view.position for view in transcript.views if view.position is not None]
    assert len(transcript.views) <= MOST_MOUNTED
    assert len(transcript.query("*")) <= MOST_MOUNTED + 3  # and the scrollbars
    assert places == list(range(places[0], places[-1] + 1))
    return places


def seen(transcript: Transcript) -> list[int]:
    """The places of the messages that the terminal shows, from top to bottom."""
    top, bottom = transcript.scroll_offset.y, transcript.scroll_offset.y + transcript.size.height
    views = [view for view in transcript.views if view.virtual_region.y < bottom and view.virtual_region.bottom > top]
    return [view.position or 0 for view in views]


async def paged(scene: Screenplay, transcript: Transcript, key: str, *, until: int) -> None:
    """Press a key until a message is seen; every screen must go on where the one before ended."""
    for _ in range(TURNS):
        before = seen(transcript)
        if until in before:
            return
        await scene.pilot.press(key)
        await scene.until(lambda before=before: seen(transcript) != before)
        now = seen(transcript)
        positions(transcript)
        if key == "pageup":
            assert now[0] < before[0] <= now[-1] + 1
        else:
            assert now[0] <= before[-1] + 1 <= now[-1] + 1
    raise AssertionError(f"{until} was never seen.")


@pytest.mark.usefixtures("long_session")
def test_scrolling_up_and_down_through_a_long_session_misses_nothing_and_mounts_few(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        scene.app.animation_level = "none"
        transcript = await resumed(scene)
        assert positions(transcript)[-1] == TURNS
        await paged(scene, transcript, "pageup", until=1)
        assert positions(transcript)[0] == 1
        assert TURNS not in positions(transcript)
        await scene.sees("Fact 001")
        await paged(scene, transcript, "pagedown", until=TURNS)
        assert positions(transcript)[-1] == TURNS
        assert 1 not in positions(transcript)

    perform(play, size=(100, 40))


@pytest.mark.usefixtures("long_session")
def test_home_and_end_go_to_the_ends_of_the_session(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        transcript = await resumed(scene)
        await scene.pilot.press("home")
        await scene.sees("Fact 001")
        assert positions(transcript)[0] == 1
        await scene.pilot.press("end")
        await scene.sees(f"Fact {TURNS}")
        assert positions(transcript)[-1] == TURNS

    perform(play)


@pytest.mark.usefixtures("long_session")
def test_what_is_said_far_from_the_end_is_said_at_the_end(perform: Perform, generator: TalkingGenerator) -> None:
    async def play(scene: Screenplay) -> None:
        transcript = await resumed(scene)
        await scene.pilot.press("home")
        await scene.sees("Fact 001")
        await scene.say("Where am I?")
        assert positions(transcript)[-2:] == [TURNS + 1, TURNS + 2]
        await scene.sees("Where am I?", f"Fact {TURNS}")
        generator.script = ("At the end ", "[1].")
        await scene.pilot.press("ctrl+r")
        await scene.until(lambda: scene.messages()[-1] == ("reply", "At the end [1]."))

    perform(play)


@pytest.mark.usefixtures("long_session")
def test_scrolling_back_while_a_reply_is_written_keeps_it(perform: Perform, generator: TalkingGenerator) -> None:
    async def play(scene: Screenplay) -> None:
        scene.app.animation_level = "none"
        transcript = await resumed(scene)
        generator.gate.clear()
        await scene.write("Tell me")
        await scene.sees("You said so")
        transcript.focus()
        for _ in range(30):
            await scene.pilot.press("pageup")
        await scene.pilot.pause(0.1)
        assert transcript.growing is transcript.views[-1]
        assert len(transcript.views) <= MOST_MOUNTED
        generator.gate.set()
        await scene.until(lambda: transcript.growing is None)
        await paged(scene, transcript, "pageup", until=1)

    perform(play, size=(100, 40))


def test_a_long_chat_unmounts_its_beginning(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.say("The very first")
        transcript = scene.app.chat_screen.query_one(Transcript)
        for number in range(MOST_MOUNTED + 1):
            await transcript.add(MessageView("note", "Note", f"Note {number}"))
        assert len(transcript.views) == MOST_MOUNTED
        assert not transcript.is_first_shown
        await scene.sees(f"Note {MOST_MOUNTED}")
        transcript.focus()
        await scene.pilot.press("home")
        await scene.sees("The very first")

    perform(play)


@pytest.mark.usefixtures("long_session")
def test_a_terminal_that_changes_its_size_leaves_the_reader_where_he_was(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        transcript = await resumed(scene)
        for _ in range(4):
            await scene.pilot.press("pageup")
        await scene.pilot.pause(0.6)
        first = seen(transcript)[0]
        await scene.pilot.resize_terminal(60, 30)
        await scene.pilot.pause(0.2)
        assert seen(transcript)[0] == first

    perform(play)
