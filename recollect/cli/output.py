"""What commands write: people read rich text, programs read JSON on stdout alone, progress goes to stderr."""

import json
import os
import re
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
PIPE_WIDTH = 120


def console(*, stderr: bool = False, pipe_width: int = PIPE_WIDTH) -> "Console":
    """Return a console on stdout or stderr: plain without a terminal, `pipe_width` wide; colourless with NO_COLOR."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else pipe_width
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=width)


def shown(text: str, style: str = "") -> "Text":
    """Return stored text as it may be shown: a control character cannot steer the terminal."""
    from rich.text import Text

    return Text(visible(text), style=style)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, in the plural unless it is one: "1 turn", "2,760 turns"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def visible(text: str) -> str:
    """Return text with control characters, except tab and line feed, replaced by U+FFFD."""
    return _CONTROL.sub("\ufffd", text)


def say(text: str) -> None:
    """Write a line of prose to stdout, not wrapped."""
    click.echo(visible(text))


def note(text: str) -> None:
    """Write a line about the work itself to stderr."""
    click.echo(visible(text), err=True)


def write_json(document: Mapping[str, object] | Sequence[object]) -> None:
    """Write one JSON document to stdout, in ASCII where stdout is not UTF-8."""
    is_unicode = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    click.echo(json.dumps(document, indent=2, ensure_ascii=not is_unicode, allow_nan=False))


@contextmanager
def progress(what: str, unit: str) -> Generator[Callable[[int, int], None]]:
    """Show a bar with its rate on stderr, if that is a terminal; yields the function to call with (done, total)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: "Task") -> Text:
            return Text(f"{task.speed:,.0f} {unit}/s" if task.speed else "")

    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), Remaining())
    with Progress(*columns, console=screen, disable=not screen.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


if TYPE_CHECKING:
    from rich.progress import Task
