"""Matrix products of the block ranker: the encoder's weights as the processor multiplies them fastest."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..memory.minilm import MiniLm

Weights = tuple[Tensor, Tensor]
"""A matrix, (outputs, inputs), and its bias, (outputs,)."""

_LINEAR, _REORDER = _OPERATORS = ("_linear_pointwise", "_reorder_linear_weight")


def packed(model: MiniLm) -> MiniLm:
    """Return the encoder with its matrices laid out in blocks, for inference alone; fp32 comes back as it is.

    Products of bf16 by oneDNN, which then also computes the activation while it writes. The last layer stays as it
    is: of it the question's rows and the keys are read, a third of one matrix.
    """
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch gives no type
    if model.dtype != torch.bfloat16 or not has_onednn or not all(map(_is_there, _OPERATORS)):
        return model

    layers = [
        replace(
            layer,
            qkv=_laid_out(layer.qkv),
            attended=_laid_out(layer.attended),
            up=_laid_out(layer.up),
            down=_laid_out(layer.down),
        )
        for layer in model.layers[:-1]
    ]
    return model.with_layers([*layers, *model.layers[-1:]])


def linear(states: Tensor, weights: Weights, *, gelu: bool = False) -> Tensor:
    """Return states (..., inputs) times a plain or packed matrix plus its bias, (..., outputs); GELU if asked."""
    matrix, bias = weights
    if matrix.is_mkldnn:
        product: Tensor = _onednn(_LINEAR)(states, matrix, bias, "gelu" if gelu else "none", [], "none")
        return product
    product = functional.linear(states, matrix, bias)
    return functional.gelu(product) if gelu else product


def _laid_out(weights: Weights) -> Weights:
    return _onednn(_REORDER)(weights[0].contiguous()), weights[1]


def _is_there(operator: str) -> bool:
    """Return whether this torch has the operator, which is no public one: without it products stay plain."""
    return hasattr(torch.ops.mkldnn, operator)


def _onednn(operator: str) -> Any:  # operators have no types
    return getattr(torch.ops.mkldnn, operator)
