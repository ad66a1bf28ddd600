"""The block ranker's weights, shipped as package data: a low-rank change to the encoder, and a reading of its heads.

What they were trained on, by which command, with which result: `block_qr.md` beside the file.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from torch import Tensor

from .adapter import Adapter
from .adapter_file import AdapterFile

FORMAT = "1"
SHIPPED = "block_qr.safetensors"
SHIPPED_SHA256 = "2534f360e30cb36e266973254c3e0ba6a291c9e33b00c56cb38301dbc8266b5c"
_FILE = AdapterFile(format=FORMAT, matrix="reading", content="block ranker")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWeights:
    """What makes the small encoder a ranker; `reading` float32 (features,), see `block_reading.features`."""

    adapter: Adapter
    reading: Tensor


@lru_cache(maxsize=1)
def shipped_weights() -> BlockWeights:
    """Return the weights that ship with the package; raises WeightsCorrupt when the file is damaged or another's."""
    path = Path(str(files("recollect.rerank").joinpath(SHIPPED)))
    return load_weights(path, sha256=SHIPPED_SHA256)


def load_weights(path: Path, *, sha256: str | None = None) -> BlockWeights:
    """Load what `save_weights` wrote; raises WeightsCorrupt naming what is wrong with the file.

    `sha256` is checked before the file is read. Weights trained on another encoder are refused.
    """
    adapter, reading = _FILE.load(path, sha256=sha256)
    return BlockWeights(adapter=adapter, reading=reading)


def save_weights(weights: BlockWeights, path: Path, *, told: dict[str, object] | None = None) -> str:
    """Write weights as safetensors, factors in bf16, and return the file's SHA-256; `told` goes to its metadata.

    The same weights make the same file.
    """
    return _FILE.save(weights.adapter, weights.reading, path, told=told)
