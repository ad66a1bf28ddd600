"""One pass over one prompt, for `capture.py`, which runs this in a fresh process: HOW TOKENS, JSON out."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.prefill import ALL, HEADS, VOCABULARY, decoder
from recollect.rerank.attention import capture
from recollect.rerank.row_attention import QRSpec

DOCUMENT_TOKENS = 128
ROWS = 32
"""The last tokens of the prompt are the question's; the documents stand before them."""

_STATUS = Path("/proc/self/status")


def spec(tokens: int, *, early_exit: bool) -> QRSpec:
    """Return what is read: the question's rows, the sum over each document's tokens."""
    before = torch.arange(tokens - ROWS)
    member = torch.zeros(1, tokens, int(before[-1]) // DOCUMENT_TOKENS + 1)
    member[0, before, before // DOCUMENT_TOKENS] = 1.0
    return QRSpec(heads=HEADS, rows=torch.arange(tokens - ROWS, tokens)[None], member=member, early_exit=early_exit)


def eager(ids: Tensor) -> Callable[[], Tensor]:
    """Prepare what everybody does: all attention matrices are returned, and the rows taken from them."""
    model, asked = decoder(), spec(ids.shape[1], early_exit=False)
    model.set_attn_implementation("eager")

    def scores() -> Tensor:
        layers = model(input_ids=ids, output_attentions=True, use_cache=False).attentions
        rows = torch.stack([layers[layer][0, head, asked.rows[0]] for layer, head in ALL])
        return rows.mean(1) @ asked.member[0]  # type: ignore[index, no-any-return]  # the spec has members

    return scores


def captured(ids: Tensor, *, early_exit: bool) -> Callable[[], Tensor]:
    """Prepare our own way."""
    model, asked = decoder(), spec(ids.shape[1], early_exit=early_exit)
    return lambda: capture(model, ids, asked).of(ALL)[0]


def resident_mib() -> float:
    """Return the resident set of this process, or its peak where the system tells only that."""
    return _status("VmRSS") if _STATUS.exists() else peak_mib()


def peak_mib() -> float:
    """Return the largest resident set since the peak was last forgotten."""
    if _STATUS.exists():
        return _status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def forget_peak() -> None:
    """Let the peak begin at what is resident now, where the system can."""
    if _STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status(name: str) -> float:
    lines = (line.split() for line in _STATUS.read_text(encoding="ascii").splitlines())
    return next(float(words[1]) for words in lines if words[0] == f"{name}:") / 2**10


@torch.no_grad()
def main() -> None:
    how, tokens = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(1)
    ids = torch.randint(0, VOCABULARY, (1, tokens), generator=torch.Generator().manual_seed(1))
    work = eager(ids) if how == "eager" else captured(ids, early_exit=how == "early exit")
    before_mib = resident_mib()
    forget_peak()
    begun = time.process_time()
    scores = work()
    spent_s = time.process_time() - begun
    print(json.dumps({"cpu_s": spent_s, "extra_mib": peak_mib() - before_mib, "scores": scores.tolist()}))


if __name__ == "__main__":
    main()
