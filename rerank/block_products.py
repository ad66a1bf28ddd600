"""Matrix products of the rankers: the encoder's weights as the processor multiplies them fastest."""

from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from ..memory.minilm import Layer, MiniLm
from .block_int8 import Int8, is_fast, product, reached
from .block_int8 import laid_out as in_eight_bits

Weights: TypeAlias = tuple[Tensor, ...]
"""A matrix, (outputs, inputs), and its bias, (outputs,); or `Int8`."""

_LINEAR, _REORDER = _OPERATORS = ("_linear_pointwise", "_reorder_linear_weight")


def packed(model: MiniLm, *, eight_bits: bool = False) -> MiniLm:
    """Return the encoder with its matrices laid out in blocks, for inference alone; fp32 comes back as it is.

    Products of bf16 by oneDNN, which then also computes the activation while it writes; with `eight_bits`,
    what a layer norm feeds is multiplied in eight where the processor is fast at it. The last layer stays as it is:
    of it the question's rows and the keys are read, a third of one matrix.
    """
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch gives no type
    if model.dtype != torch.bfloat16 or not has_onednn or not all(map(_is_there, _OPERATORS)):
        return model
    layers = [
        replace(layer, attended=_laid_out(layer.attended), down=_laid_out(layer.down)) for layer in model.layers[:-1]
    ]
    if eight_bits and is_fast():
        layers = [_eight_bits(layer, *largest) for layer, largest in zip(layers, reached(model), strict=False)]
    else:
        layers = [replace(layer, qkv=_laid_out(layer.qkv), up=_laid_out(layer.up)) for layer in layers]
    return model.with_layers([*layers, *model.layers[-1:]])


def linear(states: Tensor, weights: Weights, *, gelu: bool = False) -> Tensor:
    """Return states (..., inputs) times a plain or packed matrix plus its bias, (..., outputs); GELU if asked."""
    if isinstance(weights, Int8):
        return product(states, weights, gelu=gelu)
    matrix, bias = weights
    if matrix.is_mkldnn:
        found: Tensor = _onednn(_LINEAR)(states, matrix, bias, "gelu" if gelu else "none", [], "none")
        return found
    found = functional.linear(states, matrix, bias)
    return functional.gelu(found) if gelu else found


def forward(model: MiniLm, ids: Tensor, mask: Tensor | None) -> Tensor:
    """Return what `MiniLm.forward` does, up to rounding, of an encoder that may be packed.

    Attention by plain products: PyTorch's fused one is slower on the CPU for heads of 32 dimensions.
    """
    states = model.embed_tokens(ids)
    for layer in model.layers:
        batch, length, hidden = states.shape
        qkv = linear(states, layer.qkv).view(batch, length, 3, model.shape.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, length, hidden / heads)
        scores = (query @ key.transpose(-1, -2)) * query.shape[-1] ** -0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :], -torch.inf)
        read = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, hidden)
        states = model.norm(states + linear(read, layer.attended), layer.attended_norm)
        wide = linear(states, layer.up, gelu=True)
        states = model.norm(states + linear(wide, layer.down), layer.output_norm)
    return states


def _eight_bits(layer: Layer, before_qkv: Tensor, before_up: Tensor) -> Layer:
    return replace(layer, qkv=in_eight_bits(layer.qkv, before_qkv), up=in_eight_bits(layer.up, before_up))


def _laid_out(weights: Weights) -> Weights:
    return _onednn(_REORDER)(weights[0].contiguous()), weights[1]


def _is_there(operator: str) -> bool:
    """Return whether this torch has the operator, which is no public one: without it products stay plain."""
    return hasattr(torch.ops.mkldnn, operator)


def _onednn(operator: str) -> Any:  # operators have no types
    return getattr(torch.ops.mkldnn, operator)
