"""How long Page Up and Page Down take to the screen in `recollect chat` while somebody scrolls through 10,000 turns.

    python -m benchmarks.chat_scrolling --json out.json

The app runs on a pseudo-terminal over one session of numbered turns, without animations. A key's time ends when a
turn is drawn that the screen did not show before; older pages are mounted on the way, and those far away are let go.
Ends with an error where a page leaves a turn out.
"""

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

import recollect
from benchmarks import child
from benchmarks.figures import Figure, Report, load_average, median, percentile
from benchmarks.synthetic import dialogue
from benchmarks.terminal import Terminal
from recollect.memory.types import NewTurn

F2, DOWN, ENTER, SHIFT_TAB = "\x1bOQ", "\x1b[B", "\r", "\x1b[Z"
PAGE_UP, PAGE_DOWN, HOME, END = "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F"
PAUSE_S = 0.05
TIMEOUT_S = 20.0
FOCUS_TRIES = 6
WANTED_P95_MS = 50.0
"""As for a key while reranking."""
TEXT_COLUMN = 6
"""What is drawn from here or further left draws over the number of a turn."""
_NUMBER = re.compile(r"turn (\d{5}):")
_PLACE = re.compile(r"\x1b\[(\d+);(\d+)H")


def fill(store: Path, turns: int) -> None:
    """Store one session of numbered turns."""
    with recollect.open_memory(store, user="default") as memory:
        memory.add_many(
            NewTurn(speaker=("default", "Ben")[number % 2], text=f"turn {number:05}: {text}", session="long")
            for number, text in enumerate(dialogue(turns, seed=2), 1)
        )


def numbers(terminal: Terminal) -> list[int]:
    """Return the numbers of the turns on the screen: of each line, what was drawn last since the last key.

    While messages are mounted, the screen from before the key may be drawn once more.
    """
    shown: dict[int, int] = {}
    pieces = _PLACE.split(terminal.drawn)
    for row, column, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        found = _NUMBER.search(text)
        if int(column) <= TEXT_COLUMN:
            shown.pop(int(row), None)
        if found is not None:
            shown[int(row)] = int(found[1])
    return list(shown.values())


def paged(terminal: Terminal, key: str, keys: int) -> list[float]:
    """Press a key again and again; return milliseconds until turns are drawn that were not on the screen."""
    took: list[float] = []
    step = -1 if key == PAGE_UP else 1
    for _ in range(keys):
        edge = max(numbers(terminal), key=lambda number: step * number)
        begun = terminal.write(key)
        while not any(step * (number - edge) > 0 for number in numbers(terminal)):
            if time.perf_counter() - begun > TIMEOUT_S:
                raise SystemExit(f"No turn beyond {edge} was drawn; the terminal showed {terminal.drawn[-2000:]!r}")
            terminal.rest(0.002)
        took.append(1000.0 * (time.perf_counter() - begun))
        terminal.rest(PAUSE_S)
        if all(step * (number - edge) > 1 for number in numbers(terminal)):
            raise SystemExit(f"Turns after {edge} were left out; the screen shows {sorted(numbers(terminal))}")
    return took


def jumped(terminal: Terminal, key: str, turn: int) -> list[float]:
    """Press a key; return milliseconds until a turn is drawn."""
    begun = terminal.write(key)
    took = 1000.0 * (terminal.until(f"turn {turn:05}:") - begun)
    terminal.rest(1.0)
    return [took]


def focus_transcript(terminal: Terminal) -> None:
    """Move the focus until Page Up turns a page; what is on the screen is known from there on."""
    for _ in range(FOCUS_TRIES):
        terminal.write(SHIFT_TAB)
        terminal.rest(0.3)
        terminal.write(PAGE_UP)
        terminal.rest(1.0)
        if numbers(terminal):
            return
    raise SystemExit(f"No pane turns a page; the terminal showed {terminal.drawn[-2000:]!r}")


def scrolled(store: Path, turns: int, keys: int) -> dict[str, list[float]]:
    """Return milliseconds from key to screen."""
    changes = {"RECOLLECT_HOME": str(store.parent), "RECOLLECT_STORE": str(store), "TEXTUAL_ANIMATIONS": "none"}
    with Terminal([sys.executable, "-m", "recollect", "chat"], environment=child.environment(changes)) as terminal:
        terminal.until("memories ")
        terminal.rest(8.0)  # torch and the weights are loaded now
        for key in (F2, DOWN):
            terminal.write(key)
            terminal.rest(0.3)
        begun = terminal.write(ENTER)
        opened = 1000.0 * (terminal.until(f"turn {turns:05}:") - begun)
        terminal.rest(1.0)
        focus_transcript(terminal)
        up = paged(terminal, PAGE_UP, keys)
        down = paged(terminal, PAGE_DOWN, keys // 2)
        home = jumped(terminal, HOME, 1)
        end = jumped(terminal, END, turns)
    return {"open": [opened], "page up": up, "page down": down, "home": home, "end": end}


def measure(turns: int, keys: int) -> Report:
    """Return the report of one run."""
    load = load_average()
    with tempfile.TemporaryDirectory(prefix="recollect-bench-") as home:
        store = Path(home) / "memory.db"
        fill(store, turns)
        took = scrolled(store, turns, keys)
    figures = [
        figure
        for name in ("page up", "page down")
        for figure in (
            Figure(name=f"{name} to screen p50", value=median(took[name]), unit="ms"),
            Figure(
                name=f"{name} to screen p95",
                value=percentile(took[name], 0.95),
                unit="ms",
                bound="at most",
                target=WANTED_P95_MS,
            ),
            Figure(name=f"{name} to screen worst", value=max(took[name]), unit="ms"),
        )
    ]
    ends = [Figure(name=f"{name} to screen", value=took[name][0], unit="ms") for name in ("open", "home", "end")]
    return Report(
        benchmark="chat_scrolling",
        protocol={"terminal": "pty, 120x36", "pause_s": PAUSE_S, "animations": "none"},
        n={"turns": turns, "page up": keys, "page down": keys // 2},
        figures=(*figures, *ends),
        repetitions=took,
        load=(load, load_average()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=120, help="how often Page Up is pressed")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    report = measure(given.turns, given.keys)
    report.show()
    report.write(given.json)


if __name__ == "__main__":
    main()
