"""How fast turns are stored, against the plain embedding of the same texts, and how true the vectors are.

    python -m benchmarks.ingest --threads 1 2 --json out.json

A is `LongTermMemory.add_many` into a fresh store: checks, dates, vectors, SQLite, both indexes. B is
`SentenceTransformer.encode` with its defaults (fp32, batches of 32) on the same weights, the same texts
("speaker: text") and the same number of threads. They take turns, A B A B, in one process.
"""

import os

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # or the tokenizer alone would use all cores

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from benchmarks.figures import Figure, Report, load_average, median
from benchmarks.synthetic import SPEAKERS, dialogue
from recollect.agent.long_term_memory import LongTermMemory
from recollect.config import Config
from recollect.memory.embedder import MiniLmEmbedder, fastest_dtype, minilm_folder
from recollect.memory.types import NewTurn
from recollect.wiring import open_memory

if TYPE_CHECKING:
    from recollect.memory.ports import Vectors

WARM_UP = 64
WANTED_RATIO = 1.5
WANTED_COSINE = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """Seconds of one repetition of one side: on the wall, and of all processors this process had."""

    wall_s: float
    processor_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Every repetition of both sides, with one number of threads."""

    threads: int
    turns: int
    ours: list[Lap]
    theirs: list[Lap]

    @property
    def ratio(self) -> float:
        """How many times as fast as theirs ours is, by medians."""
        return median([lap.wall_s for lap in self.theirs]) / median([lap.wall_s for lap in self.ours])

    @property
    def processor_ratio(self) -> float:
        """The same in processor time, which other programs on the machine disturb less."""
        return median([lap.processor_s for lap in self.theirs]) / median([lap.processor_s for lap in self.ours])


def turns_of(texts: Sequence[str]) -> list[NewTurn]:
    """Return the texts as turns of two speakers, in sessions of 20."""
    return [
        NewTurn(speaker=SPEAKERS[number % 2], text=text, said_at="2026-03-02T18:00", session=number // 20)
        for number, text in enumerate(texts)
    ]


def passages(turns: Sequence[NewTurn]) -> list[str]:
    """Return what is embedded of the turns."""
    return [f"{turn.speaker}: {turn.text}" for turn in turns]


def plain_model() -> Any:  # Any: sentence-transformers publishes no types for its modules
    """Return the same weights in sentence-transformers, fp32."""
    return SentenceTransformer(str(minilm_folder()), device="cpu")


def race(turns: Sequence[NewTurn], embedder: MiniLmEmbedder, model: Any, *, threads: int, repetitions: int) -> Race:
    """Time both sides in turns."""
    torch.set_num_threads(threads)
    texts = passages(turns)
    _store(turns[:WARM_UP], embedder)
    model.encode(texts[:WARM_UP])
    ours: list[Lap] = []
    theirs: list[Lap] = []
    for _ in range(repetitions):
        ours.append(_store(turns, embedder))
        theirs.append(_lap(lambda: model.encode(texts)))
    return Race(threads=threads, turns=len(turns), ours=ours, theirs=theirs)


def _lap(work: Callable[[], object]) -> Lap:
    begun, spent = time.perf_counter(), time.process_time()
    work()
    return Lap(wall_s=time.perf_counter() - begun, processor_s=time.process_time() - spent)


def _store(turns: Sequence[NewTurn], embedder: MiniLmEmbedder) -> Lap:
    """Store the turns in a fresh store and return what `add_many` took."""
    with tempfile.TemporaryDirectory(prefix="recollect-bench-") as folder, _memory(folder, embedder) as memory:
        return _lap(lambda: memory.add_many(turns))


def _memory(folder: str, embedder: MiniLmEmbedder) -> LongTermMemory:
    memory = open_memory(Path(folder) / "memory.db", user="bench", config=Config())
    memory.archive.embedder = embedder  # its weights are loaded already; loading is not what is measured
    return memory


def cosines(turns: Sequence[NewTurn], embedder: MiniLmEmbedder, model: Any) -> "Vectors":
    """Return the cosine of every stored vector with the fp32 vector of sentence-transformers, (turns,)."""
    with tempfile.TemporaryDirectory(prefix="recollect-bench-") as folder, _memory(folder, embedder) as memory:
        stored = memory.add_many(turns)
        ours = memory.archive.vectors.vectors_of([turn.id for turn in stored])[1]
    theirs = model.encode(passages(turns))
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    products: Vectors = np.einsum("ij,ij->i", ours, theirs) / lengths
    return products


def measure(texts: Sequence[str], *, threads: Sequence[int], repetitions: int) -> Report:
    """Run the race with each number of threads, then compare the vectors."""
    load = load_average()
    turns, embedder, model = turns_of(texts), MiniLmEmbedder(), plain_model()
    races = [race(turns, embedder, model, threads=count, repetitions=repetitions) for count in threads]
    alike = cosines(turns, embedder, model)
    figures: list[Figure] = []
    times: dict[str, list[float]] = {}
    for run in races:
        name = f"{run.threads} thread{'s' if run.threads > 1 else ''}"
        ratio = Figure(name=f"ingest ratio, {name}", value=run.ratio, unit="x", bound="at least", target=WANTED_RATIO)
        figures += [ratio, Figure(name=f"the same in processor time, {name}", value=run.processor_ratio, unit="x")]
        for side, laps in (("add_many", run.ours), ("encode", run.theirs)):
            speed = run.turns / median([lap.wall_s for lap in laps])
            figures.append(Figure(name=f"{side}, {name}", value=speed, unit="turns/s"))
            times[f"{side}_{run.threads}_s"] = [lap.wall_s for lap in laps]
            times[f"{side}_{run.threads}_processor_s"] = [lap.processor_s for lap in laps]
    lowest, mean = float(alike.min()), float(alike.mean())
    figures.append(Figure(name="lowest cosine with fp32", value=lowest, bound="at least", target=WANTED_COSINE))
    figures.append(Figure(name="mean cosine with fp32", value=mean))
    return Report(
        benchmark="ingest",
        protocol={"threads": list(threads), "dtype": str(fastest_dtype()), "words": _words(texts)},
        n={"turns": len(turns), "repetitions": repetitions},
        figures=tuple(figures),
        repetitions=times,
        load=(load, load_average()),
    )


def _words(texts: Sequence[str]) -> dict[str, float]:
    lengths = [len(text.split()) for text in texts]
    return {"least": min(lengths), "median": median(lengths), "most": max(lengths)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=1024, help="synthetic turns (1024)")
    parser.add_argument("--texts", type=Path, help="instead, the texts of this file, one a line")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="torch threads, in turn (1 2)")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    texts = dialogue(given.turns, seed=given.seed)
    if given.texts:
        texts = [line for line in given.texts.read_text(encoding="utf-8").splitlines() if line.strip()]
    report = measure(texts, threads=given.threads, repetitions=given.repetitions)
    report.show()
    report.write(given.json)


if __name__ == "__main__":
    main()
