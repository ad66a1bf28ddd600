"""A low-rank change to the small encoder and one matrix that reads its states, as a safetensors file."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..memory.embedder import MINILM_SHA256
from ..memory.errors import WeightsCorrupt
from .adapter import Adapter

REINSTALL = "install Recollect again: pip install --force-reinstall recollect"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterFile:
    """What a kind of file is called: its `format` in the metadata, its matrix, and what errors call the whole."""

    format: str
    matrix: str
    content: str

    def load(self, path: Path, *, sha256: str | None = None) -> tuple[Adapter, Tensor]:
        """Return the change and the matrix (fp32) of a file that `save` wrote.

        `sha256` is checked before the file is read. Raises WeightsCorrupt naming what is wrong with the file; weights
        trained on another encoder are refused.
        """
        try:
            if sha256 is not None and (found := hashlib.sha256(path.read_bytes()).hexdigest()) != sha256:
                raise WeightsCorrupt(f"{path} has SHA-256 {found}, expected {sha256}; {REINSTALL}")
            told, tensors = _read(path)
        except (OSError, SafetensorError) as error:
            raise WeightsCorrupt(f"Cannot read {path}, a {self.content}: {error}; {REINSTALL}") from error
        adapter = adapter_of(tensors)
        is_ours = told.get("format") == self.format and told.get("encoder") == MINILM_SHA256
        if not is_ours or self.matrix not in tensors or adapter.down.keys() != adapter.up.keys():
            found = f"format {told.get('format')}, encoder {told.get('encoder')}, {len(tensors)} tensors"
            raise WeightsCorrupt(
                f"{path} holds no {self.content} of this version for all-MiniLM-L6-v2 ({found}); {REINSTALL}"
            )
        return adapter, tensors[self.matrix].float()

    def save(self, adapter: Adapter, matrix: Tensor, path: Path, *, told: dict[str, object] | None = None) -> str:
        """Write both, factors in bf16, and return the file's SHA-256; `told` goes to its metadata.

        The same weights make the same file.
        """
        tensors = {f"down.{name}": one.to(torch.bfloat16).contiguous() for name, one in adapter.down.items()}
        tensors |= {f"up.{name}": one.to(torch.bfloat16).contiguous() for name, one in adapter.up.items()}
        tensors[self.matrix] = matrix.float().contiguous()
        metadata = {"format": self.format, "encoder": MINILM_SHA256, "told": json.dumps(told or {}, sort_keys=True)}
        written = _in_order(save(tensors, metadata=metadata))
        path.write_bytes(written)
        return hashlib.sha256(written).hexdigest()


def adapter_of(tensors: dict[str, Tensor]) -> Adapter:
    """Return the factors among tensors named "down.…" and "up.…"."""
    down = {name[5:]: tensor for name, tensor in tensors.items() if name.startswith("down.")}
    up = {name[3:]: tensor for name, tensor in tensors.items() if name.startswith("up.")}
    return Adapter(down=down, up=up)


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    handle: Any = safe_open(path, framework="pt")  # the library types it loosely
    with handle as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _in_order(file: bytes) -> bytes:
    """Return a safetensors file with its metadata sorted; the library writes them in another order each time."""
    begin = 8 + int.from_bytes(file[:8], "little")
    header = json.loads(file[8:begin])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    ordered = json.dumps(header, separators=(",", ":")).encode()
    ordered += b" " * (-len(ordered) % 8)  # the numbers behind it are aligned
    return len(ordered).to_bytes(8, "little") + ordered + file[begin:]
