"""All benchmarks, one after another, and one table: figure, value, target, verdict.

    python -m benchmarks.run_all --json out.json
    python -m benchmarks.run_all --quick

`--quick` runs everything at a size that takes a minute or two; its figures show that the scripts work, and are no
results. `--keep FOLDER` keeps the large stores, and reuses those that are there.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.child import HERE, environment
from benchmarks.figures import Figure, print_figures

STORE = "--keep"
"""Stands for `--keep FOLDER` in the options below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A script with its options at full size and at a small one; a script that is not there is left out."""

    name: str
    script: str
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()

    def exists(self) -> bool:
        """Whether the script is there."""
        return (HERE / f"{self.script}.py").exists()


BENCHMARKS = (
    Benchmark(name="import_time", script="import_time", quick=("--repetitions", "5")),
    Benchmark(name="ingest", script="ingest", quick=("--turns", "200", "--repetitions", "2")),
    Benchmark(
        name="recall, one of many users",
        script="recall_at_scale",
        full=("--turns", "100000", "--users", "200", STORE),
        quick=("--turns", "4000", "--users", "8", "--questions", "40", "--compare", "10"),
    ),
    Benchmark(
        name="recall, everyone",
        script="recall_at_scale",
        full=("--turns", "1000000", "--users", "1", "--unscoped", STORE),
        quick=("--turns", "4000", "--users", "1", "--questions", "40", "--compare", "10", "--unscoped"),
    ),
    Benchmark(name="open_store", script="open_store", full=(STORE,), quick=("--turns", "2000", "--repetitions", "2")),
    Benchmark(name="rerank", script="rerank", quick=("--repetitions", "3")),
    Benchmark(name="capture", script="capture", quick=("--tokens", "512", "--repetitions", "1")),
    Benchmark(name="prefill", script="prefill", quick=("--tokens", "512", "--repetitions", "1")),
    Benchmark(name="marginal", script="marginal", quick=("--layers", "2", "--width", "128", "--repetitions", "1")),
    Benchmark(name="chat_start", script="chat_start", quick=("--repetitions", "1")),
    Benchmark(name="chat_scrolling", script="chat_scrolling", quick=("--turns", "200", "--keys", "6")),
    Benchmark(name="chat_typing", script="chat_typing", quick=("--turns", "120", "--rounds", "1")),
    Benchmark(name="crash", script="crash", quick=("--rounds", "5")),
    Benchmark(name="concurrency", script="concurrency", quick=("--seconds", "5", "--creations", "3")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one benchmark came to; `report` is its JSON, None when it failed."""

    benchmark: str
    took_s: float
    report: dict[str, object] | None

    def figures(self) -> list[Figure]:
        """Return the figures of the report."""
        listed = (self.report or {}).get("figures", [])
        known = Figure.__dataclass_fields__
        return [
            Figure(**{key: value for key, value in one.items() if key in known})
            for one in (listed if isinstance(listed, list) else [])
        ]


def run(benchmark: Benchmark, *, quick: bool, keep: Path) -> Outcome:
    """Run one benchmark in a process of its own; what it prints goes to stderr."""
    options: list[str] = []
    for option in benchmark.quick if quick else benchmark.full:
        options += [STORE, str(keep)] if option == STORE else [option]
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="recollect-bench-") as folder:
        out = Path(folder) / "report.json"
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{benchmark.script}", *options, "--json", str(out)],
            env=environment(),
            stdout=sys.stderr,
            check=False,
        )
        report = json.loads(out.read_text(encoding="utf-8")) if out.exists() else None
    if report is None:
        print(f"{benchmark.name} failed with exit code {done.returncode}", file=sys.stderr)
    return Outcome(benchmark=benchmark.name, took_s=time.perf_counter() - begun, report=report)


def show(outcomes: Sequence[Outcome]) -> None:
    """Print one table of all figures, those with a target first."""
    held = [(o.benchmark, figure) for o in outcomes for figure in o.figures() if figure.ok is not None]
    others = [(o.benchmark, figure) for o in outcomes for figure in o.figures() if figure.ok is None]
    print_figures("What is held to a target", held, with_benchmark=True)
    print_figures("What is reported", others, with_benchmark=True)
    for outcome in outcomes:
        said = "took" if outcome.report is not None else "FAILED after"
        load = (outcome.report or {}).get("load", "unknown")
        Console().print(f"{outcome.benchmark} {said} {outcome.took_s:.0f} s, load {load}", highlight=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes: do the scripts work?")
    parser.add_argument("--keep", type=Path, help="keep the large stores in this folder, and reuse them")
    parser.add_argument("--only", nargs="+", metavar="SCRIPT", help="run only these scripts")
    parser.add_argument("--json", type=Path, help="write all reports to this file")
    given = parser.parse_args()
    chosen = [one for one in BENCHMARKS if one.exists() and (not given.only or one.script in given.only)]
    with tempfile.TemporaryDirectory(prefix="recollect-bench-") as temporary:
        keep = given.keep or Path(temporary)
        outcomes = [run(benchmark, quick=given.quick, keep=keep) for benchmark in chosen]
    show(outcomes)
    if given.json:
        reports = {outcome.benchmark: outcome.report for outcome in outcomes}
        given.json.write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")
    is_fine = all(o.report is not None and all(f.ok is not False for f in o.figures()) for o in outcomes)
    return 0 if is_fine or given.quick else 1


if __name__ == "__main__":
    sys.exit(main())
