"""The span reader's weights, shipped as package data: a low-rank change to the encoder, and a head over its states.

What they were trained on, by which command, with which result: `span_reader.md` beside the file.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..memory.embedder import MINILM_SHA256
from ..memory.errors import WeightsCorrupt
from ..rerank.adapter import Adapter
from ..rerank.block_weights import REINSTALL, in_order

FORMAT = "spans 1"
SHIPPED = "span_reader.safetensors"
SHIPPED_SHA256 = "9f4fd30572c538eabde4ede97e94d18b526fd9115e148eba81bedcf45cb72780"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanWeights:
    """What makes the small encoder a reader; `head` float32 (2, hidden + 1): starts and ends, bias last."""

    adapter: Adapter
    head: Tensor


@lru_cache(maxsize=1)
def shipped_weights() -> SpanWeights:
    """Return the weights that ship with the package; raises WeightsCorrupt when the file is damaged or another's."""
    return load_weights(Path(str(files("recollect.agent").joinpath(SHIPPED))), sha256=SHIPPED_SHA256)


def load_weights(path: Path, *, sha256: str | None = None) -> SpanWeights:
    """Load what `save_weights` wrote; raises WeightsCorrupt naming what is wrong with the file.

    `sha256` is checked before the file is read. Weights trained on another encoder are refused.
    """
    try:
        if sha256 is not None and (found := hashlib.sha256(path.read_bytes()).hexdigest()) != sha256:
            raise WeightsCorrupt(f"{path} has SHA-256 {found}, expected {sha256}; {REINSTALL}")
        handle: Any = safe_open(path, framework="pt")  # the library types it loosely
        with handle as file:
            told: dict[str, str] = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WeightsCorrupt(f"Cannot read the span reader's weights {path}: {error}; {REINSTALL}") from error
    down = {name[5:]: tensor for name, tensor in tensors.items() if name.startswith("down.")}
    up = {name[3:]: tensor for name, tensor in tensors.items() if name.startswith("up.")}
    is_ours = told.get("format") == FORMAT and told.get("encoder") == MINILM_SHA256
    if not is_ours or "head" not in tensors or down.keys() != up.keys():
        found = f"format {told.get('format')}, encoder {told.get('encoder')}, {len(tensors)} tensors"
        raise WeightsCorrupt(
            f"{path} holds no span reader of this version for all-MiniLM-L6-v2 ({found}); {REINSTALL}"
        )
    return SpanWeights(adapter=Adapter(down=down, up=up), head=tensors["head"].float())


def save_weights(weights: SpanWeights, path: Path, *, told: dict[str, object] | None = None) -> str:
    """Write weights as safetensors, factors in bf16, and return the file's SHA-256; `told` goes to its metadata.

    The same weights make the same file.
    """
    tensors = {f"down.{name}": one.to(torch.bfloat16).contiguous() for name, one in weights.adapter.down.items()}
    tensors |= {f"up.{name}": one.to(torch.bfloat16).contiguous() for name, one in weights.adapter.up.items()}
    tensors["head"] = weights.head.float().contiguous()
    metadata = {"format": FORMAT, "encoder": MINILM_SHA256, "told": json.dumps(told or {}, sort_keys=True)}
    written = in_order(save(tensors, metadata=metadata))
    path.write_bytes(written)
    return hashlib.sha256(written).hexdigest()
