"""How long a large store takes to open, and how much memory it then holds.

    python -m benchmarks.open_store --turns 100000 --json out.json

Each repetition is a fresh process: everything is imported, then the clock runs from opening the store until the
first vector search is answered, with the snapshot of the index and, in turns, without. At the end the
offline model is loaded, one question is embedded and recalled, and the resident set is read.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import child
from benchmarks.figures import Figure, Report, load_average, median
from benchmarks.scale_store import Built, Recipe, ensure
from recollect.memory.archive import snapshot_path
from recollect.memory.embedder import MiniLmEmbedder

OPENING = Path(__file__).with_name("opening.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What one fresh process measured; times in seconds, memory in MiB."""

    open_s: float
    first_recall_s: float
    imported_mib: float
    opened_mib: float
    ready_mib: float


def opening(path: Path, user: str) -> Opening:
    """Open the store in a fresh process."""
    return Opening(**json.loads(child.run([str(OPENING), str(path), user])))


def recipe(turns: int, users: int, *, seed: int) -> Recipe:
    """Return the recipe of a store that the offline embedder accepts, though none of its vectors is MiniLM's."""
    model = MiniLmEmbedder()
    return Recipe(turns=turns, users=users, seed=seed, embedder_name=model.name, fingerprint=model.fingerprint)


def openings(built: Built, repetitions: int) -> tuple[list[Opening], list[Opening]]:
    """Open with the snapshot and without it, in turns; the snapshot is there again in the end."""
    snapshot = snapshot_path(built.path)
    kept = snapshot.with_suffix(".kept")
    shutil.copyfile(snapshot, kept)
    with_snapshot: list[Opening] = []
    without: list[Opening] = []
    try:
        for _ in range(repetitions):
            shutil.copyfile(kept, snapshot)
            with_snapshot.append(opening(built.path, "user0"))
            snapshot.unlink(missing_ok=True)
            without.append(opening(built.path, "user0"))
    finally:
        kept.replace(snapshot)
    return with_snapshot, without


def measure(store: Recipe, folder: Path, *, repetitions: int) -> Report:
    """Build or reuse the store and open it again and again."""
    load = load_average()
    built = ensure(folder, store)
    opened, rebuilt = openings(built, repetitions)
    return Report(
        benchmark="open_store",
        protocol={"turns": store.turns, "users": store.users, "seed": store.seed},
        n={"turns": store.turns, "users": store.users, "repetitions": repetitions},
        figures=(
            Figure(
                name="open until the first search is answered",
                value=median([one.open_s for one in opened]),
                unit="s",
                bound="at most",
                target=1.5,
            ),
            Figure(name="the same without a snapshot", value=median([one.open_s for one in rebuilt]), unit="s"),
            *_after_opening(opened),
        ),
        repetitions={
            "open_s": [one.open_s for one in opened],
            "rebuild_s": [one.open_s for one in rebuilt],
            "first_recall_s": [one.first_recall_s for one in opened],
            "ready_mib": [one.ready_mib for one in opened],
            "ready_after_rebuild_mib": [one.ready_mib for one in rebuilt],
        },
        load=(load, load_average()),
    )


def _after_opening(opened: Sequence[Opening]) -> list[Figure]:
    return [
        Figure(
            name="first recall, loading the model", value=median([one.first_recall_s for one in opened]), unit="s"
        ),
        Figure(
            name="resident with the model loaded",
            value=median([one.ready_mib for one in opened]),
            unit="MiB",
            bound="at most",
            target=700.0,
        ),
        Figure(name="resident after the imports", value=median([one.imported_mib for one in opened]), unit="MiB"),
        Figure(name="resident after opening", value=median([one.opened_mib for one in opened]), unit="MiB"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=100_000, help="turns in the store (100000)")
    parser.add_argument("--users", type=int, default=200, help="users who share them (200)")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="keep the store in this folder, and reuse it if it is there")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recollect-bench-") as temporary:
        store = recipe(given.turns, given.users, seed=given.seed)
        report = measure(store, given.keep or Path(temporary), repetitions=given.repetitions)
    report.show()
    report.write(given.json)


if __name__ == "__main__":
    main()
