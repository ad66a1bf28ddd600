"""Pictures of screens compared with those that are kept: what a terminal would show, cell by cell, with its styles.

Textual's SVG holds ids and rounded places that change with every version; what is kept here is the text of each line
and, under it, a letter for each style, so that a change can be read in a diff. Set RECOLLECT_SNAPSHOTS=write to keep
the pictures of this run.
"""

import os
import re
from itertools import cycle
from pathlib import Path
from string import ascii_letters

from recollect.tui.app import ChatApp

KEPT = Path(__file__).with_name("pictures")
_CLOCK = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: \(\d\))?")


def picture(app: ChatApp) -> str:
    """Return the lines of the screen, each with the letters of its styles, and what the letters mean."""
    names: dict[str, str] = {}
    letters = cycle(ascii_letters)
    lines: list[str] = []
    for strip in app.screen._compositor.render_strips():
        text, styles = "", ""
        for segment in strip:
            style = str(segment.style.without_color) if segment.style else ""
            colours = f"{segment.style.color} {segment.style.bgcolor}" if segment.style else ""
            name = re.sub(r"<[^>]*>|link \S+", "", f"{style} {colours}")
            if name not in names:
                names[name] = next(letters)
            text += segment.text
            styles += names[name] * len(segment.text)
        lines += [text.rstrip(), styles]
    legend = [f"{letter} {name}" for name, letter in names.items()]
    return _CLOCK.sub("<session>", "\n".join([*lines, *legend])) + "\n"


def check(app: ChatApp, name: str) -> None:
    """Compare the screen with the picture that is kept under a name."""
    shown, file = picture(app), KEPT / f"{name}.txt"
    if os.environ.get("RECOLLECT_SNAPSHOTS") == "write":
        KEPT.mkdir(exist_ok=True)
        file.write_text(shown, encoding="utf-8")
    assert file.exists(), f"There is no picture {file}; look at the screen, then run with RECOLLECT_SNAPSHOTS=write"
    assert shown == file.read_text(encoding="utf-8")
