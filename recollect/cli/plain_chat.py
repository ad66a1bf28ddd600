"""A chat line by line: on a terminal with a prompt, in a pipe one reply for each line."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module

import click

from ..agent.agent import Agent
from ..agent.filters import Filters
from ..agent.types import Answer
from ..memory.errors import InvalidInput, RecollectError
from .output import console, note, say
from .prose import ProseStream, show_prose
from .rendering import memories_table, show_sources

HELP = """/recall TEXT   the memories that may answer TEXT
/why           what the last answer was given to read, by number
/help          this
/quit          end the chat (or Ctrl-D)"""
PROMPT = "you> "


class PlainChat:
    """One chat over an open agent."""

    def __init__(self, agent: Agent, *, as_of: str | None = None) -> None:
        self._agent = agent
        self._filters: Filters = {} if as_of is None else {"as_of": as_of}
        self._is_terminal = sys.stdin.isatty()
        self._last: Answer | None = None

    def run(self) -> bool:
        """Answer line after line until the end of input or /quit; returns False where a line of a pipe failed."""
        if self._is_terminal:
            note("Recollect. /help lists the commands, Ctrl-D ends the chat.")
        has_failed = False
        for raw in _typed_lines(self._is_terminal):
            try:
                if not self._take(_decoded(raw)):
                    break
            except RecollectError as error:
                note(f"Error: {' '.join(str(error).split())}")
                has_failed = True
        return self._is_terminal or not has_failed

    def _take(self, line: str) -> bool:
        """Do what a line asks for; returns False when the chat is over."""
        command, _, rest = line.strip().partition(" ")
        if command == "/quit":
            return False
        if command == "/help":
            say(HELP)
        elif command == "/recall":
            self._recall(rest.strip())
        elif command == "/why":
            self._explain()
        elif command.startswith("/"):
            raise InvalidInput(f"{command} is no command; /help lists them.")
        elif command:
            self._reply(line)
        return True

    def _reply(self, text: str) -> None:
        stream = self._agent.stream(text, **self._filters)
        shown = ProseStream()
        try:
            for piece in stream:
                shown.write(piece)
            shown.end()
        except RecollectError:
            shown.end()
            raise
        except KeyboardInterrupt:
            stream.close()
            shown.end()
            if not self._is_terminal:
                raise
            note("(stopped; what you said is remembered)")
            return
        self._last = stream.answer
        show_sources(self._last)

    def _recall(self, text: str) -> None:
        if not text:
            raise InvalidInput("Write what to recall behind it: /recall TEXT")
        ranked = self._agent.memory.recall(text, limit=10, **self._filters)
        if ranked:
            console().print(memories_table(ranked))
        else:
            say("Nothing is remembered there.")

    def _explain(self) -> None:
        if self._last is None:
            say("There was no answer yet.")
        elif not self._last.context.memories:
            say("It was given no memories.")
        else:
            show_prose(self._last.context.text)


def _typed_lines(is_terminal: bool) -> Iterator[bytes | str]:
    if not is_terminal:
        yield from sys.stdin.buffer
        return
    with suppress(ImportError):
        import_module("readline")  # gives `input` its history and line editing
    while True:
        try:
            yield input(PROMPT)
        except EOFError:
            click.echo()
            return
        except KeyboardInterrupt:
            click.echo()  # what comes next stands on a line of its own
            raise


def _decoded(line: bytes | str) -> str:
    try:
        text = line.decode("utf-8") if isinstance(line, bytes) else line
    except UnicodeDecodeError as error:
        raise InvalidInput(f"This line is not UTF-8 (byte {error.start}); it was skipped.") from error
    return text.rstrip("\r\n")
