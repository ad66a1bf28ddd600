"""What a question drew from one prompt: the attention of chosen heads on every token, beyond that of 'N/A'."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache

from ..memory.types import Effort
from .attention import Captured, capture, prefill
from .decoder import Decoder
from .heads import Head
from .layer_cost import Pass, layer_cost
from .prefill import shared_length
from .prompt_tokens import PromptTokens
from .row_attention import QRSpec
from .scoring import calibrated


def attention_drawn(
    decoder: Decoder, heads: Sequence[Head], asked: PromptTokens, null: PromptTokens | None = None
) -> Tensor:
    """Return what each token of a prompt drew from the question's rows, (heads, tokens) fp32, heads in this order.

    The mean over the rows (METHODS 5.1). With `null`, the same prompt that asks 'N/A', what it drew there is
    subtracted; what both prompts begin with is read once, and only tokens of both are returned (METHODS 5.2, 7.5).
    """
    if null is None:
        return read_after(decoder, heads, asked)
    shared = _shared(asked, null)
    with torch.inference_mode():
        past = prefill(decoder.model, _batch(decoder, asked.ids[:shared]), top=max(heads)[0]) if shared else None
        return calibrated(*(read_after(decoder, heads, one, shared=shared, past=past) for one in (asked, null)))


def passes_of(asked: PromptTokens, null: PromptTokens | None = None) -> list[Pass]:
    """Return what `attention_drawn` reads for the same arguments."""
    if null is None:
        return [Pass(tokens=len(asked.ids))]
    shared = _shared(asked, null)
    ends = [Pass(tokens=len(one.ids) - shared, past=shared) for one in (asked, null)]
    return [Pass(tokens=shared), *ends] if shared else ends


def effort_of(decoder: Decoder, passes: Sequence[Pass]) -> Effort:
    """Return what readings up to the top layer took; the few rows that are looked at beside it are not counted."""
    cost = layer_cost(decoder.model)
    tokens = sum(one.tokens for one in passes)
    return Effort(tokens=tokens, flops=None if cost is None else cost.flops(passes, stops=True))


def read_after(
    decoder: Decoder,
    heads: Sequence[Head],
    tokens: PromptTokens,
    *,
    shared: int = 0,
    past: DynamicCache | None = None,
) -> Tensor:
    """Return what `attention_drawn` does without 'N/A', where `past` holds the first `shared` tokens."""
    by_layer: dict[int, list[int]] = {}
    for layer, head in heads:
        by_layer.setdefault(layer, []).append(head)
    rows = torch.tensor([tokens.rows], device=decoder.device)
    spec = QRSpec(heads=by_layer, rows=rows, mode="tokens")
    with torch.inference_mode():
        found: Captured = capture(decoder.model, _batch(decoder, tokens.ids[shared:]), spec, past=past)
    return found.of(heads)[0].cpu()


def _shared(asked: PromptTokens, null: PromptTokens) -> int:
    """Return how many tokens both begin with, before the rows of either."""
    return min(shared_length(asked.ids, null.ids), asked.rows[0], null.rows[0])


def _batch(decoder: Decoder, ids: Tensor) -> Tensor:
    return ids[None].to(decoder.device)
