"""A low-rank change to the small encoder: what training adds to weights that stay as they are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from ..memory.minilm import MiniLm

MATRICES = ("qkv", "attended", "up", "down")
"""The matrices of a layer that are changed; biases, norms and embeddings are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """Factors by "layer.matrix": the matrix becomes W + up @ down; `down` (rank, inputs), `up` (outputs, rank)."""

    down: Mapping[str, Tensor]
    up: Mapping[str, Tensor]


def adapted(base: MiniLm, adapter: Adapter) -> MiniLm:
    """Return the encoder with the change added in fp32 and rounded to its dtype; `base` keeps its weights."""
    layers = list(base.layers)
    for name, up in adapter.up.items():
        number, matrix = name.split(".")
        layer = layers[int(number)]
        weight, bias = getattr(layer, matrix)
        changed = (weight.float() + up.float() @ adapter.down[name].float()).to(base.dtype)
        layers[int(number)] = replace(layer, **{matrix: (changed, bias)})
    return base.with_layers(layers)
