"""The block ranker's weights, shipped as package data: a low-rank change to the encoder, and a reading of its heads.

What they were trained on, by which command, with which result: `block_qr.md` beside the file.
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
from .adapter import Adapter

FORMAT = "1"
SHIPPED = "block_qr.safetensors"
SHIPPED_SHA256 = "1865b60db2f48919ff7dc12a6b6acbb811b945b52fe15eeaafe52ef7985e37f9"
REINSTALL = "install Recollect again: pip install --force-reinstall recollect"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWeights:
    """What makes the small encoder a ranker; `reading` float32 (features,), see `block_reading.features`."""

    adapter: Adapter
    reading: Tensor
    encoder: str = MINILM_SHA256


@lru_cache(maxsize=1)
def shipped_weights() -> BlockWeights:
    """Return the weights that ship with the package; raises WeightsCorrupt when the file is damaged or another's."""
    path = Path(str(files("recollect.rerank").joinpath(SHIPPED)))
    return load_weights(path, sha256=SHIPPED_SHA256)


def load_weights(path: Path, *, sha256: str | None = None) -> BlockWeights:
    """Load what `save_weights` wrote; raises WeightsCorrupt naming what is wrong with the file.

    `sha256` is checked before the file is read. Weights trained on another encoder are refused.
    """
    try:
        if sha256 is not None and (found := hashlib.sha256(path.read_bytes()).hexdigest()) != sha256:
            raise WeightsCorrupt(f"{path} has SHA-256 {found}, expected {sha256}; {REINSTALL}")
        told, tensors = _read(path)
    except (OSError, SafetensorError) as error:
        raise WeightsCorrupt(f"Cannot read the ranker's weights {path}: {error}; {REINSTALL}") from error
    down = {name[5:]: tensor for name, tensor in tensors.items() if name.startswith("down.")}
    up = {name[3:]: tensor for name, tensor in tensors.items() if name.startswith("up.")}
    is_ours = told.get("format") == FORMAT and told.get("encoder") == MINILM_SHA256
    if not is_ours or "reading" not in tensors or down.keys() != up.keys():
        found = f"format {told.get('format')}, encoder {told.get('encoder')}, {len(tensors)} tensors"
        raise WeightsCorrupt(
            f"{path} holds no block ranker of this version for all-MiniLM-L6-v2 ({found}); {REINSTALL}"
        )
    return BlockWeights(adapter=Adapter(down=down, up=up), reading=tensors["reading"].float())


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    handle: Any = safe_open(path, framework="pt")  # the library types it loosely
    with handle as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def save_weights(weights: BlockWeights, path: Path, *, told: dict[str, object] | None = None) -> str:
    """Write weights as safetensors, factors in bf16, and return the file's SHA-256; `told` goes to its metadata.

    The same weights make the same file.
    """
    tensors = {f"down.{name}": one.to(torch.bfloat16).contiguous() for name, one in weights.adapter.down.items()}
    tensors |= {f"up.{name}": one.to(torch.bfloat16).contiguous() for name, one in weights.adapter.up.items()}
    tensors["reading"] = weights.reading.float().contiguous()
    metadata = {"format": FORMAT, "encoder": weights.encoder, "told": json.dumps(told or {}, sort_keys=True)}
    written = in_order(save(tensors, metadata=metadata))
    path.write_bytes(written)
    return hashlib.sha256(written).hexdigest()


def in_order(file: bytes) -> bytes:
    """Return a safetensors file with its metadata sorted; the library writes them in another order each time."""
    begin = 8 + int.from_bytes(file[:8], "little")
    header = json.loads(file[8:begin])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    ordered = json.dumps(header, separators=(",", ":")).encode()
    ordered += b" " * (-len(ordered) % 8)  # the numbers behind it are aligned
    return len(ordered).to_bytes(8, "little") + ordered + file[begin:]
