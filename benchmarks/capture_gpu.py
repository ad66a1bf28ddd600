"""How long a decoder of Qwen3-4B's shape ranks 50 candidates of 258 tokens on a GPU, whole and cut after layer 24.

Random weights: speed and memory do not depend on them. The published figures are those of QRRanker (arXiv 2602.12192,
Table 7), whose GPU is another one; they stand beside ours in the protocol.
"""

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModel

from benchmarks.figures import Figure, Report, load_average, percentile
from recollect.rerank.attention import capture, prepare
from recollect.rerank.row_attention import QRSpec

QWEN3_4B: Mapping[str, Any] = {
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151_936,
    "max_position_embeddings": 262_144,
}
HEADS = {
    17: (4, 17, 25, 27),
    18: (15, 19),
    19: (12,),
    20: (15,),
    21: (8, 10, 11, 18, 31),
    22: (4,),
    23: (10,),
    24: (13,),
}
"""The published heads of Qwen3-4B-Instruct-2507 (METHODS 5.4)."""

CANDIDATES, CANDIDATE_TOKENS, ROWS = 50, 258, 32
PUBLISHED = {"whole": "1095 / 1133 ms, 11.18 GB", "cut": "910 / 928 ms, 8.71 GB"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Milliseconds of every pass, and the most GPU memory in use, weights included."""

    took_ms: list[float]
    peak_gb: float


def measure(shape: Mapping[str, Any], *, device: str, passes: int, heads: Mapping[int, Any] = HEADS) -> Report:
    """Time the model of `shape` whole, every layer computed, and cut above the top head's layer."""
    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("No CUDA device is there; leave out --gpu.")
    load, top = load_average(), max(heads)
    found = {
        "whole": timed(shape, heads, device=device, passes=passes),
        "cut": timed({**shape, "num_hidden_layers": top + 1}, heads, device=device, passes=passes),
    }
    listed: list[Figure] = []
    for name, one in found.items():
        listed += [
            Figure(name=f"{name}, p50", value=percentile(one.took_ms, 0.5), unit="ms"),
            Figure(name=f"{name}, p95", value=percentile(one.took_ms, 0.95), unit="ms"),
            Figure(name=f"{name}, peak memory", value=one.peak_gb, unit="GB"),
        ]
    return Report(
        benchmark="capture_gpu",
        protocol={
            "device": torch.cuda.get_device_name() if device == "cuda" else device,
            "dtype": "bfloat16",
            "published (p50 / p95, peak)": PUBLISHED,
        },
        n={"candidates": CANDIDATES, "tokens each": CANDIDATE_TOKENS, "passes": passes},
        figures=tuple(listed),
        repetitions={name: one.took_ms for name, one in found.items()},
        load=(load, load_average()),
    )


@torch.inference_mode()
def timed(shape: Mapping[str, Any], heads: Mapping[int, Any], *, device: str, passes: int) -> Timed:
    """Rank `passes` times after three passes that warm up."""
    is_cut = shape["num_hidden_layers"] == max(heads) + 1
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with torch.device(device):
        config = AutoConfig.for_model("qwen3", **shape)
        model = prepare(AutoModel.from_config(config, dtype=torch.bfloat16).eval())
        tokens = CANDIDATES * CANDIDATE_TOKENS + ROWS
        ids = torch.randint(0, shape["vocab_size"], (1, tokens))
        member = torch.eye(CANDIDATES).repeat_interleave(CANDIDATE_TOKENS, 0)
        member = torch.cat([member, torch.zeros(ROWS, CANDIDATES)])[None]
        rows = torch.arange(tokens - ROWS, tokens)[None]
    spec = QRSpec(heads=heads, rows=rows, member=member, early_exit=is_cut)
    took_ms: list[float] = []
    for number in range(passes + 3):
        begun = time.perf_counter()
        capture(model, ids, spec).of([(layer, head) for layer in heads for head in heads[layer]]).sum(1).tolist()
        if number >= 3:  # .tolist() waited for the device
            took_ms.append(1000.0 * (time.perf_counter() - begun))
    peak_gb = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else 0.0
    del model
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    return Timed(took_ms=took_ms, peak_gb=peak_gb)
