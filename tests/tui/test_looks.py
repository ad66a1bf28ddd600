"""How the app looks: pictures of its screens, colours that can be read, and nothing that needs colour."""

from itertools import product
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from recollect.tui.app import ChatApp
from recollect.tui.screens.browser import BrowserScreen
from recollect.tui.screens.help import HelpScreen
from recollect.tui.screens.settings import SettingsScreen
from recollect.tui.themes import DARK, LIGHT
from recollect.tui.widgets.status_line import Status, status_parts

from .conftest import Perform, Screenplay, open_memory
from .snapshots import check

SIZES = {"narrow": (80, 24), "wide": (160, 50)}
THEMES = ("dark", "light")


def fill(store: Path) -> None:
    with open_memory(store) as memory:
        told = memory.add(
            "Ann", "I adopted a beagle called Biscuit yesterday.", said_at="2025-03-02T18:00", session="a"
        )
        memory.add("Ann", "Biscuit ate one of my slippers, the left one.", said_at="2025-04-06T09:00", session="b")
        memory.add("Ann", "What is my dog called?", said_at="2025-05-11T20:30", session="c")
        text = "You said on 2 March 2025, “I adopted a beagle called Biscuit yesterday.” [1]"
        metadata = {"role": "assistant", "cites": [told.id], "numbers": [1], "marks": [[len(text) - 3, len(text)]]}
        memory.add("assistant", text, said_at="2025-05-11T20:30", session="c", metadata=metadata)


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.2."""
    channels = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in Color.parse(colour).normalized)
    return sum(weight * channel for weight, channel in zip((0.2126, 0.7152, 0.0722), channels, strict=True))


def contrast_of(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


async def talk(scene: Screenplay) -> None:
    """Go on in the last session, and recall something."""
    session = next(one for one in scene.chat.past.sessions() if one.name == "c")
    await scene.app.chat_screen.history.resume(session)
    await scene.write("/recall What did Biscuit eat?")
    await scene.sees("Recalled: What did Biscuit eat?")
    await scene.pilot.press("escape")
    await scene.pilot.pause(0.2)


@pytest.mark.parametrize(("size", "theme"), list(product(SIZES, THEMES)))
def test_the_chat_looks_as_it_did(perform: Perform, store: Path, app: ChatApp, size: str, theme: str) -> None:
    fill(store)
    app.theme = f"recollect-{theme}"

    async def play(scene: Screenplay) -> None:
        await talk(scene)
        await check(scene, f"chat-{size}-{theme}")

    perform(play, size=SIZES[size])


@pytest.mark.parametrize("size", SIZES)
def test_panes_and_screens_look_as_they_did(perform: Perform, store: Path, size: str) -> None:
    fill(store)

    async def play(scene: Screenplay) -> None:
        await talk(scene)
        for name, key in (("memories", "f3"), ("sessions", "f2"), ("commands", "slash")):
            await scene.pilot.press(key)
            await scene.pilot.pause(0.2)
            await check(scene, f"{name}-{size}")
            await scene.pilot.press("escape")
        await scene.pilot.press("ctrl+u")
        for name, key, screen in (("settings", "f5", SettingsScreen), ("help", "f1", HelpScreen)):
            await scene.pilot.press(key)
            await scene.until(lambda screen=screen: isinstance(scene.app.screen, screen))
            await scene.pilot.pause(0.2)
            await check(scene, f"{name}-{size}")
            await scene.pilot.press("escape")

    perform(play, size=SIZES[size])


def test_the_browser_fits_a_narrow_terminal(perform: Perform, store: Path) -> None:
    fill(store)

    async def play(scene: Screenplay) -> None:
        await scene.pilot.press("f4")
        await scene.until(lambda: isinstance(scene.app.screen, BrowserScreen))
        await scene.sees("4 memories", "Biscuit ate one of my slippers")
        await scene.pilot.pause(0.2)
        await check(scene, "browser-narrow")

    perform(play, size=SIZES["narrow"])


@pytest.mark.parametrize("look", [DARK, LIGHT], ids=["dark", "light"])
def test_every_text_colour_has_a_contrast_of_4_5_to_every_ground(look: Theme) -> None:
    texts = {
        "primary": look.primary,
        "secondary": look.secondary,
        "accent": look.accent,
        "warning": look.warning,
        "error": look.error,
        "success": look.success,
        "foreground": look.foreground,
        "dimmed": look.variables["dimmed"],
    }
    for ground in (look.background, look.surface, look.panel):
        for name, text in texts.items():
            assert ground is not None
            assert text is not None
            contrast = contrast_of(text, ground)
            assert contrast >= 4.5, f"{name} on {ground}: {contrast:.2f}"


def test_without_colour_the_app_is_grey_and_marks_are_still_seen(
    perform: Perform, store: Path, monkeypatch: pytest.MonkeyPatch, app: ChatApp
) -> None:
    fill(store)
    monkeypatch.setenv("NO_COLOR", "1")
    grey = ChatApp(app._open_chat, app.settings)
    assert grey.no_color

    async def play(scene: Screenplay) -> None:
        await talk(scene)
        await scene.sees("○ [")

    perform(play)


def test_the_status_line_tells_what_matters_most_first() -> None:
    status = Status(
        model="offline",
        user="ann",
        as_of="2026-01-01",
        memories=1234,
        tokens=612,
        budget=854,
        timings={"total": 1234.0, "embed": 10.0, "lexical": 5.0, "rerank": 300.0, "generate": 80.0},
        doing="writing…",
    )
    assert [part.plain for part in status_parts(status)] == [
        "writing…",
        "offline",
        "as of 2026-01-01",
        "ann",
        "1,234 memories",
        "context 612/854",
        "1.2 s",
        "recall 15 ms",
        "rerank 300 ms",
        "write 80 ms",
    ]
