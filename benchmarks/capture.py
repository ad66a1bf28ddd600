"""What reading a few heads costs, against the attention matrices that transformers returns.

    python -m benchmarks.capture --json out.json
    python -m benchmarks.capture --gpu --json out.json

A decoder of Qwen3's kind with random weights (12 layers of 512, 8 heads, 2 key heads, fp32), 16 heads to read in
layers 4 to 8 and 32 rows, as in METHODS 7.4. Each pass runs in a process of its own on one thread; processor seconds
and the peak of its memory over the loaded model are the least of the repetitions, which take turns. The ratios held
to a target are those of the way the ranker takes, which stops after layer 8; all 12 layers are reported beside it.

`--gpu` times the shape of Qwen3-4B instead (see `capture_gpu.py`); it needs a CUDA device.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import child
from benchmarks.figures import Figure, Report, load_average

TIMES = "processor time, eager / capture"
MEMORY = "extra memory, eager / capture"
HOWS = ("eager", "all layers", "early exit")
WANTED_TIMES = 5.0
WANTED_MEMORY = 20.0
WANTED_DIFFERENCE = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """All passes of one kind: processor seconds and MiB of each, and the scores (heads, documents) of the first."""

    cpu_s: list[float]
    extra_mib: list[float]
    scores: list[list[float]]

    def difference(self, other: "Passes") -> float:
        """Return the largest difference of a score."""
        pairs = zip(self.scores, other.scores, strict=True)
        return max(abs(a - b) for ours, theirs in pairs for a, b in zip(ours, theirs, strict=True))


def passes(tokens: int, repetitions: int) -> dict[str, Passes]:
    """Run every way in fresh processes; they take turns, so that a busy moment hits them alike."""
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    told: dict[str, list[Any]] = {how: [] for how in HOWS}  # what the workers print, as JSON
    for _ in range(repetitions):
        for how, found in told.items():
            printed = child.run(["-m", "benchmarks.capture_worker", how, str(tokens)], changes=one_thread)
            found.append(json.loads(printed))
    return {
        how: Passes(
            cpu_s=[one["cpu_s"] for one in found],
            extra_mib=[one["extra_mib"] for one in found],
            scores=found[0]["scores"],
        )
        for how, found in told.items()
    }


def measure(tokens: int, repetitions: int) -> Report:
    """Return the report of one run."""
    load = load_average()
    found = passes(tokens, repetitions)
    return Report(
        benchmark="capture",
        protocol={"layers": 12, "hidden": 512, "heads": 16, "rows": 32, "threads": 1, "dtype": "float32"},
        n={"tokens": tokens, "repetitions": repetitions},
        figures=figures(found),
        repetitions={f"{how}, CPU-s": one.cpu_s for how, one in found.items()}
        | {f"{how}, MiB": one.extra_mib for how, one in found.items()},
        load=(load, load_average()),
    )


def figures(found: dict[str, Passes]) -> tuple[Figure, ...]:
    """Return ratios with their targets first, then what they are made of."""
    eager, whole, early = (found[how] for how in HOWS)

    def times(one: Passes) -> float:
        return min(eager.cpu_s) / min(one.cpu_s)

    def memory(one: Passes) -> float:
        return min(eager.extra_mib) / max(0.1, min(one.extra_mib))

    held = (
        Figure(name=TIMES, value=times(early), unit="x", bound="at least", target=WANTED_TIMES),
        Figure(name=MEMORY, value=memory(early), unit="x", bound="at least", target=WANTED_MEMORY),
        Figure(
            name="largest difference of a score",
            value=max(eager.difference(whole), eager.difference(early)),
            bound="at most",
            target=WANTED_DIFFERENCE,
        ),
        Figure(name=f"{TIMES} of all layers", value=times(whole), unit="x"),
        Figure(name=f"{MEMORY} of all layers", value=memory(whole), unit="x"),
    )
    spent = [Figure(name=f"{how}, one pass", value=min(one.cpu_s), unit="CPU-s") for how, one in found.items()]
    took = [Figure(name=f"{how}, extra memory", value=min(one.extra_mib), unit="MiB") for how, one in found.items()]
    return (*held, *spent, *took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=4096, help="of the prompt (4096)")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--gpu", action="store_true", help="the shape of Qwen3-4B on a CUDA device instead")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    if given.gpu:
        from benchmarks import capture_gpu

        report = capture_gpu.measure(capture_gpu.QWEN3_4B, device="cuda", passes=20)
    else:
        report = measure(given.tokens, given.repetitions)
    report.show()
    report.write(given.json)


if __name__ == "__main__":
    main()
