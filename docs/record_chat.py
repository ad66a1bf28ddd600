"""Draws the pictures of the chat app in docs/: the real app, offline, in a temporary store (`make screenshots`).

    chat.svg           an answer and the memories behind it, 150 columns
    chat-narrow.svg    the same in a terminal of 80 columns, light
    chat-memory.svg    the memory browser
    chat-settings.svg  model and settings

`--all FOLDER` draws every screen at 80x24 and 160x50, dark and light, to be looked at.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import recollect
from recollect.chat_settings import ChatSettings
from recollect.tui.app import ChatApp

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from recollect.agent.chat import Chat

TOLD = (
    (120, "I adopted a beagle called Biscuit yesterday."),
    (96, "My sister Nora is getting married next July, in a barn near Ghent."),
    (96, "I promised her the cake: lemon and poppy seed, three layers."),
    (40, "Biscuit ate one of my slippers this morning, the left one."),
    (40, "We were in Lisbon last week and had sardines by the river every evening."),
    (9, "Dr. Peeters says my knee is fine again, I may run from Monday on."),
    (9, "My piano exam is on Friday, and the Bach still goes wrong."),
)
"""What was said how many days ago."""

ASKED = ("What did Biscuit eat?", "Which cake did I promise Nora?")
TIMEOUT_S = 60.0
SCREENS = ("chat", "memories", "sessions", "browser", "settings", "help", "commands")


def fill(store: Path) -> None:
    """Store what was said, and summarise nothing."""
    noon = datetime.now().astimezone().replace(hour=18, minute=4, second=0, microsecond=0)
    with recollect.open_memory(store, user="ann") as memory:
        for days, text in TOLD:
            said_at = noon - timedelta(days=days)
            memory.add("ann", text, said_at=said_at, session=said_at.strftime("%Y-%m-%d"))


def app_over(store: Path, theme: str) -> ChatApp:
    """Return the app over a store."""

    def open_chat() -> "Chat":
        from recollect.agent.chat import Chat

        return Chat(recollect.open_agent(store, user="ann"))

    return ChatApp(open_chat, ChatSettings({}), theme=theme)


async def settled(app: ChatApp, pilot: "Pilot[None]", words: str = "") -> None:
    """Wait until nothing is being done, and `words` are on the screen."""
    for _ in range(int(TIMEOUT_S / 0.05)):
        await pilot.pause(0.05)
        chat = app.chat_screen.chat
        is_idle = not app.chat_screen.turns.runner.is_running and app.chat_screen.turns.reply is None
        if chat is not None and is_idle and words in app.export_screenshot(simplify=True).replace("\xa0", " "):
            return
    raise SystemExit(f"The app never showed {words!r}.")


async def show(app: ChatApp, pilot: "Pilot[None]", screen: str) -> None:
    """Ask the questions, and go to a screen."""
    await settled(app, pilot)
    for question in ASKED:
        await pilot.press(*question, "enter")
        await pilot.pause(0.3)
        await settled(app, pilot)
    keys = {
        "memories": ["f3"],
        "sessions": ["f2", "down"],
        "browser": ["f4"],
        "settings": ["f5"],
        "help": ["f1"],
        "commands": ["slash"],
    }
    await pilot.press(*keys.get(screen, []))
    await pilot.pause(1.0)


def picture(screen: str, size: tuple[int, int], theme: str) -> str:
    """Return the SVG of a screen."""

    async def drawn(store: Path) -> str:
        app = app_over(store, theme)
        async with app.run_test(size=size) as pilot:
            await show(app, pilot, screen)
            svg = app.export_screenshot(title="recollect chat")
            await app.action_quit()
        return svg

    with tempfile.TemporaryDirectory() as folder:
        os.environ["RECOLLECT_HOME"] = folder
        store = Path(folder) / "memory.db"
        fill(store)
        return asyncio.run(drawn(store))


PICTURES = (
    ("chat.svg", "chat", (150, 36), "dark"),
    ("chat-narrow.svg", "chat", (80, 24), "light"),
    ("chat-memory.svg", "browser", (120, 30), "light"),
    ("chat-settings.svg", "settings", (120, 34), "dark"),
)


def wanted(folder: Path | None) -> Iterator[tuple[Path, str, tuple[int, int], str]]:
    """Yield which pictures are to be drawn: those of the docs, or all into a folder."""
    if folder is None:
        for name, screen, size, theme in PICTURES:
            yield Path(__file__).with_name(name), screen, size, theme
        return
    folder.mkdir(parents=True, exist_ok=True)
    for screen, size, theme in product(SCREENS, ((80, 24), (160, 50)), ("dark", "light")):
        yield folder / f"{screen}-{size[0]}-{theme}.svg", screen, size, theme


def main() -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every screen, two sizes, dark and light")
    for path, screen, size, theme in wanted(parser.parse_args().all):
        path.write_text(picture(screen, size, theme), encoding="utf-8")


if __name__ == "__main__":
    main()
