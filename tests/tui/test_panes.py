"""The panes and screens: memories pinned and corrected, sessions resumed, the browser, settings, narrow terminals."""

from datetime import datetime, timedelta
from pathlib import Path

from textual.widgets import Input, OptionList, TextArea

from recollect.memory.types import NewTurn
from recollect.tui.screens.ask import Ask
from recollect.tui.screens.browser import BrowserScreen
from recollect.tui.screens.settings import SettingsScreen
from recollect.tui.widgets.memory_pane import MemoryPane
from recollect.tui.widgets.message_view import MessageView
from recollect.tui.widgets.prompt import Prompt
from recollect.tui.widgets.timeline import Timeline
from recollect.tui.widgets.transcript import Transcript

from .conftest import Dictionary, Perform, Screenplay, open_memory


def fill(store: Path, turns: int = 2, session: str = "old") -> None:
    begun = datetime.fromisoformat("2026-01-01T10:00+00:00")
    with open_memory(store) as memory:
        memory.add_many(
            NewTurn(speaker="Ann", text=f"Fact number {n}", said_at=begun + timedelta(minutes=n), session=session)
            for n in range(1, turns + 1)
        )


def test_a_memory_is_pinned_corrected_and_opened_from_the_pane(perform: Perform, store: Path) -> None:
    fill(store)

    async def play(scene: Screenplay) -> None:
        await scene.write("/recall fact number 2")
        await scene.sees("Recalled", "Fact number 2")
        pane = scene.app.chat_screen.query_one(MemoryPane)
        await scene.pilot.press("f3", "2", "p")
        await scene.sees("Pinned: every answer reads it")
        assert pane.selected is not None
        assert scene.chat.keeping.pinned() == {pane.selected.memory.id}
        await scene.pilot.press("p")
        await scene.until(lambda: scene.chat.keeping.pinned() == frozenset())
        await scene.pilot.press("c")
        await scene.until(lambda: isinstance(scene.app.screen, Ask))
        scene.app.screen.query_one(TextArea).text = "Fact number two"
        await scene.pilot.press("enter")
        await scene.sees("Fact number two")
        assert "Fact number two" in [turn.text for turn in scene.chat.agent.memory.latest(9)]
        await scene.pilot.press("o")
        await scene.until(lambda: scene.chat.session == "old")
        assert scene.messages() == [("user", "Fact number 1"), ("user", "Fact number two")]

    perform(play)


def test_a_correction_that_is_left_changes_nothing(perform: Perform, store: Path) -> None:
    fill(store, 1)

    async def play(scene: Screenplay) -> None:
        await scene.write("/recall fact")
        await scene.sees("Recalled")
        await scene.pilot.press("f3", "c")
        await scene.until(lambda: isinstance(scene.app.screen, Ask))
        await scene.pilot.press("x", "escape")
        await scene.until(lambda: scene.app.screen is scene.app.chat_screen)
        assert [turn.text for turn in scene.chat.agent.memory.latest(9)] == ["Fact number 1"]

    perform(play)


def test_a_session_is_renamed_in_the_list(perform: Perform, store: Path) -> None:
    fill(store)

    async def play(scene: Screenplay) -> None:
        await scene.pilot.press("f2", "down", "r")
        await scene.until(lambda: isinstance(scene.app.screen, Ask))
        scene.app.screen.query_one(TextArea).text = "Two facts"
        await scene.pilot.press("enter")
        await scene.sees("Two facts")

    perform(play)


