"""kill -9 while turns are stored, snapshots saved and stores created; then: is everything there, and nothing half?

    python -m benchmarks.crash --rounds 200 --json out.json

Every round starts a writer (`crash_writer.py`), kills it at a random moment, opens the store it left and checks that
- every batch it reported as stored is there, verbatim and in order, and the last one wholly or not at all (a batch of
  more than 512 turns: each of its transactions wholly or not at all);
- positions count from 1 without a gap, and every turn has its date, its words and its vector;
- SQLite and FTS5 find no damage; a snapshot is whole or absent;
- both searches give what indexes built anew from SQLite give.
The next round goes on with the same store, ten times.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from benchmarks.child import environment
from benchmarks.crash_writer import CONVERSATION, DIMENSIONS, USER, batch_of, open_archive
from benchmarks.figures import Figure, Report, load_average
from recollect.memory.archive import BATCH_TURNS, Archive, snapshot_path
from recollect.memory.errors import SnapshotError
from recollect.memory.lexical import Fts5Index
from recollect.memory.lexical_documents import documents_around
from recollect.memory.snapshot import load_snapshot
from recollect.memory.store import Store
from recollect.memory.types import Hit, Scope, Turn

Moment: TypeAlias = Literal["a write", "a snapshot", "the first creation", "any moment"]
MOMENTS: tuple[Moment, ...] = ("a write",) * 4 + ("a snapshot",) * 3 + ("the first creation",) * 2 + ("any moment",)
ROUNDS_OF_A_STORE = 10
QUESTIONS = ("Where is the beagle?", "copper thunder orchard", "yesterday 1 March 2026", "b2t0 Bob saffron", "marble")
ROOT = Path(__file__).parents[1]


@dataclass(slots=True)
class Ledger:
    """What the writers of one store reported."""

    store: int
    path: Path
    stored: set[int] = field(default_factory=set[int])
    begun: set[int] = field(default_factory=set[int])
    rounds: int = 0


@dataclass(slots=True)
class Tally:
    """How the rounds went."""

    rounds: int = 0
    hits: Counter[str] = field(default_factory=Counter[str])
    batches: int = 0
    turns_checked: int = 0
    violations: list[str] = field(default_factory=list[str])


def crash_rounds(rounds: int, folder: Path, *, seed: int = 0, rounds_of_a_store: int = ROUNDS_OF_A_STORE) -> Tally:
    """Kill and check `rounds` times; stores lie in `folder`."""
    chance = random.Random(seed)
    tally = Tally()
    ledger = Ledger(store=0, path=folder / "0.db")
    for number in range(rounds):
        moment = chance.choice(MOMENTS)
        if ledger.rounds == rounds_of_a_store or (moment == "the first creation" and ledger.rounds):
            ledger = Ledger(store=ledger.store + 1, path=folder / f"{ledger.store + 1}.db")
        ledger.rounds += 1
        lines = _killed_writer(ledger, moment, chance)
        _book(ledger, lines, tally)
        violations = list(violations_of(ledger, tally))
        tally.violations += [f"round {number}, seed {seed}, {moment}: {violation}" for violation in violations]
        tally.rounds += 1
    return tally


def _killed_writer(ledger: Ledger, moment: Moment, chance: random.Random) -> list[str]:
    """Run a writer until it is killed, and return the whole lines it had written."""
    anchor = {"a write": "begun", "a snapshot": "saving"}.get(moment, "opening")
    wait_s = chance.uniform(0, {"a write": 0.03, "a snapshot": 0.006, "the first creation": 0.06}.get(moment, 0.5))
    ahead = chance.randint(1, 6) if moment in ("a write", "a snapshot") else 1
    command = [sys.executable, "-m", "benchmarks.crash_writer", str(ledger.path), str(ledger.store)]
    lines: list[str] = []
    with subprocess.Popen(
        [*command, str(chance.randrange(2**31))], cwd=ROOT, env=environment(), stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None  # noqa: S101 - narrows the type; a pipe was asked for
        for line in writer.stdout:
            lines.append(line.decode().strip())
            ahead -= lines[-1].startswith(anchor)
            if not ahead:
                break
        time.sleep(wait_s)
        writer.send_signal(signal.SIGKILL)
        *whole, _ = writer.stdout.read().decode().split("\n")
    if writer.returncode != -signal.SIGKILL:
        raise RuntimeError(f"The writer ended by itself, with {writer.returncode}; see above.")
    return lines + whole


def _book(ledger: Ledger, lines: Sequence[str], tally: Tally) -> None:
    for line in lines:
        word, _, number = line.partition(" ")
        if word == "begun":
            ledger.begun.add(int(number))
        elif word == "done":
            ledger.stored.add(int(number))
            tally.batches += 1
    last = lines[-1].partition(" ")[0]
    first = ledger.rounds == 1 and "opened" not in lines
    doing = {"begun": "a write", "saving": "a snapshot", "opening": "opening", "closing": "closing"}
    tally.hits["the first creation" if first else doing.get(last, "in between")] += 1


def violations_of(ledger: Ledger, tally: Tally) -> Iterator[str]:
    """Yield what is wrong with a store, in words."""
    yield from _snapshot_violations(ledger.path)
    archive = open_archive(ledger.path)
    try:
        turns = _all_turns(archive)
        tally.turns_checked += len(turns)
        yield from _batch_violations(ledger, turns)
        yield from _half_turns(archive, turns)
        yield from _damage(archive)
        found = _searches(archive)
        if found.words != _rebuilt_words(archive, ledger.path.with_suffix(".rebuilt")):
            yield "lexical search differs from an index built anew"
    finally:
        archive.store.close()
    kept = snapshot_path(ledger.path)
    aside = kept.rename(kept.with_suffix(".aside")) if kept.exists() else None
    anew = open_archive(ledger.path)
    try:
        if _searches(anew) != found:
            yield "search after a crash differs from that of an index built anew"
    finally:
        anew.store.close()
    if aside is not None:
        aside.rename(kept)


def _snapshot_violations(store: Path) -> Iterator[str]:
    path = snapshot_path(store)
    if not path.exists():
        return
    archive = open_archive(store)
    try:
        load_snapshot(
            path, store_id=archive.store.store_id, fingerprint=archive.embedder.fingerprint, dimensions=DIMENSIONS
        )
    except SnapshotError as error:
        yield f"the snapshot is not whole: {error}"
    finally:
        archive.store.close()


def _all_turns(archive: Archive) -> list[Turn]:
    return archive.store.turns(archive.store.ids(Scope()))


def _batch_violations(ledger: Ledger, turns: Sequence[Turn]) -> Iterator[str]:
    there: dict[int, list[Turn]] = {}
    for turn in turns:
        there.setdefault(int((turn.ref or "").partition("/")[0]), []).append(turn)
    for number in sorted(ledger.begun | there.keys()):
        said, kept = batch_of(ledger.store, number), there.get(number, [])
        if number not in ledger.begun:
            yield f"batch {number} is there and was never begun"
        if number in ledger.stored and len(kept) != len(said):
            yield f"batch {number} was reported as stored; {len(kept)} of {len(said)} turns are there"
        elif len(kept) not in (0, len(said), *range(BATCH_TURNS, len(said), BATCH_TURNS)):
            yield f"batch {number} is half there: {len(kept)} of {len(said)} turns"
        for new, turn in zip(said, kept, strict=False):
            if (new.text, new.speaker, new.ref, new.session) != (turn.text, turn.speaker, turn.ref, turn.session):
                yield f"turn {turn.id} is not what was said: {turn.text!r} instead of {new.text!r}"
    ledger.begun &= ledger.stored | there.keys()  # what did not get in is begun again, under the same number
    ledger.stored |= {number for number, kept in there.items() if len(kept) == len(batch_of(ledger.store, number))}


def _half_turns(archive: Archive, turns: Sequence[Turn]) -> Iterator[str]:
    positions: dict[str, list[int]] = {}
    for turn in turns:
        positions.setdefault(turn.session, []).append(turn.position)
        if [mention.text for mention in turn.dates] != ["yesterday"]:
            yield f"turn {turn.id} has the dates {turn.dates}"
    for session, found in positions.items():
        if found != list(range(1, len(found) + 1)):
            yield f"positions of session {session} are not 1 to {len(found)}"
    ids = {turn.id for turn in turns}
    for what, sql in (
        ("words", "select rowid from lexical"),
        ("vector", "select memory_id from vectors"),
        ("date", "select memory_id from date_mentions"),
    ):
        rows = [row[0] for row in archive.store.file.rows(sql)]
        if len(rows) != len(ids) or set(rows) != ids:
            yield f"{len(rows)} rows of {what} for {len(ids)} turns"
    empty = archive.store.file.rows("select name from sessions where id not in (select session_id from memories)")
    if empty:
        yield f"sessions without a turn: {empty}"


def _damage(archive: Archive) -> Iterator[str]:
    file = archive.store.file
    for check in ("integrity_check", "foreign_key_check"):
        found = file.rows(f"pragma {check}")
        if found not in ([], [("ok",)]):
            yield f"pragma {check}: {found[:3]}"
    file.write("insert into lexical (lexical) values ('integrity-check')")  # raises when the words do not match


@dataclass(frozen=True, slots=True)
class _Found:
    words: list[list[Hit]]
    vectors: list[list[Hit]]


def _searches(archive: Archive) -> _Found:
    scope = archive.store.scope(USER, CONVERSATION) or Scope()
    vectors = archive.embedder.embed(QUESTIONS, kind="query")
    return _Found(
        words=[archive.words.search(question, limit=50, scope=scope) for question in QUESTIONS],
        vectors=[archive.vectors.search(vector, limit=50, scope=scope) for vector in vectors],
    )


def _rebuilt_words(archive: Archive, path: Path) -> list[list[Hit]]:
    """Search a lexical index built from what SQLite holds now."""
    store = Store(path)
    try:
        words = Fts5Index(store.file)
        words.add(documents_around(archive.store, [*archive.store.ids(Scope())]))
        scope = archive.store.scope(USER, CONVERSATION) or Scope()
        return [words.search(question, limit=50, scope=scope) for question in QUESTIONS]
    finally:
        store.close()
        for left in path.parent.glob(f"{path.name}*"):
            left.unlink()


def report(tally: Tally, *, seed: int, took_s: float, load: tuple[float, float]) -> Report:
    """Return the tally as a report."""
    hits = [Figure(name=f"killed during {what}", value=float(n)) for what, n in sorted(tally.hits.items())]
    violations = Figure(name="violations", value=float(len(tally.violations)), bound="at most", target=0.0)
    return Report(
        benchmark="crash",
        protocol={"seed": seed, "seconds": round(took_s, 1), "violations": tally.violations},
        n={"rounds": tally.rounds, "batches stored": tally.batches, "turns checked": tally.turns_checked},
        figures=(*hits, violations),
        load=load,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, help="writers to kill (200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    load, begun = load_average(), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="recollect-crash-") as folder:
        tally = crash_rounds(arguments.rounds, Path(folder), seed=arguments.seed)
    took_s = time.perf_counter() - begun
    result = report(tally, seed=arguments.seed, took_s=took_s, load=(load, load_average()))
    for violation in tally.violations:
        print(violation)
    result.show()
    result.write(arguments.json)
    sys.exit(1 if tally.violations else 0)


if __name__ == "__main__":
    main()
