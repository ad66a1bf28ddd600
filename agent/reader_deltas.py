"""What training changed of MiniLM to make a reader, in one file: the upper encoder layers and the decoder, bf16.

The rest, more than half of the reader, is MiniLM itself, which is installed anyway.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from transformers import BartForConditionalGeneration

from ..memory.embedder import MINILM_SHA256, minilm_folder
from ..memory.errors import GenerationError
from ..memory.minilm import MiniLm
from .reader_card import ReaderCard
from .reader_weights import ReaderShape, reader_network, trained_tensors

FORMAT = "1"
AGAIN = "make it again with: recollect train reader"


def save_deltas(tensors: Mapping[str, Tensor], path: Path, *, shape: ReaderShape, card: ReaderCard) -> str:
    """Write the trained tensors in bf16 with the reader's shape and card, and return the file's SHA-256."""
    stored = {name: one.detach().to(torch.bfloat16).contiguous() for name, one in tensors.items()}
    told = json.dumps({"shape": asdict(shape), "card": asdict(card)}, sort_keys=True)
    written = save(stored, metadata={"format": FORMAT, "encoder": MINILM_SHA256, "told": told})
    path.write_bytes(written)
    return hashlib.sha256(written).hexdigest()


def load_deltas(path: Path, *, sha256: str | None = None) -> tuple[BartForConditionalGeneration, ReaderCard]:
    """Return the reader of a file that `save_deltas` wrote, fp32, with its card; `sha256` is checked before.

    Raises GenerationError naming what is wrong with the file, WeightsCorrupt when MiniLM's own are damaged.
    """
    try:
        if sha256 is not None and (found := hashlib.sha256(path.read_bytes()).hexdigest()) != sha256:
            raise GenerationError(f"{path} has SHA-256 {found}, expected {sha256}; install Recollect again.")
        metadata, tensors = _read(path)
        told = json.loads(metadata["told"])
        shape, card = ReaderShape(**told["shape"]), ReaderCard(**told["card"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise GenerationError(f"Cannot read the reader's weights {path} ({error!r}); {AGAIN}.") from error
    if metadata.get("format") != FORMAT or metadata.get("encoder") != MINILM_SHA256:
        raise GenerationError(f"{path} was trained for another MiniLM or by another Recollect; {AGAIN}.")
    base = MiniLm(minilm_folder(), sha256=MINILM_SHA256, dtype=torch.float32)
    model = reader_network(base, shape)
    put_deltas(model, tensors, shape=shape)
    return model, card


def put_deltas(model: BartForConditionalGeneration, tensors: Mapping[str, Tensor], *, shape: ReaderShape) -> None:
    """Put trained tensors in their places; raises GenerationError when they are not those of this shape."""
    places = trained_tensors(model, shape)
    if {name: one.shape for name, one in places.items()} != {name: one.shape for name, one in tensors.items()}:
        raise GenerationError(f"The trained tensors are not those of a reader of {shape}; {AGAIN}.")
    with torch.no_grad():
        for name, place in places.items():
            place.copy_(tensors[name])


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    handle: Any = safe_open(path, framework="pt")  # the library types it loosely
    with handle as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
