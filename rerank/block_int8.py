"""Matrix products of the block ranker in eight bits: half the time of bf16 where the processor adds four at once.

The inputs of a matrix are rounded by constants of its columns, not by what else is read, so each token's product
depends on that token alone: no candidate changes another's, whatever is read beside it. Some channels behind a layer
norm are ten times larger than the rest; matrix and inputs share that difference (SmoothQuant, arXiv 2211.10438,
Eq. 4), otherwise it would take three of the eight bits.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..memory.minilm import MiniLm

SMOOTHING = 0.7
"""How much of the channels' difference goes to the matrix: Eq. 4's alpha."""
MARGIN = 1.2
"""How much larger than seen inputs may be before they are cut."""
LARGEST, ZERO = 127, 128
CLS, SEP = 101, 102

_PRODUCT, _PREPACK = _OPERATORS = ("qlinear_pointwise", "qlinear_prepack")


class Int8(NamedTuple):
    """A matrix in eight bits; its products are shifted by `ZERO` and scaled by `scales`, all by the operator."""

    matrix: Tensor  # int8, in the processor's layout
    bias: Tensor  # fp32, (outputs,)
    scales: Tensor  # fp32, (outputs,)
    zeros: Tensor  # int32, (outputs,), all 0
    shrink: Tensor  # (inputs,), what brings inputs to +-127


def is_fast() -> bool:
    """Return whether this processor multiplies eight bits in hardware (AVX512-VNNI) and this torch lets us."""
    if not hasattr(torch.cpu, "get_capabilities") or not all(hasattr(torch.ops.onednn, one) for one in _OPERATORS):
        return False
    told: Mapping[str, Any] = torch.cpu.get_capabilities()  # bool, int and str
    return bool(told.get("avx512_vnni"))


def laid_out(weights: tuple[Tensor, ...], largest: Tensor) -> Int8:
    """Return a matrix (outputs, inputs) and its bias in eight bits; `largest` (inputs,) is what its inputs reach."""
    matrix, bias = weights[0].float(), weights[1]
    reach = largest.float().clamp(min=1e-3 * float(largest.max()) + 1e-6)
    steps = reach**SMOOTHING / matrix.abs().amax(0).clamp(min=1e-6) ** (1 - SMOOTHING)
    steps = steps * (reach / steps).max() * MARGIN / LARGEST
    shrink = (1 / steps).to(weights[0].dtype)
    folded = matrix / shrink.float()
    scales = folded.abs().amax(1).clamp(min=1e-12) / LARGEST
    rounded = (folded / scales[:, None]).round().to(torch.int8)
    return Int8(
        matrix=_onednn(_PREPACK)(rounded, None),
        bias=bias.float(),
        scales=scales,
        zeros=torch.zeros(len(scales), dtype=torch.int32),
        shrink=shrink,
    )


def product(states: Tensor, weights: Int8, *, gelu: bool) -> Tensor:
    """Return bf16 states (..., inputs) times the matrix plus its bias, (..., outputs), bf16; GELU if asked."""
    rounded = (states * weights.shrink).round_().clamp_(-LARGEST, LARGEST).to(torch.int8)
    # torch has a fast way to int8, oneDNN a fast product of uint8: the highest bit is all that differs
    shifted = rounded.bitwise_xor_(-ZERO).view(torch.uint8)
    activation = "gelu" if gelu else "none"
    matrix, bias, scales, zeros, _ = weights
    found: Tensor = _onednn(_PRODUCT)(
        shifted, 1.0, ZERO, matrix, scales, zeros, bias, 1.0, 0, torch.bfloat16, activation, [], "none"
    )
    return found


def reached(model: MiniLm) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield for each layer how large the inputs of `qkv` and `up` get, each (hidden,): 1,280 tokens drawn by chance.

    What a channel reaches hangs on the layer norm before it more than on the words.
    """
    known = len(model.words)
    ids = torch.randint(known // 30, known, (32, 40), generator=torch.Generator().manual_seed(0))
    ids[:, 0], ids[:, -1] = CLS, SEP
    with torch.inference_mode():
        states = model.embed_tokens(ids)
        for layer in model.layers:
            after = model.attended(layer, states, None)
            yield _largest(states), _largest(after)
            states = model.fed_forward(layer, after)


def _largest(states: Tensor) -> Tensor:
    return states.abs().flatten(0, -2).amax(0)


def _onednn(operator: str) -> Any:  # operators have no types
    return getattr(torch.ops.onednn, operator)
