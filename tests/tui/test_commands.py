"""Every slash command, and the line that completes them."""

from pathlib import Path

import pytest

from recollect.config_keys import THEMES
from recollect.memory.errors import InvalidInput
from recollect.tui.app import ChatApp
from recollect.tui.commands import COMMANDS, matching, parse
from recollect.tui.screens.browser import BrowserScreen
from recollect.tui.screens.help import HelpScreen
from recollect.tui.screens.settings import SettingsScreen
from recollect.tui.widgets.memory_pane import MemoryPane
from recollect.tui.widgets.prompt import Prompt
from recollect.tui.widgets.session_list import SessionList
from recollect.tui.widgets.status_line import StatusLine

from .conftest import Dictionary, Perform, Screenplay, TalkingGenerator, open_memory


def fill(store: Path) -> None:
    with open_memory(store) as memory:
        memory.add("Ann", "My bicycle is red", said_at="2026-01-01T10:00", session="old")
        memory.add("Ben", "My bicycle is blue", said_at="2026-02-01T10:00", session="later")


def test_a_command_is_read_with_its_argument_and_wrong_ones_name_the_nearest() -> None:
    assert parse("/as-of  2026-01-01 ")[1] == "2026-01-01"
    assert parse("/quit")[0].action == "quit"
    with pytest.raises(InvalidInput, match="did you mean /recall"):
        parse("/recal x")
    with pytest.raises(InvalidInput, match="/help lists"):
        parse("/zzz")
    with pytest.raises(InvalidInput, match="/recall TEXT"):
        parse("/recall")
    assert [command.name for command in matching("/re")] == ["remember", "recall", "rename", "retry"]
    assert matching("/recall x") == []


