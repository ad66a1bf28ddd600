"""How long `recollect chat` takes to its first prompt, against a bare Textual app with a text area.

    python -m benchmarks.chat_start --json out.json

Both run on a pseudo-terminal in fresh interpreters, in turns; the clock stops when the prompt's words are drawn.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import child
from benchmarks.figures import Figure, Report, load_average, median
from benchmarks.terminal import Terminal

PROMPT = "Write something"
BARE = f"""
from textual.app import App
from textual.widgets import TextArea
class Bare(App):
    def compose(self):
        yield TextArea(placeholder={PROMPT!r})
Bare().run()
"""
COMMANDS = {"bare": ["-c", BARE], "chat": ["-m", "recollect", "chat"]}
MOST_OVER_BARE_MS = 400.0


def starts(repetitions: int) -> dict[str, list[float]]:
    """Return the milliseconds of every start; the first of each is not counted: it fills caches and the store."""
    took: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory(prefix="recollect-bench-") as home:
        environment = child.environment({"RECOLLECT_HOME": home})
        for repetition in range(repetitions + 1):
            for name, arguments in COMMANDS.items():
                with Terminal([sys.executable, *arguments], environment=environment) as terminal:
                    ended = terminal.until(PROMPT[1:])  # the cursor may stand on the first letter
                if repetition:
                    took[name].append(1000.0 * (ended - terminal.began))
    return took


def measure(repetitions: int) -> Report:
    """Return the report of one run."""
    load = load_average()
    took = starts(repetitions)
    over = [chat - bare for chat, bare in zip(took["chat"], took["bare"], strict=True)]
    ratios = [chat / bare for chat, bare in zip(took["chat"], took["bare"], strict=True)]
    return Report(
        benchmark="chat_start",
        protocol={"terminal": "pty, 120x36", "until": PROMPT},
        n={"repetitions": repetitions},
        figures=(
            Figure(
                name="first prompt over a bare app",
                value=median(over),
                unit="ms",
                bound="at most",
                target=MOST_OVER_BARE_MS,
            ),
            Figure(name="first prompt", value=median(took["chat"]), unit="ms"),
            Figure(name="bare Textual app", value=median(took["bare"]), unit="ms"),
            Figure(name="ratio", value=median(ratios)),
        ),
        repetitions=took,
        load=(load, load_average()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    report = measure(given.repetitions)
    report.show()
    report.write(given.json)


if __name__ == "__main__":
    main()
