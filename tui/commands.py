"""The slash commands of the app: their names, what they take, what they do."""

import difflib
from dataclasses import dataclass

from ..memory.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: `argument` is what is written behind it, in capitals, in brackets where it may be left out.

    `action` is the name of the screen's action, which is handed the argument as text.
    """

    name: str
    summary: str
    action: str
    argument: str = ""
    key: str = ""

    @property
    def usage(self) -> str:
        """The command as it is written."""
        return f"/{self.name} {self.argument}".rstrip()

    @property
    def is_argument_needed(self) -> bool:
        """Whether it means nothing without an argument."""
        return bool(self.argument) and not self.argument.startswith("[")


COMMANDS: tuple[Command, ...] = (
    Command(name="help", action="help", summary="Commands and keys", key="f1"),
    Command(name="remember", argument="TEXT", action="remember", summary="Note something, without a reply"),
    Command(name="recall", argument="TEXT", action="recall", summary="Show the memories that may answer TEXT"),
    Command(name="why", action="why", summary="Show what the last answer was given to read", key="f3"),
    Command(
        name="forget", argument="[NUMBER]", action="forget", summary="Forget a memory of the list beside the chat"
    ),
    Command(name="undo", action="undo", summary="Keep the memory that was to be forgotten last"),
    Command(
        name="as-of", argument="[DAY]", action="as_of", summary="Answer from what was said up to DAY; no day: all"
    ),
    Command(name="model", argument="[NAME]", action="model", summary="Chat with model NAME, or offline", key="f5"),
    Command(name="new", action="new", summary="Begin a session", key="ctrl+n"),
    Command(name="sessions", argument="[TEXT]", action="sessions", summary="List or search the sessions", key="f2"),
    Command(name="rename", argument="TITLE", action="rename", summary="Give this session a title"),
    Command(name="retry", action="retry", summary="Have the last question answered again", key="ctrl+r"),
    Command(name="edit", action="edit", summary="Write the last question in other words", key="ctrl+g"),
    Command(name="stop", action="stop", summary="Stop the reply", key="escape"),
    Command(name="copy", action="copy", summary="Copy the last reply", key="ctrl+t"),
    Command(name="export", argument="[FILE]", action="export", summary="Write this session to a Markdown file"),
    Command(name="memory", argument="[TEXT]", action="browse", summary="Browse everything remembered", key="f4"),
    Command(name="settings", action="settings", summary="Model and settings", key="f5"),
    Command(name="theme", argument="[NAME]", action="theme", summary="Switch between dark and light, or to NAME"),
    Command(name="quit", action="quit", summary="End the chat", key="ctrl+q"),
)
_BY_NAME = {command.name: command for command in COMMANDS}


def parse(text: str) -> tuple[Command, str]:
    """Return the command of a line that begins with "/", and its argument; raises InvalidInput."""
    name, _, rest = text.strip().removeprefix("/").partition(" ")
    command = _BY_NAME.get(name)
    if command is None:
        close = difflib.get_close_matches(name, _BY_NAME, n=1)
        hint = f"did you mean /{close[0]}?" if close else "/help lists them."
        raise InvalidInput(f"/{name} is no command; {hint}")
    argument = rest.strip()
    if command.is_argument_needed and not argument:
        raise InvalidInput(f"Write it as {command.usage}")
    return command, argument


def matching(text: str) -> list[Command]:
    """Return the commands that a line being typed may become; none once there is a blank in it."""
    if not text.startswith("/") or any(character.isspace() for character in text):
        return []
    return [command for command in COMMANDS if command.name.startswith(text[1:])]