def test_typing_a_slash_lists_commands_and_tab_completes_them(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.pilot.press("slash", "r", "e")
        await scene.sees("› /remember TEXT", "/rename TITLE")
        await scene.pilot.press("down", "tab")
        prompt = scene.app.chat_screen.query_one(Prompt)
        assert prompt.text == "/recall "
        await scene.until(lambda: "› /" not in scene.screen_text())
        prompt.put("")
        await scene.pilot.press("slash", "h", "enter")
        await scene.until(lambda: isinstance(scene.app.screen, HelpScreen))

    perform(play)


def test_up_brings_back_what_was_written_and_down_the_draft(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.say("One")
        await scene.say("Two")
        prompt = scene.app.chat_screen.query_one(Prompt)
        prompt.put("Thr")
        await scene.pilot.press("up")
        assert prompt.text == "Two"
        await scene.pilot.press("up")
        assert prompt.text == "One"
        await scene.pilot.press("down", "down")
        assert prompt.text == "Thr"
        await scene.pilot.press("ctrl+j", "e")
        assert prompt.text == "Thr\ne"

    perform(play)


def test_a_wrong_command_comes_back_into_the_prompt(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.write("/recal x")
        await scene.sees("did you mean /recall?")
        assert scene.app.chat_screen.query_one(Prompt).text == "/recal x"

    perform(play)


def test_remember_notes_without_a_reply(perform: Perform, generator: TalkingGenerator) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.write("/remember The key is under the mat")
        await scene.sees("Noted", "under the mat", "1 memory")
        assert generator.asked == []
        assert [turn.text for turn in scene.chat.agent.memory.latest(9)] == ["The key is under the mat"]

    perform(play)


def test_recall_and_why_show_memories_beside_the_chat(perform: Perform, store: Path) -> None:
    fill(store)

    async def play(scene: Screenplay) -> None:
        await scene.write("/why")
        await scene.sees("There was no answer yet")
        await scene.write("/recall bicycle")
        await scene.sees("Recalled: bicycle", "My bicycle is red", "dense")
        assert isinstance(scene.app.focused, Prompt)
        await scene.say("Whose bicycle?")
        await scene.write("/why")
        await scene.sees("Why this answer")

    perform(play)


def test_forget_waits_for_the_next_message_and_undo_keeps(perform: Perform, store: Path) -> None:
    fill(store)

    async def play(scene: Screenplay) -> None:
        await scene.write("/forget 1")
        await scene.sees("No memory beside the chat has the number 1")
        await scene.write("/recall red")
        await scene.sees("My bicycle is red")
        pane = scene.app.chat_screen.query_one(MemoryPane)
        place = next(place for place, one in enumerate(pane.evidence.memories) if "red" in one.memory.text)
        await scene.write(f"/forget {pane.evidence.memories[place].number}")
        await scene.until(lambda: not any("red" in one.memory.text for one in pane.evidence.memories))
        await scene.write("/undo")
        await scene.sees("Kept: My bicycle is red")
        await scene.write("/undo")
        await scene.sees("Nothing waits to be forgotten")
        await scene.write("/recall red")
        await scene.until(lambda: any("red" in one.memory.text for one in pane.evidence.memories))
        place = next(place for place, one in enumerate(pane.evidence.memories) if "red" in one.memory.text)
        await scene.write(f"/forget [{pane.evidence.memories[place].number}]")
        await scene.say("Hello")
        assert "My bicycle is red" not in [turn.text for turn in scene.chat.agent.memory.latest(9)]

    perform(play)


def test_as_of_is_shown_and_refuses_what_is_no_time(perform: Perform, store: Path) -> None:
    fill(store)

    async def play(scene: Screenplay) -> None:
        await scene.write("/as-of 2026-01-15")
        await scene.sees("as of 2026-01-15")
        await scene.write("/recall bicycle")
        await scene.sees("My bicycle is red")
        pane = scene.app.chat_screen.query_one(MemoryPane)
        assert [one.memory.text for one in pane.evidence.memories] == ["My bicycle is red"]
        await scene.write("/as-of soon")
        await scene.until(lambda: scene.app.chat_screen.query_one(StatusLine).status.as_of == "2026-01-15")
        await scene.write("/as-of")
        await scene.until(lambda: scene.chat.as_of is None)

    perform(play)


def test_new_rename_and_sessions(perform: Perform, store: Path) -> None:
    fill(store)

    async def play(scene: Screenplay) -> None:
        await scene.write("/rename Trips")
        await scene.sees("begins with your first message")
        await scene.say("Hello")
        await scene.write("/rename My trips")
        await scene.sees("▸ My trips")
        await scene.write("/new")
        await scene.until(lambda: scene.messages() == [] and scene.chat.session is None)
        await scene.write("/sessions blue")
        listed = scene.app.chat_screen.query_one(SessionList)
        await scene.until(
            lambda: "My trips" not in scene.screen_text() and "My bicycle is blue" in scene.screen_text()
        )
        await scene.until(lambda: listed.has_focus_within)

    perform(play)


def test_copy_and_export(perform: Perform, tmp_path: Path) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.write("/copy")
        await scene.sees("There was no answer yet")
        await scene.write("/export")
        await scene.sees("nothing to export yet")
        await scene.say("I have a red bicycle")
        await scene.say("Which bicycle?")
        await scene.write("/copy")
        await scene.until(lambda: scene.app.clipboard == "You said so [1].")
        file = tmp_path / "chat.md"
        await scene.write(f"/export {file}")
        await scene.until(file.exists)
        await scene.write(f"/export {file}")
        await scene.sees("is there already")
        written = file.read_text(encoding="utf-8")
        assert written.startswith("# I have a red bicycle\n")
        assert "> [1] Ann, " in written
        assert "“I have a red bicycle”" in written

    perform(play)


def test_retry_and_edit_need_something_said(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.write("/retry")
        await scene.sees("Nothing was said")
        await scene.write("/edit")
        assert not scene.app.chat_screen.turns.editing

    perform(play)


def test_theme_switches_between_dark_and_light_and_is_kept(perform: Perform, settings: Dictionary) -> None:
    async def play(scene: Screenplay) -> None:
        assert scene.app.theme == "recollect-dark"
        await scene.write("/theme")
        assert scene.app.theme == "recollect-light"
        await scene.until(lambda: settings.values["chat.theme"] == "light")
        await scene.write("/theme dark")
        assert scene.app.theme == "recollect-dark"
        await scene.write("/theme nord")
        assert scene.app.theme == "nord"
        await scene.until(lambda: settings.values["chat.theme"] == "nord")
        await scene.write("/theme mauve")
        await scene.sees("mauve is no theme")
        assert settings.values["chat.theme"] == "nord"

    perform(play)


def test_a_theme_chosen_in_the_settings_is_seen_at_once(perform: Perform, settings: Dictionary) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.write("/settings")
        await scene.until(lambda: isinstance(scene.app.screen, SettingsScreen))
        await scene.pilot.press("end", "enter", "escape")
        await scene.until(lambda: scene.app.theme == "recollect-light")
        assert settings.values["chat.theme"] == "light"

    perform(play)


def test_a_theme_that_cannot_be_kept_says_so(perform: Perform, settings: Dictionary) -> None:
    settings.refusal = "config.toml cannot be written: the disk is full."

    async def play(scene: Screenplay) -> None:
        await scene.write("/theme light")
        await scene.sees("the disk is full")
        assert scene.app.theme == "recollect-light"

    perform(play)


def test_every_theme_of_the_settings_can_be_shown(app: ChatApp) -> None:
    for name in THEMES:
        app.use_theme(name)
        assert app.theme in (name, f"recollect-{name}")
    app.use_theme("of a later version")
    assert app.theme == "recollect-dark"


def test_screens_open_by_command_and_by_key(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        screens = (("/help", "f1", HelpScreen), ("/settings", "f5", SettingsScreen), ("/memory", "f4", BrowserScreen))
        for command, key, screen in screens:
            await scene.write(command)
            await scene.until(lambda screen=screen: isinstance(scene.app.screen, screen))
            await scene.pilot.press("escape")
            await scene.until(lambda: scene.app.screen is scene.app.chat_screen)
            await scene.pilot.press(key)
            await scene.until(lambda screen=screen: isinstance(scene.app.screen, screen))
            await scene.pilot.press(key)
            await scene.until(lambda: scene.app.screen is scene.app.chat_screen)

    perform(play)


def test_stop_without_a_reply_does_nothing_and_quit_ends(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.write("/stop")
        await scene.write("/quit")
        await scene.until(lambda: not scene.app.is_running)

    perform(play)


def test_every_command_is_in_the_palette(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        listed = {command.title: command for command in scene.app.get_system_commands(scene.app.screen)}
        for command in COMMANDS:
            assert any(title.startswith(command.usage) for title in listed)
        await scene.pilot.press("ctrl+p")
        await scene.pilot.press(*"recall", "enter")
        await scene.until(lambda: scene.app.screen is scene.app.chat_screen)
        await scene.until(lambda: scene.app.chat_screen.query_one(Prompt).text == "/recall ")

    perform(play)
