"""One of the processes of `benchmarks/concurrency.py`: two writers and two readers over the shared store.

Orders come on stdin, one a line, and each is answered by one line of JSON on stdout.
"""

import json
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from recollect.agent.long_term_memory import LongTermMemory
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.store import Store
from recollect.memory.types import NewTurn, Scope, Turn
from recollect.rerank.base import FirstStageOrder
from tests.fakes import HashEmbedder, count_words

USER = "shared"
DIMENSIONS = 32
TURNS_OF_A_SESSION = 100
DOOMED = "doomed"
SAMPLE = 200


@dataclass(slots=True)
class Work:
    """What this process did, and what went wrong."""

    stored: int = 0
    forgotten: int = 0
    events: int = 0
    recalled: int = 0
    read: int = 0
    problems: list[str] = field(default_factory=list[str])


def open_memory(path: Path, conversation: str | None = None) -> LongTermMemory:
    """Open the store with the instant embedder."""
    archive = Archive(Store(path), HashEmbedder(DIMENSIONS))
    return LongTermMemory(
        archive, FirstStageOrder(), ContextBuilder(count_words), user=USER, conversation=conversation
    )


def text_of(token: str) -> str:
    """Return the text of the turn that `token` names."""
    return f"{token} walked the dog yesterday \N{DOG FACE}"


def acknowledgements(path: Path, name: str) -> Path:
    """Return the file in which the process `name` lists what it has stored: id and token, a line each."""
    return path.with_name(f"{name}.stored")


class Worker:
    """Writes into a store, and reads what the other process has written."""

    def __init__(self, path: Path, name: str, other: str) -> None:
        self._path = path
        self._name = name
        self._others = acknowledgements(path, other)
        self._memory = open_memory(path)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._counting = threading.Lock()
        self.work = Work()

    def start(self, writers: int, readers: int) -> None:
        """Begin to write and to read."""
        jobs = [(self._write, number) for number in range(writers)] + [(self._read, n) for n in range(readers)]
        self._threads = [threading.Thread(target=self._guarded, args=job) for job in jobs]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all threads."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def check(self) -> None:
        """Check everything the other process stored, and this process's indexes against new ones."""
        others = self._lines(self._others.read_text())
        for start in range(0, len(others), 500):
            self._find_in_store(others[start : start + 500])
        for token in random.Random(self._name).sample([token for _, token in others], min(SAMPLE, len(others))):
            self._recall(token)
        store = self._memory.archive.store
        anew = open_memory(self._path)
        scope = store.scope(USER) or Scope()
        for question in ("walked the dog", *[token for _, token in others[:: max(1, len(others) // 20)]]):
            vector = anew.archive.embedder.embed([question], kind="query")[0]
            kept = self._memory.archive.vectors.search(vector, limit=100, scope=scope)
            if kept != anew.archive.vectors.search(vector, limit=100, scope=scope):
                self.work.problems.append(f"vector search for {question!r} differs from an index built anew")
        if len(self._memory.archive.vectors) != len(store.ids(Scope())):
            self.work.problems.append("the index does not hold as many vectors as there are memories")
        anew.close()

    def _guarded(self, job: Callable[[int], None], number: int) -> None:
        try:
            while not self._stop.is_set():
                job(number)
        except Exception:  # noqa: BLE001 - whatever it is, it is what this benchmark looks for
            self.work.problems.append(traceback.format_exc())

    def _write(self, number: int) -> None:
        conversation = ("one", "two")[number % 2]  # each is written by both processes
        memory = LongTermMemory(
            self._memory.archive, FirstStageOrder(), ContextBuilder(count_words), user=USER, conversation=conversation
        )
        chance = random.Random(f"{self._name}{number}")
        for n in range(sys.maxsize):
            if self._stop.is_set():
                return
            session = f"s{n // TURNS_OF_A_SESSION}"
            tokens = [f"{self._name}{number}n{n}k{k}" for k in range(chance.choice((1, 1, 1, 5, 20)))]
            turns = memory.add_many(
                NewTurn(speaker=self._name, text=text_of(token), session=session) for token in tokens
            )
            if chance.random() < 0.1:
                memory.add_event(turns, f"{self._name} walked dogs")
                self._count(events=1)
            if chance.random() < 0.1:
                memory.forget(
                    [memory.add(self._name, f"nobody shall know {DOOMED}{n}", session=f"{DOOMED} {self._name}")]
                )
                self._count(forgotten=1)
            self._acknowledge(zip(turns, tokens, strict=True))
            self._count(stored=len(turns))

    def _acknowledge(self, stored: Iterable[tuple[Turn, str]]) -> None:
        with self._counting, acknowledgements(self._path, self._name).open("a") as file:
            file.write("".join(f"{turn.id} {token}\n" for turn, token in stored))

    def _read(self, number: int) -> None:
        """Follow the other process's list and find each of its newest turns."""
        chance = random.Random(f"{self._name}{number}")
        begun = ""  # of a line: one write may be seen in two parts, where a page of the file ends
        with self._others.open() as file:
            while not self._stop.is_set():
                whole, end, begun = (begun + file.read()).rpartition("\n")
                lines = self._lines(whole + end)
                if not lines:
                    time.sleep(0.002)
                    continue
                self._find_in_store(lines)
                self._recall(chance.choice(lines)[1])

    def _lines(self, text: str) -> list[tuple[int, str]]:
        return [(int(line.split()[0]), line.split()[1]) for line in text.splitlines()]

    def _find_in_store(self, lines: list[tuple[int, str]]) -> None:
        turns = self._memory.archive.store.turns(memory_id for memory_id, _ in lines)
        found = {turn.id: turn for turn in turns}
        for memory_id, token in lines:
            turn = found.get(memory_id)
            if turn is None or turn.text != text_of(token) or [d.text for d in turn.dates] != ["yesterday"]:
                self.work.problems.append(f"turn {memory_id} ({token}) is not as it was stored: {turn}")
        self._count(read=len(lines))

    def _recall(self, token: str) -> None:
        best = self._memory.recall(token, limit=3)
        if not any(isinstance(found.memory, Turn) and found.memory.text == text_of(token) for found in best):
            self.work.problems.append(f"recall does not find {token}: {[found.memory for found in best]}")
        self._count(recalled=1)

    def _count(self, **more: int) -> None:
        with self._counting:
            for name, number in more.items():
                setattr(self.work, name, getattr(self.work, name) + number)


def create_at(path: Path, at: float) -> str:
    """Open a store that another process opens at the same moment, and store a turn; returns what went wrong."""
    while time.time() < at:
        pass
    try:
        with open_memory(path) as memory:
            memory.add("someone", "the first to come")
    except Exception:  # noqa: BLE001 - whatever it is, it is what this benchmark looks for
        return traceback.format_exc()
    return ""


def main() -> None:
    path, name, other = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    acknowledgements(path, name).touch()
    worker: Worker | None = None
    for line in sys.stdin:
        order, *details = json.loads(line)
        answer: object = None
        if order == "create":
            answer = create_at(Path(details[0]), details[1])
        elif order == "start":
            worker = Worker(path, name, other)
            worker.start(details[0], details[1])
        elif worker is not None:
            {"stop": worker.stop, "check": worker.check}[order]()
            work = worker.work
            answer = {
                "stored": work.stored,
                "forgotten": work.forgotten,
                "events": work.events,
                "recalled": work.recalled,
                "read": work.read,
                "problems": work.problems,
            }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
