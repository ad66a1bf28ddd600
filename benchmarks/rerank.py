"""Latency of the default ranker: 100 candidates, beside one eager pass of the same encoder that returns attentions.

    python -m benchmarks.rerank [--repetitions 30] [--threads 2]

The heads alone, without the second look, take turns with the whole, so that their ratio holds on a busy machine too;
so do the heads in eight bits and two stages of a rank, texts into tokens and the encoder's pass. Memory is what the
process holds at most during one rank beyond what it held before.

Candidates have 20 to 48 tokens, 34 on average as LoCoMo's turns. The eager pass is transformers' BertModel with
`output_attentions`, in fp32 over question and candidate as pairs: what reading attention costs without blocks.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import torch

from benchmarks.capture_worker import forget_peak, peak_mib, resident_mib
from benchmarks.figures import Figure, Report, load_average
from recollect.memory.embedder import MiniLmEmbedder, minilm_folder
from recollect.memory.types import Candidate, Turn
from recollect.rerank.adapter import adapted
from recollect.rerank.block import READ, BlockReranker
from recollect.rerank.block_attention import attend
from recollect.rerank.block_pieces import read_pieces
from recollect.rerank.block_products import packed
from recollect.rerank.block_weights import shipped_weights
from recollect.rerank.line_reader import LineReader
from recollect.rerank.second_look import SecondLook
from recollect.rerank.span_weights import second_look_weights

CANDIDATES = 100
TOKENS = 34
QUESTION = "What did Maya say about the pottery class she took with her sister?"


def candidates(encoder: MiniLmEmbedder) -> list[Candidate]:
    """Return 100 turns of 20 to 48 tokens, 34 on average."""
    sample = json.loads(files("recollect.samples").joinpath("demo.json").read_text(encoding="utf-8"))
    words = json.dumps(sample).replace('"', " ").split()
    drawn = random.Random(1)
    found: list[Candidate] = []
    for number in range(CANDIDATES):
        wanted = drawn.randint(TOKENS - 14, TOKENS + 14)
        start = drawn.randrange(len(words) - 60)
        text = " ".join(words[start : start + 60])
        ends = [end for _, end in encoder.tokens([text])[0][1]]
        turn = Turn(
            id=number,
            user="u",
            conversation="c",
            session="1",
            position=number,
            speaker="Maya",
            text=text[: ends[min(wanted, len(ends)) - 1]],
            said_at=datetime(2026, 3, 2),
        )
        found.append(Candidate(memory=turn, lexical=0.0, dense=0.0, fused=-float(number), preceding="Tom: And you?"))
    return found


def laps_ms(runs: Mapping[str, Callable[[], object]], repetitions: int) -> dict[str, list[float]]:
    """Return the milliseconds of `repetitions` runs of each, by turns, after one that is not counted."""
    for run in runs.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repetitions):
        for name, run in runs.items():
            begun = time.perf_counter()
            run()
            taken[name].append(1000.0 * (time.perf_counter() - begun))
    return taken


def stages(encoder: MiniLmEmbedder, listed: list[Candidate]) -> dict[str, Callable[[], object]]:
    """Return the two stages of a rank that take most time: its texts as tokens, and the encoder's pass over them."""
    model = packed(adapted(encoder.model, shipped_weights().adapter))
    listed = listed[:READ]
    asked, pieces = encoder.token_ids([QUESTION])[0], read_pieces(encoder, QUESTION, listed)
    blocks = [piece.block for piece in pieces]
    return {
        "tokens": lambda: read_pieces(encoder, QUESTION, listed),
        "pass": lambda: attend(model, asked, blocks, keep_words=True),
    }


def memory_mib(run: Callable[[], object]) -> float:
    """Return how much more memory the process holds at most during a run than before it, in MiB."""
    forget_peak()
    held = resident_mib()
    run()
    return peak_mib() - held


def eager_pass(texts: list[str]) -> Callable[[], object]:
    """Return a function that reads question and text as pairs and returns all attentions."""
    from transformers import AutoTokenizer, BertModel

    tokenizer = AutoTokenizer.from_pretrained(str(minilm_folder()))
    model = BertModel.from_pretrained(str(minilm_folder()), attn_implementation="eager").eval()
    pairs = tokenizer([QUESTION] * len(texts), texts, padding=True, return_tensors="pt")

    def run() -> object:
        with torch.inference_mode():
            return model(**pairs, output_attentions=True)

    return run


def measure(repetitions: int) -> Report:
    """Time both on the same candidates."""
    load = load_average()
    encoder = MiniLmEmbedder()
    listed = candidates(encoder)
    heads = BlockReranker(encoder)
    ranker = SecondLook(heads, LineReader(encoder, shipped=second_look_weights))
    ranker.rank(QUESTION, listed[:2])  # loads the weights
    held_mib = memory_mib(lambda: ranker.rank(QUESTION, listed))  # first of all, before freed memory is used again
    eight = BlockReranker(encoder, eight_bits=True)
    runs = {
        "block": lambda: ranker.rank(QUESTION, listed),
        "heads": lambda: heads.rank(QUESTION, listed),
        "eight bits": lambda: eight.rank(QUESTION, listed),
    }
    laps = laps_ms(runs | stages(encoder, listed), repetitions)
    laps |= laps_ms({"eager": eager_pass([one.memory.text for one in listed])}, max(2, repetitions // 5))
    took = {name: statistics.median(each) for name, each in laps.items()}
    ours, theirs = took["block"], took["eager"]
    return Report(
        benchmark="rerank",
        protocol={"threads": torch.get_num_threads(), "dtype": str(encoder.model.dtype)},
        n={"candidates": CANDIDATES, "repetitions": repetitions},
        figures=(
            Figure(name="rerank of 100 candidates, median", value=ours, unit="ms", bound="at most", target=300),
            Figure(name="of it the heads, without the second look", value=took["heads"], unit="ms"),
            Figure(name="of these texts as tokens", value=took["tokens"], unit="ms"),
            Figure(name="of these the encoder's pass", value=took["pass"], unit="ms"),
            Figure(name="heads in eight bits", value=took["eight bits"], unit="ms"),
            Figure(name="heads, eight bits / bf16", value=took["eight bits"] / took["heads"], unit="x"),
            Figure(name="eager output_attentions over the same", value=theirs, unit="ms"),
            Figure(name="eager / ours", value=theirs / ours, unit="x"),
            Figure(name="memory of one rank beyond what is held", value=held_mib, unit="MiB"),
        ),
        repetitions=laps,
        load=(load, load_average()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    report = measure(given.repetitions)
    report.show()
    report.write(given.json)


if __name__ == "__main__":
    main()
