"""Prose on a terminal: broken between words, also while it is still coming; in a pipe as it is."""

import re

import click

from .output import console, shown, visible

_NARROWEST = 20


def show_prose(text: str, *, style: str = "", indent: str = "", hanging: str = "") -> None:
    """Write text after `indent`; on a terminal in lines of its width, further ones after `indent` and `hanging`."""
    screen = console()
    whole = shown(text, style)
    if not screen.is_terminal:
        screen.print(shown(indent) + whole, soft_wrap=True)
        return
    width = max(screen.width - len(indent + hanging), _NARROWEST)
    for place, line in enumerate(whole.wrap(screen, width)):
        line.rstrip()
        screen.print(shown(indent + hanging if place else indent) + line, soft_wrap=True)


class ProseStream:
    """Writes the pieces of a text as they come: on a terminal a word waits for its end, to be put where it fits."""

    def __init__(self) -> None:
        screen = console()
        self._width = screen.width if screen.is_terminal else None
        self._column = 0
        self._blank = ""
        self._word = ""

    def write(self, piece: str) -> None:
        """Write all but the last word of what has come."""
        if self._width is None:
            click.echo(visible(piece), nl=False)
            self._column += len(piece)
            return
        *parts, self._word = re.split(r"(\s+)", self._word + visible(piece))
        for part in parts:
            self._put(part)

    def end(self) -> None:
        """Write the last word and end the line, if anything was written on it."""
        self._put(self._word)
        self._blank = self._word = ""
        if self._column:
            click.echo()
        self._column = 0

    def _put(self, part: str) -> None:
        from rich.cells import cell_len

        if not part.strip():
            self._blank += part
            return
        blank, self._blank = self._blank, ""
        if "\n" in blank:
            self._column = 0
        elif self._width is not None and self._column + cell_len(blank + part) > self._width:
            blank, self._column = "\n", 0
        click.echo(blank + part, nl=False)
        self._column += cell_len(blank.rpartition("\n")[2] + part)
