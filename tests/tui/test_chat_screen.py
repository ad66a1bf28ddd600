"""The chat: replies that stream, citations, stopping, failing, retrying, and what is kept."""

from pathlib import Path
from threading import Event

from textual.widgets.markdown import MarkdownBlock

from recollect.memory.errors import EndpointUnreachable
from recollect.tui.turns import TurnRunner
from recollect.tui.widgets.memory_pane import MemoryPane
from recollect.tui.widgets.message_view import MessageView
from recollect.tui.widgets.prompt import Prompt
from recollect.tui.widgets.status_line import StatusLine

from .conftest import Dictionary, Perform, Screenplay, TalkingGenerator, open_memory


def test_the_prompt_is_there_before_the_memory_and_what_is_sent_early_is_answered(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        assert scene.app.chat_screen.chat is None
        assert isinstance(scene.app.focused, Prompt)
        await scene.write("I have a red bicycle")
        assert "is sent then" in scene.screen_text() or scene.app.chat_screen.chat is not None
        await scene.until(lambda: ("reply", "You said so [1].") in scene.messages())

    perform(play, opened=False)


def test_the_first_run_explains_offline_mode_in_three_lines(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.sees("Welcome", "works offline", "/model NAME")
        (welcome,) = scene.messages()
        assert len(welcome[1].splitlines()) == 3

    perform(play)


def test_a_reply_streams_and_stays_with_its_memories_links_and_head(
    perform: Perform, generator: TalkingGenerator
) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.say("I have a red bicycle")
        generator.gate.clear()
        await scene.write("What do I have, a bicycle?")
        await scene.sees("You said so", "Reading", "I have a red bicycle")
        assert scene.app.chat_screen.query_one(StatusLine).status.doing == "writing…"
        generator.gate.set()
        await scene.sees("1 cited of 1 read", "Why this answer", "● [1] Ann")

    perform(play)


def test_a_citation_moves_the_selection(perform: Perform, store: Path, generator: TalkingGenerator) -> None:
    with open_memory(store) as memory:
        for colour in ("red", "blue", "green"):
            memory.add("Ann", f"My bicycle is {colour}", said_at="2026-01-01")
    generator.script = ("Three: [1], [2, 3].",)

    async def play(scene: Screenplay) -> None:
        await scene.say("Which bicycle?")
        view = scene.app.chat_screen.query(MessageView).last()
        await scene.sees("Three: [1], [2] [3].")
        pane = scene.app.chat_screen.query_one(MemoryPane)
        view.action_cite(3)
        await scene.until(lambda: pane.selected is not None and pane.selected.number == 3)
        view.post_message(MessageView.Chosen(view, 9))
        await scene.sees("The memory behind [9] is gone")

    perform(play)


def test_escape_stops_a_reply_and_what_was_said_stays(perform: Perform, generator: TalkingGenerator) -> None:
    async def play(scene: Screenplay) -> None:
        generator.gate.clear()
        await scene.write("I have a red bicycle")
        await scene.sees("You said so")
        await scene.pilot.press("escape")
        await scene.sees("stopped")
        generator.gate.set()
        await scene.until(lambda: scene.app.chat_screen.turns.runner.wait(0))
        assert [turn.text for turn in scene.chat.agent.memory.latest(9)] == ["I have a red bicycle"]
        await scene.pilot.press("ctrl+r")
        await scene.until(lambda: scene.messages()[-1] == ("reply", "You said so [1]."))
        assert [turn.text for turn in scene.chat.agent.memory.latest(9)] == [
            "I have a red bicycle",
            "You said so [1].",
        ]

    perform(play)


def test_after_a_stop_the_next_turn_begins_while_the_model_still_works(
    perform: Perform, generator: TalkingGenerator
) -> None:
    async def play(scene: Screenplay) -> None:
        generator.gate.clear()
        await scene.write("I have a red bicycle")
        await scene.sees("You said so")
        await scene.pilot.press("escape")
        await scene.sees("stopped", "Ctrl+R asks again")
        assert not scene.app.chat_screen.turns.runner.wait(0)  # its model has not even noticed
        await scene.write("I have a blue one")
        await scene.until(lambda: scene.messages()[3:] == [("user", "I have a blue one"), ("reply", "You said so ")])
        generator.gate.set()
        await scene.until(lambda: scene.messages()[-1] == ("reply", "You said so [1]."))
        assert scene.messages()[2] == ("reply", "You said so ")
        await scene.sees("3 memories")
        await scene.until(lambda: not any("turn" in thread.name for thread in scene.threads()))
        said = [turn.text for turn in scene.chat.agent.memory.latest(9)]
        assert said == ["I have a red bicycle", "I have a blue one", "You said so [1]."]

    perform(play)


def test_a_reply_that_was_complete_when_it_was_stopped_is_forgotten(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.say("I have a red bicycle")
        stream = scene.chat.send("And a blue one")
        stop = Event()
        stop.set()
        assert len(scene.chat.agent.memory.latest(9)) == 3
        answer = stream.answer
        scene.app.chat_screen.post_message(TurnRunner.Heard(TurnRunner.Finished(answer), stop))
        await scene.until(lambda: len(scene.chat.agent.memory.latest(9)) == 3)
        assert scene.chat.agent.memory.latest(1)[0].text == "And a blue one"

    perform(play)


def test_a_failing_model_says_what_failed_and_the_turn_can_be_tried_again(
    perform: Perform, generator: TalkingGenerator
) -> None:
    generator.error = EndpointUnreachable("No answer from http://localhost:1; is the server running?")

    async def play(scene: Screenplay) -> None:
        await scene.write("I have a red bicycle")
        await scene.sees("No reply", "is the server running?", "Ctrl+R")
        generator.error = None
        await scene.pilot.press("ctrl+r")
        await scene.until(lambda: scene.messages()[-1] == ("reply", "You said so [1]."))
        assert ("user", "I have a red bicycle") in scene.messages()
        assert not any(kind == "failed" for kind, _ in scene.messages())

    perform(play)


def test_text_that_cannot_be_stored_comes_back_into_the_prompt(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.write("a\x00b")
        await scene.sees("No reply", "NUL")
        assert scene.app.chat_screen.query_one(Prompt).text == "a\x00b"

    perform(play)


def test_while_a_reply_is_written_another_turn_waits_in_the_prompt(
    perform: Perform, generator: TalkingGenerator
) -> None:
    async def play(scene: Screenplay) -> None:
        generator.gate.clear()
        await scene.write("One")
        await scene.sees("You said so")
        await scene.write("Two")
        await scene.sees("still being written")
        assert scene.app.chat_screen.query_one(Prompt).text == "Two"
        generator.gate.set()

    perform(play)


def test_an_edited_turn_takes_the_place_of_the_last(perform: Perform) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.say("I have a red bicycle")
        await scene.pilot.press("ctrl+g")
        prompt = scene.app.chat_screen.query_one(Prompt)
        assert prompt.text == "I have a red bicycle"
        await scene.say("I have a blue bicycle")
        assert scene.messages()[-2:] == [("user", "I have a blue bicycle"), ("reply", "You said so [1].")]
        assert [turn.text for turn in scene.chat.agent.memory.latest(9)] == [
            "I have a blue bicycle",
            "You said so [1].",
        ]

    perform(play)


def test_a_memory_that_cannot_be_opened_says_why_and_gives_the_text_back(perform: Perform, store: Path) -> None:
    store.write_text("no database, but long enough to be none " * 9)

    async def play(scene: Screenplay) -> None:
        await scene.write("Hello")
        await scene.sees("could not be opened", "F5 shows the settings")
        assert scene.app.chat_screen.query_one(Prompt).text == "Hello"

    perform(play, opened=False)


def test_what_was_not_sent_is_there_the_next_time(perform: Perform, store: Path) -> None:
    async def play(scene: Screenplay) -> None:
        scene.app.chat_screen.query_one(Prompt).put("Half a sent")
        await scene.pilot.press("ctrl+q")
        await scene.until(lambda: not scene.app.is_running)

    perform(play)
    with open_memory(store) as memory:
        assert memory.archive.store.fact("draft of ann") == "Half a sent"


def test_quitting_in_a_reply_loses_nothing(perform: Perform, store: Path, generator: TalkingGenerator) -> None:
    async def play(scene: Screenplay) -> None:
        generator.gate.clear()
        await scene.write("I have a red bicycle")
        await scene.sees("You said so")
        await scene.pilot.press("ctrl+c")  # the first stops the reply
        await scene.sees("stopped")
        generator.gate.set()
        await scene.pilot.press("ctrl+c")
        await scene.until(lambda: not scene.app.is_running)

    perform(play)
    with open_memory(store) as memory:
        assert [turn.text for turn in memory.latest(9)] == ["I have a red bicycle"]


def test_a_terminal_that_shrinks_while_a_reply_streams_still_shows_its_end(
    perform: Perform, generator: TalkingGenerator
) -> None:
    generator.script = (*(f"Line {number}.\n\n" for number in range(40)), "The end.")

    async def play(scene: Screenplay) -> None:
        generator.gate.clear()
        await scene.write("Tell me")
        await scene.sees("Line 39.")
        await scene.pilot.resize_terminal(40, 12)
        await scene.sees("Line 39.")
        generator.gate.set()
        await scene.sees("The end.")
        await scene.pilot.resize_terminal(3, 2)
        await scene.pilot.resize_terminal(160, 50)
        await scene.sees("The end.")

    perform(play)


def test_a_link_in_markdown_opens_nothing_and_tags_are_text(perform: Perform, generator: TalkingGenerator) -> None:
    generator.reads_history = True
    generator.script = ("See <b>this</b> \x1b[31mred [x](http://example.org), *said* in [1].",)

    async def play(scene: Screenplay) -> None:
        await scene.say("Hello")
        await scene.say("Hello?")
        await scene.sees("<b>this</b> �[31mred x, said in [1].")
        paragraph = scene.app.chat_screen.query(MarkdownBlock).last()
        await paragraph.action_link("http://example.org")
        await scene.sees("The link was copied")
        assert scene.app.clipboard == "http://example.org"
        await scene.write("/new")
        await scene.until(lambda: scene.messages() == [])
        await scene.pilot.press("f2", "down", "enter")
        await scene.sees("<b>this</b> �[31mred x, said in [1].")

    perform(play)


def test_what_is_quoted_is_shown_character_by_character(perform: Perform, generator: TalkingGenerator) -> None:
    quoted = "# *no* __init__ `a  b` <b> [x](y) ~~no~~ &amp; \\* | $a [b]"
    generator.script = (f"You said: “{quoted}” [1].\n    - so",)

    async def play(scene: Screenplay) -> None:
        await scene.say(quoted)
        await scene.say("Well?")
        await scene.sees(f"“{quoted}” [1].", "    - so")
        assert scene.chat.agent.memory.latest(1)[0].text == "".join(generator.script)
        await scene.write("/new")
        await scene.until(lambda: scene.messages() == [])
        await scene.pilot.press("f2", "down", "enter")
        await scene.sees(f"“{quoted}” [1].", "    - so")

    perform(play)


def test_another_model_opens_the_same_session_again(perform: Perform, settings: Dictionary) -> None:
    async def play(scene: Screenplay) -> None:
        await scene.say("I have a red bicycle")
        before = scene.chat
        await scene.write("/model big")
        await scene.until(lambda: scene.app.chat_screen.chat is not before)
        await scene.opened()
        assert settings.values == {"generator.name": "hosted", "hosted.model": "big", "chat.theme": "dark"}
        assert scene.chat.session == before.session
        await scene.write("/model wrong")
        await scene.sees("expected a text")

    perform(play)