def test_a_stored_reply_shows_its_citations_again(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.say("I have a red bicycle")
        await scene.say("Which bicycle?")
        await scene.write("/new")
        await scene.until(lambda: scene.messages() == [])
        await scene.pilot.press("f2", "down", "enter")
        await scene.until(lambda: len(scene.messages()) == 4)
        scene.app.chat_screen.query(MessageView).last().action_cite(1)
        await scene.sees("Why this answer", "● [1] Ann")
        transcript = scene.app.chat_screen.query_one(Transcript)
        transcript.focus()
        await scene.pilot.press("left_square_bracket")
        first = scene.app.chat_screen.query(MessageView)[1]
        await scene.until(lambda: first.has_class("-chosen"))

    perform(play)


def test_the_browser_filters_counts_and_reads_page_by_page(perform: Perform, store: Path) -> None:
    fill(store, 450)
    with open_memory(store) as memory:
        turn = memory.add("Ben", "A late word", said_at="2026-03-01", session="new")
        memory.add_event([turn], "Ben was late")

    async def play(scene: Screenplay) -> None:
        await scene.pilot.press("f4")
        await scene.until(lambda: isinstance(scene.app.screen, BrowserScreen))
        await scene.sees("A late word", "summary: Ben was late", "451 turns, 1 summaries", "vectors", "complete")
        timeline = scene.app.screen.query_one(Timeline)
        assert timeline.count == 200
        await scene.pilot.press("end")
        await scene.until(lambda: timeline.count == 400)
        await scene.pilot.press("end")
        await scene.until(lambda: timeline.count == 452)
        scene.app.screen.query_one("#speaker", Input).value = "ben"
        await scene.until(lambda: timeline.count == 1)
        scene.app.screen.query_one("#speaker", Input).value = ""
        scene.app.screen.query_one("#holding", Input).value = "NUMBER 45"
        await scene.until(lambda: timeline.count == 2)
        scene.app.screen.query_one("#since", Input).value = "soon"
        await scene.sees("soon")

    perform(play)


def test_the_browser_pins_forgets_and_opens(perform: Perform, store: Path) -> None:
    fill(store, 3)

    async def play(scene: Screenplay) -> None:
        await scene.write("/memory number")
        await scene.until(lambda: isinstance(scene.app.screen, BrowserScreen))
        timeline = scene.app.screen.query_one(Timeline)
        await scene.until(lambda: timeline.count == 3 and timeline.selected is not None)
        await scene.pilot.press("p")
        await scene.sees("Pinned")
        await scene.pilot.press("f")
        await scene.until(lambda: timeline.count == 2)
        await scene.pilot.press("u")
        await scene.until(lambda: timeline.count == 3)
        await scene.pilot.press("slash")
        assert isinstance(scene.app.focused, Input)
        await scene.pilot.press("enter", "o")
        await scene.until(lambda: scene.app.screen is scene.app.chat_screen and len(scene.messages()) == 3)

    perform(play)


def test_settings_are_changed_and_wrong_values_refused(perform: Perform, settings: Dictionary) -> None:
    async def play(scene: Screenplay) -> None:
        before = scene.chat
        await scene.pilot.press("f5")
        await scene.until(lambda: isinstance(scene.app.screen, SettingsScreen))
        await scene.pilot.press("enter")
        assert settings.values["generator.name"] == "hosted"
        await scene.pilot.press("down", "enter")
        value = scene.app.screen.query_one("#setting-value", Input)
        assert scene.app.focused is value
        value.value = "wrong"
        await scene.pilot.press("enter")
        await scene.sees("expected a text")
        value.value = "big"
        await scene.pilot.press("enter")
        assert settings.values["hosted.model"] == "big"
        await scene.pilot.press("ctrl+d")
        assert settings.values["hosted.model"] == ""
        await scene.pilot.press("escape")
        await scene.until(lambda: scene.app.chat_screen.chat is not before)

    perform(play)


def test_in_a_narrow_terminal_one_pane_is_seen_at_a_time(perform: Perform, store: Path) -> None:
    fill(store)

    async def play(scene: Screenplay) -> None:
        await scene.say("Which fact?")
        pane, prompt = scene.app.chat_screen.query_one(MemoryPane), scene.app.chat_screen.query_one(Prompt)
        assert not pane.region
        await scene.pilot.press("f3")
        await scene.until(lambda: pane.region.width == 80 and not prompt.region)
        await scene.pilot.press("f2")
        await scene.until(lambda: not pane.region and "Search" in scene.screen_text())
        await scene.pilot.press("escape")
        await scene.until(lambda: prompt.region.width == 80 and prompt.has_focus)
        view = scene.app.chat_screen.query(MessageView).last()
        view.post_message(MessageView.Chosen(view, 1))
        await scene.until(lambda: pane.region.width == 80)

    perform(play, size=(80, 24))


def test_a_slash_begins_a_command_from_any_pane(perform: Perform, store: Path) -> None:
    fill(store)

    async def play(scene: Screenplay) -> None:
        await scene.say("Which fact?")
        prompt = scene.app.chat_screen.query_one(Prompt)
        for key in ("f3", "f2"):
            await scene.pilot.press(key)
            await scene.until(lambda: not prompt.has_focus)
            await scene.pilot.press("slash", "w", "h", "y")
            assert prompt.text == "/why"
            assert prompt.has_focus
            prompt.put("")

    perform(play, size=(80, 24))


def test_everything_is_reached_by_tab(perform: Perform, store: Path) -> None:
    fill(store)

    async def play(scene: Screenplay) -> None:
        await scene.say("Which fact?")
        seen = set[str | None]()
        for _ in range(8):
            await scene.pilot.press("tab")
            assert scene.app.focused is not None
            seen.add(scene.app.focused.id)
        assert seen >= {"prompt", "transcript", "sessions", "session-search", "memories", "detail"}
        assert scene.app.chat_screen.query_one("#sessions", OptionList).option_count > 2

    perform(play)
