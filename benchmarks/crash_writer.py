"""What is killed by `benchmarks/crash.py`: it stores batches and snapshots for ever, and says what it does."""

import random
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from recollect.memory.archive import Archive
from recollect.memory.store import Store
from recollect.memory.types import NewTurn
from tests.fakes import HashEmbedder

USER, CONVERSATION = "alice", "chat"
DIMENSIONS = 48
SESSIONS = 3
SAID_AT = "2026-03-02T18:00:00+01:00"
_WORDS = ("beagle", "harbour", "violin", "lantern", "meadow", "copper", "thunder", "saffron", "orchard", "marble")


def batch_of(store: int, batch: int) -> list[NewTurn]:
    """Return batch number `batch`; parent and child make the same one from the same numbers."""
    chance = random.Random(store * 1_000_003 + batch)
    size = 700 if chance.random() < 0.04 else chance.randint(1, 40)  # 700 turns are two transactions
    return [
        NewTurn(
            speaker=chance.choice(("Alice", "Bob")),
            text=f"b{batch}t{place} {' '.join(chance.choices(_WORDS, k=6))} yesterday, \N{DOG FACE}",
            said_at=SAID_AT,
            session=f"s{chance.randrange(SESSIONS)}",
            ref=f"{batch}/{place}",
        )
        for place in range(size)
    ]


def open_archive(path: Path) -> Archive:
    """Open the store as the benchmark does."""
    return Archive(Store(path), HashEmbedder(DIMENSIONS))


def _say(*words: object) -> None:
    print(*words, flush=True)


def _batch_numbers(archive: Archive) -> Iterator[int]:
    """Yield the numbers of the batches to come, after the newest one that is stored."""
    newest = archive.store.file.row("select max(cast(ref as integer)) from memories")
    return count(0 if newest is None or newest[0] is None else int(newest[0]) + 1)


def write_for_ever(path: Path, store: int, seed: int) -> None:
    """Store batches, save snapshots, close and open again, until killed."""
    chance = random.Random(seed)
    while True:
        _say("opening")
        archive = open_archive(path)
        _say("opened")
        numbers = _batch_numbers(archive)
        for _ in range(chance.randint(1, 12)):
            number = next(numbers)
            _say("begun", number)
            archive.add_turns(USER, CONVERSATION, batch_of(store, number))
            _say("done", number)
            if chance.random() < 0.3:
                _say("saving")
                archive.vectors.save()
                _say("saved")
        _say("closing")
        archive.close()
        _say("closed")


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
