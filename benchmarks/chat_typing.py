"""How long a key takes to the screen in `recollect chat` while 100 candidates are reranked.

    python -m benchmarks.chat_typing --json out.json

The app runs on a pseudo-terminal over a store of synthetic turns. Each round asks for a recall and types letters that
the screen shows nowhere else until the memories are listed; a key's time ends when its letter is drawn. Keys typed
while nothing runs are measured as well.
"""

import argparse
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

LETTERS = "бвгджзийклмнптуфхцчшщъыьэюя"
MOST_P95_MS = 50.0
PAUSE_S = 0.01
CLEAR = "\x15"


def fill(store: Path, turns: int) -> None:
    """Store synthetic turns."""
    with recollect.open_memory(store, user="default") as memory:
        memory.add_many(
            NewTurn(speaker=("Ann", "Ben")[number % 2], text=text, session=str(number // 20))
            for number, text in enumerate(dialogue(turns, seed=2))
        )


def typed(terminal: Terminal, *, until: str | None, letters: str) -> list[float]:
    """Type letters one after the other, and return milliseconds to the screen; stop where `until` is drawn."""
    took: list[float] = []
    for letter in letters:
        begun = terminal.write(letter)
        took.append(1000.0 * (terminal.until(letter) - begun))
        if until is not None and terminal.has_drawn(until):
            break
        terminal.rest(PAUSE_S)
        if until is not None and terminal.has_drawn(until):
            break
    return took


def keys(store: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Return milliseconds from key to screen, while the ranker runs and while nothing does."""
    busy: list[float] = []
    idle: list[float] = []
    environment = child.environment({"RECOLLECT_HOME": str(store.parent), "RECOLLECT_STORE": str(store)})
    with Terminal([sys.executable, "-m", "recollect", "chat"], environment=environment) as terminal:
        terminal.until("memories ")
        terminal.rest(8.0)  # torch and the weights are loaded now
        for number in range(rounds + 1):
            title = f"Recalled: q{number}"
            terminal.write(f"/recall q{number} what was said about the first of them")
            terminal.rest(0.3)
            terminal.write("\r")
            found = typed(terminal, until=title, letters=LETTERS)
            if not terminal.has_drawn(title):
                terminal.rest(1.0)
            terminal.write(CLEAR)
            terminal.rest(0.3)
            calm = typed(terminal, until=None, letters=LETTERS[:8])
            terminal.write(CLEAR)
            terminal.rest(0.2)
            if number:  # the first recall loads what is left to be loaded
                busy += found
                idle += calm
    return busy, idle


def measure(turns: int, rounds: int) -> Report:
    """Return the report of one run."""
    load = load_average()
    with tempfile.TemporaryDirectory(prefix="recollect-bench-") as home:
        store = Path(home) / "memory.db"
        fill(store, turns)
        began = time.perf_counter()
        busy, idle = keys(store, rounds)
    return Report(
        benchmark="chat_typing",
        protocol={"terminal": "pty, 120x36", "pause_s": PAUSE_S, "took_s": time.perf_counter() - began},
        n={"turns": turns, "rounds": rounds, "keys while reranking": len(busy), "keys while idle": len(idle)},
        figures=(
            Figure(
                name="key to screen p95, reranking",
                value=percentile(busy, 0.95),
                unit="ms",
                bound="at most",
                target=MOST_P95_MS,
            ),
            Figure(name="key to screen p50, reranking", value=median(busy), unit="ms"),
            Figure(name="key to screen worst, reranking", value=max(busy), unit="ms"),
            Figure(name="key to screen p95, idle", value=percentile(idle, 0.95), unit="ms"),
            Figure(name="key to screen p50, idle", value=median(idle), unit="ms"),
        ),
        repetitions={"reranking": busy, "idle": idle},
        load=(load, load_average()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=600, help="in the store; a recall reranks 100 of them")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    report = measure(given.turns, given.rounds)
    report.show()
    report.write(given.json)


if __name__ == "__main__":
    main()
