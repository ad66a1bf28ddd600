"""Where chosen rows of chosen heads look: the maths of the capture, on the queries and keys of one layer.

METHODS 7.2. Only the rows asked for are multiplied with the keys, in fp32 whatever the model computes in; heads that
share keys (GQA) are multiplied together, so keys are not repeated. A row sees a key if the layer's mask says so, or,
where the layer has none, if the key's place is not after the row's. Everything is differentiable.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from ..memory.errors import RerankError

Mode: TypeAlias = Literal["rows", "tokens", "docs", "docs_sdpa", "docs_stream"]

STREAM_KEYS = 1024
"""How many keys `docs_stream` holds the attention of at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QRSpec:
    """Which heads and rows are read, and what is made of them.

    `heads` is by layer, both from 0. `rows` (batch, rows) int64 are places among all keys: a cached prefix and
    padding count. `row_mask` (batch, rows) is false on rows that only fill up. `member` (batch, keys, documents) says
    how much of each key belongs to each document; 0 and 1 for sums, 1 / length for means per token. What comes of a
    layer, in fp32, by `mode`:

    - `rows`: the softmax itself, (batch, heads, rows, keys)
    - `tokens`: its mean over the rows, (batch, heads, keys)
    - `docs`: the mean over the rows, summed over each document's keys, (batch, heads, documents)
    - `docs_sdpa`: the same as attention that reads `member` as values: no (rows, keys) matrix in fused kernels
    - `docs_stream`: the same over blocks of keys with a running softmax: the least memory

    With `early_exit` the model stops in the highest of the layers as soon as its heads were read.
    Raises RerankError for a spec that contradicts itself.
    """

    heads: Mapping[int, Sequence[int]]
    rows: Tensor
    row_mask: Tensor | None = None
    member: Tensor | None = None
    mode: Mode = "docs"
    early_exit: bool = True

    def __post_init__(self) -> None:
        if not self.heads or not all(self.heads.values()):
            raise RerankError("A capture needs at least one head, and no layer without one; choose heads.")
        if self.rows.dim() != 2 or self.rows.shape[1] == 0:
            raise RerankError(f"The rows of a capture are (batch, rows), not {tuple(self.rows.shape)}.")
        if self.mode.startswith("docs") and (self.member is None or self.member.dim() != 3):
            raise RerankError(f"Mode {self.mode} needs `member` (batch, keys, documents).")

    @property
    def top(self) -> int:
        """The highest layer with a chosen head."""
        return max(self.heads)

    def row_shares(self) -> Tensor:
        """Return what each row weighs in the mean, (batch, rows) fp32."""
        counted = torch.ones_like(self.rows) if self.row_mask is None else self.row_mask
        return counted.float() / counted.sum(1, keepdim=True).clamp(min=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerState:
    """What one layer's attention is computed from, as the model hands it to its attention function.

    `query` (batch, heads, tokens, width); `key` (batch, key heads, keys, width), the cached ones first; `mask` None
    (causal), or (batch or 1, 1, tokens, keys), bool (true is seen) or additive.
    """

    query: Tensor
    key: Tensor
    mask: Tensor | None
    scaling: float
    softcap: float | None = None


def read_rows(state: LayerState, heads: Sequence[int], spec: QRSpec) -> Tensor:
    """Return what `spec.mode` asks of these heads of one layer, in the order of `heads`, fp32.

    METHODS 5.1 and 7.2. Raises RerankError for heads, rows or members that the layer does not have.
    """
    _check(state, heads, spec)
    with torch.autocast(state.query.device.type, enabled=False):
        if spec.mode == "docs_sdpa":
            return _mean(_through_sdpa(state, heads, spec), spec)
        if spec.mode == "docs_stream":
            return _mean(_streamed(state, heads, spec), spec)
        weights = _logits(state, heads, spec, slice(None)).softmax(-1)
        if spec.mode == "rows":
            return weights
        given = _mean(weights, spec)  # (batch, heads, keys)
        return given if spec.member is None or spec.mode == "tokens" else given @ spec.member.float()


def _check(state: LayerState, heads: Sequence[int], spec: QRSpec) -> None:
    batch, count, tokens, _ = state.query.shape
    keys = state.key.shape[2]
    if min(heads) < 0 or max(heads) >= count:
        raise RerankError(f"The model has heads 0 to {count - 1} in a layer, not {list(heads)}; check the head set.")
    if spec.rows.shape[0] != batch:
        raise RerankError(f"The rows are of {spec.rows.shape[0]} prompts, the model reads {batch}.")
    if int(spec.rows.min()) < keys - tokens or int(spec.rows.max()) >= keys:
        raise RerankError(f"Rows must be among the tokens of this pass, places {keys - tokens} to {keys - 1}.")
    if spec.member is not None and spec.member.shape[:2] != (batch, keys):
        raise RerankError(f"`member` is {tuple(spec.member.shape)}; it must begin with ({batch}, {keys}).")
    if state.mask is not None and (state.mask.dim() != 4 or state.mask.shape[1] != 1):
        raise RerankError("Attention masks that differ between heads cannot be captured.")


def _mean(values: Tensor, spec: QRSpec) -> Tensor:
    """Return the mean over the rows of (batch, heads, rows, anything)."""
    return torch.einsum("bhqx,bq->bhx", values, spec.row_shares())


def _row_queries(state: LayerState, heads: Sequence[int], spec: QRSpec) -> Tensor:
    """Return the queries of the chosen heads and rows, (batch, heads, rows, width) fp32."""
    cached = state.key.shape[2] - state.query.shape[2]
    batch = torch.arange(len(spec.rows), device=spec.rows.device)
    chosen = state.query[:, list(heads)]
    return chosen.transpose(1, 2)[batch[:, None], spec.rows - cached].transpose(1, 2).float()


def _seen(state: LayerState, spec: QRSpec) -> Tensor:
    """Return which keys each row sees, (batch, 1, rows, keys), bool or additive."""
    keys, tokens = state.key.shape[2], state.query.shape[2]
    if state.mask is None:
        return (torch.arange(keys, device=spec.rows.device) <= spec.rows[:, :, None])[:, None]
    batch = torch.arange(len(spec.rows), device=spec.rows.device)[:, None] % len(state.mask)
    return state.mask[:, 0, :, :keys][batch, spec.rows - (keys - tokens)][:, None]


def _sharing(state: LayerState, heads: Sequence[int]) -> dict[int, list[int]]:
    """Return, for each key head, the places in `heads` that read it."""
    group = state.query.shape[1] // state.key.shape[1]
    shared: dict[int, list[int]] = {}
    for place, head in enumerate(heads):
        shared.setdefault(head // group, []).append(place)
    return shared


def _logits(state: LayerState, heads: Sequence[int], spec: QRSpec, keys: slice) -> Tensor:
    """Return masked logits of the chosen heads and rows on some keys, (batch, heads, rows, keys) fp32.

    A row that sees nothing, as padding does, gets finite numbers: it weighs nothing, and nothing times NaN is NaN.
    """
    query, rows = _row_queries(state, heads, spec), spec.rows.shape[1]
    parts: list[Tensor] = []
    order: list[int] = []
    for key_head, places in _sharing(state, heads).items():
        stacked = query[:, places].flatten(1, 2)  # (batch, heads of this key head * rows, width)
        found = stacked @ state.key[:, key_head, keys].float().mT
        parts.append(found.view(len(found), len(places), rows, -1))
        order += places
    logits = torch.cat(parts, 1) * state.scaling
    if order != sorted(order):
        logits = logits[:, sorted(range(len(order)), key=order.__getitem__)]
    if state.softcap is not None:
        logits = (logits / state.softcap).tanh() * state.softcap
    seen = _seen(state, spec)[..., keys]
    if seen.dtype == torch.bool:
        return logits.masked_fill(~seen, torch.finfo(logits.dtype).min)
    return logits + seen.float()


def _through_sdpa(state: LayerState, heads: Sequence[int], spec: QRSpec) -> Tensor:
    """Return (batch, heads, rows, documents): attention whose values are the documents' membership."""
    if state.softcap is not None or spec.member is None:
        raise RerankError("Mode docs_sdpa cannot cap logits, as this model does; use docs or docs_stream.")
    group = state.query.shape[1] // state.key.shape[1]
    seen = _seen(state, spec)
    if seen.dtype != torch.bool:
        seen = seen.float()
    return functional.scaled_dot_product_attention(
        _row_queries(state, heads, spec),
        state.key[:, [head // group for head in heads]].float(),
        spec.member.float()[:, None].expand(-1, len(heads), -1, -1),
        attn_mask=seen.expand(-1, len(heads), -1, -1),
        scale=state.scaling,
    )


def _streamed(state: LayerState, heads: Sequence[int], spec: QRSpec) -> Tensor:
    """Return (batch, heads, rows, documents) with a running maximum, normaliser and sum (METHODS 7.2)."""
    member = spec.member
    assert member is not None, "the spec was checked"  # noqa: S101 -- for the type checker
    highest = mass = total = torch.zeros(())
    for number, keys in enumerate(_blocks(state.key.shape[2])):
        logits = _logits(state, heads, spec, keys)  # (batch, heads, rows, block)
        peak = logits.detach().amax(-1, keepdim=True)
        if number:
            peak = torch.maximum(peak, highest)
        weights = (logits - peak).exp()
        given = weights @ member[:, None, keys].float()
        if not number:
            highest, mass, total = peak, weights.sum(-1, keepdim=True), given
            continue
        kept = (highest - peak).exp()
        highest, mass, total = peak, kept * mass + weights.sum(-1, keepdim=True), kept * total + given
    return total / mass


def _blocks(keys: int) -> Iterator[slice]:
    for start in range(0, keys, STREAM_KEYS):
        yield slice(start, start + STREAM_KEYS)
