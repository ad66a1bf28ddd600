"""What `import recollect` costs over bare Python, and how long `recollect --help` takes.

    python -m benchmarks.import_time --json out.json

Each command runs in a fresh interpreter; the three take turns, so that a busy moment hits them alike.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import child
from benchmarks.figures import Figure, Report, load_average, median

COMMANDS = {
    "pass": ["-c", "pass"],
    "import": ["-c", "import recollect"],
    "help": ["-m", "recollect", "--help"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """Milliseconds of every start, by command, in the order they were run."""

    took_ms: dict[str, list[float]]

    def over_bare_python_ms(self, command: str) -> float:
        """Return the median, over the repetitions, of the difference to bare Python."""
        bare = self.took_ms["pass"]
        return median([took - base for took, base in zip(self.took_ms[command], bare, strict=True)])


def starts(repetitions: int) -> Starts:
    """Run every command once unmeasured, so that byte code and files are cached, then in turns."""
    took: dict[str, list[float]] = {command: [] for command in COMMANDS}
    for repetition in range(repetitions + 1):
        for command, arguments in COMMANDS.items():
            begun = time.perf_counter()
            child.run(arguments)
            if repetition:
                took[command].append(1000.0 * (time.perf_counter() - begun))
    return Starts(took_ms=took)


def measure(repetitions: int) -> Report:
    """Return the report of one run."""
    load = load_average()
    found = starts(repetitions)
    over_ms = found.over_bare_python_ms("import")
    return Report(
        benchmark="import_time",
        protocol={"commands": COMMANDS},
        n={"repetitions": repetitions},
        figures=(
            Figure(name="import recollect", value=over_ms, unit="ms", bound="at most", target=150.0),
            Figure(name="bare python", value=median(found.took_ms["pass"]), unit="ms"),
            Figure(name="recollect --help", value=median(found.took_ms["help"]), unit="ms"),
        ),
        repetitions=found.took_ms,
        load=(load, load_average()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    report = measure(given.repetitions)
    report.show()
    report.write(given.json)


if __name__ == "__main__":
    main()
