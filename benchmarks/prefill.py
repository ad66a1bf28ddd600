"""What a question costs on a conversation that was read before, against a full pass over both.

    OMP_NUM_THREADS=1 python -m benchmarks.prefill --json out.json

A decoder of Qwen3's kind with random weights (12 layers of 512, 8 heads, 2 key heads, fp32) and 16 heads to read in
layers 4 to 8, as in METHODS 7.4. Both sides read the same heads of the same question and stop after layer 8; the full
pass reads the conversation each time. Figures are processor seconds of one thread, medians.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel

from benchmarks.figures import Figure, Report, load_average, median
from recollect.rerank.attention import capture, prepare
from recollect.rerank.prefill import PrefilledTexts, Prefix
from recollect.rerank.row_attention import QRSpec

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HEADS = {4: (0, 3, 6), 5: (1, 4, 7), 6: (2, 5, 0, 7), 7: (1, 3, 6), 8: (0, 2, 5)}
TOP = max(HEADS)
ALL = [(layer, head) for layer, row in HEADS.items() for head in row]
TURN_TOKENS = 32
VOCABULARY = 8_000
WANTED_RATIO = 30.0
WANTED_DIFFERENCE = 1e-6

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A conversation of equal turns and a question after it; ids are int64 (tokens,)."""

    conversation: Tensor
    question: Tensor

    def spec(self) -> QRSpec:
        """What is read: every row of the question, the sum over each turn's tokens."""
        cached, asked = len(self.conversation), len(self.question)
        turns = -(-cached // TURN_TOKENS)
        member = torch.zeros(1, cached + asked, turns)
        at = torch.arange(cached)
        member[0, at, at // TURN_TOKENS] = 1.0
        return QRSpec(heads=HEADS, rows=torch.arange(cached, cached + asked)[None], member=member)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed(Generic[T]):
    """What some work returned the last time, and the processor seconds of each time."""

    found: T
    spent_s: list[float]


def decoder() -> "PreTrainedModel":
    """Return the model of METHODS 7.4, with random weights that are always the same."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "qwen3",
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=12,
        num_attention_heads=8,
        num_key_value_heads=2,
        head_dim=64,
        vocab_size=VOCABULARY,
        max_position_embeddings=40_960,
    )
    return prepare(AutoModel.from_config(config).eval())


def timed(work: Callable[[], T], repetitions: int, *, before: Callable[[], object] = lambda: None) -> Timed[T]:
    """Run `work` once to warm up, then time it; `before` each of them, untimed."""
    spent: list[float] = []
    for _ in range(repetitions + 1):
        before()
        begun = time.process_time()
        found = work()
        spent.append(time.process_time() - begun)
    return Timed(found=found, spent_s=spent[1:])


@torch.no_grad()
def measure(tokens: int, question: int, repetitions: int) -> Report:
    """Time the question both ways, and what reading the conversation, or one more turn of it, takes."""
    load, model = load_average(), decoder()
    ids = torch.randint(0, VOCABULARY, (tokens + question,), generator=torch.Generator().manual_seed(1))
    scene = Scene(conversation=ids[:tokens], question=ids[tokens:])
    spec, texts = scene.spec(), PrefilledTexts(model, top=TOP)

    def read(length: int) -> Prefix:
        return texts.read("conversation", scene.conversation[:length])

    def ask(prefix: Prefix) -> Tensor:
        return capture(model, scene.question[None], spec, past=prefix.cache).of(ALL)

    whole = torch.cat([scene.conversation, scene.question])[None]
    full = timed(lambda: capture(model, whole, spec).of(ALL), repetitions)
    prefill = timed(lambda: read(tokens), repetitions, before=texts.clear)
    append = timed(lambda: read(tokens), repetitions, before=lambda: read(tokens - TURN_TOKENS))
    kept = timed(lambda: ask(prefill.found), 5 * repetitions)
    laps = {"full pass": full.spent_s, "question": kept.spent_s, "prefill": prefill.spent_s, "append": append.spent_s}
    difference = float((kept.found - full.found).abs().max())
    return Report(
        benchmark="prefill",
        protocol={"heads": len(ALL), "top_layer": TOP, "threads": torch.get_num_threads(), "dtype": "float32"},
        n={"cached tokens": tokens, "question tokens": question, "repetitions": repetitions},
        figures=figures(laps, difference, texts.bytes),
        repetitions=laps,
        load=(load, load_average()),
    )


def figures(laps: dict[str, list[float]], difference: float, kept_bytes: int) -> tuple[Figure, ...]:
    """Return the figures of all laps, in processor seconds, and of what is kept."""
    seconds = {name: median(spent) for name, spent in laps.items()}
    return (
        Figure(
            name="full pass / question on what is kept",
            value=seconds["full pass"] / seconds["question"],
            unit="x",
            bound="at least",
            target=WANTED_RATIO,
        ),
        Figure(name="largest difference of a score", value=difference, bound="at most", target=WANTED_DIFFERENCE),
        Figure(name="full pass", value=seconds["full pass"], unit="CPU-s"),
        Figure(name="question on what is kept", value=seconds["question"], unit="CPU-s"),
        Figure(name="reading the conversation once", value=seconds["prefill"], unit="CPU-s"),
        Figure(name=f"one more turn of {TURN_TOKENS} tokens", value=seconds["append"], unit="CPU-s"),
        Figure(name="kept", value=kept_bytes / 2**20, unit="MiB"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=4096, help="of the conversation (4096)")
    parser.add_argument("--question", type=int, default=32, help="tokens of the question (32)")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    report = measure(given.tokens, given.question, given.repetitions)
    report.show()
    report.write(given.json)


if __name__ == "__main__":
    main()
