"""Screens compared with the pictures that are kept in tests/tui/pictures, as SVG: they can be looked at in a browser.

Set UPDATE_PICTURES=yes to keep the pictures of this run, after a look at them.
"""

import os
import re
from pathlib import Path

from textual.widgets import TextArea

from .conftest import Screenplay

KEPT = Path(__file__).with_name("pictures")
_ID = re.compile(r"terminal-\d+")


async def still(scene: Screenplay, name: str) -> str:
    """The picture of a screen on which nothing moves any more."""
    for area in scene.app.screen.query(TextArea):
        area.cursor_blink = False
    before = ""
    while (shown := scene.app.export_screenshot(title=name)) != before:
        before = shown
        await scene.pilot.pause(0.25)
    return _ID.sub("terminal", shown).rstrip() + "\n"


async def check(scene: Screenplay, name: str) -> None:
    """Compare the screen with the picture that is kept under a name."""
    shown = await still(scene, name)
    file = KEPT / f"{name}.svg"
    if os.environ.get("UPDATE_PICTURES"):
        KEPT.mkdir(exist_ok=True)
        file.write_text(shown, encoding="utf-8")
    assert file.exists(), f"There is no picture {file}; run with UPDATE_PICTURES=yes, and look at it."
    assert shown == file.read_text(encoding="utf-8"), f"{name} looks otherwise; see tests/tui/snapshots.py"
