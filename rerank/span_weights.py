"""Readers' weights, shipped as package data: a low-rank change to the encoder, and a head over its states.

Two of one kind: the span reader finds the words that answer, the second look puts memories in order. What they were
trained on, by which command, with which result: `span_reader.md` beside the files.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from torch import Tensor

from .adapter import Adapter
from .adapter_file import AdapterFile

SHIPPED = "span_reader.safetensors"
SHIPPED_SHA256 = "df6c5b4909a2abee4b124b14d1cd1bd397f4f3b76523da11179892a5be6d9c0e"
SECOND_LOOK = "second_look.safetensors"
SECOND_LOOK_SHA256 = "5c4f5259bd366088103a182ed7d55b1f0860dcda560f80d4397c1e7d86c1ab3e"
_FILE = AdapterFile(format="spans 2", matrix="head", content="span reader")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanWeights:
    """What makes the small encoder a reader; `head` float32 (3, hidden + 1), bias last: where answers
    start and end, and whether a line answers."""

    adapter: Adapter
    head: Tensor


@lru_cache(maxsize=1)
def shipped_weights() -> SpanWeights:
    """Return the span reader's weights; raises WeightsCorrupt when the file is damaged or another's."""
    return _packaged(SHIPPED, SHIPPED_SHA256)


@lru_cache(maxsize=1)
def second_look_weights() -> SpanWeights:
    """Return the weights of the second look; raises WeightsCorrupt when the file is damaged or another's."""
    return _packaged(SECOND_LOOK, SECOND_LOOK_SHA256)


def _packaged(name: str, sha256: str) -> SpanWeights:
    return load_weights(Path(str(files("recollect.rerank").joinpath(name))), sha256=sha256)


def load_weights(path: Path, *, sha256: str | None = None) -> SpanWeights:
    """Load what `save_weights` wrote; raises WeightsCorrupt naming what is wrong with the file.

    `sha256` is checked before the file is read. Weights trained on another encoder are refused.
    """
    adapter, head = _FILE.load(path, sha256=sha256)
    return SpanWeights(adapter=adapter, head=head)


def save_weights(weights: SpanWeights, path: Path, *, told: dict[str, object] | None = None) -> str:
    """Write weights as safetensors, factors in bf16, and return the file's SHA-256; `told` goes to its metadata.

    The same weights make the same file.
    """
    return _FILE.save(weights.adapter, weights.head, path, told=told)
