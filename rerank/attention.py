"""Reads the attention of a decoder's chosen heads while it runs, without keeping any attention matrix.

METHODS 7.1 and 7.2. transformers calls an attention function by name with the very tensors that are multiplied
(after norms, rotation and the cache), and hands it any argument of the forward call. Ours computes the layer as
`sdpa` does and, in layers with chosen heads, reads a few rows beside it; it stops the model after the top one.
Its mask function is registered as well: a model with an unknown implementation silently gets no mask.

Over one whole prompt:

    decoder = prepare(model)  # the base model: logits are never computed
    spec = QRSpec(heads={20: (15,), 21: (11, 10)}, rows=rows, member=member)
    found = capture(decoder, input_ids, spec)
    found.of([(20, 15), (21, 10)])  # (batch, heads, documents)

After a prefix that was read once (places of rows and members count from the prefix's first token; an attention mask,
if any, covers both):

    past = prefill(decoder, prefix_ids, top=21)
    past = prefill(decoder, more_ids, top=21, past=past)  # a longer one; the shorter one stays as it was
    found = capture(decoder, question_ids, spec, past=past)  # `past` stays bit-identical

The softmax is read without dropout. Gradients flow through what is read; with gradient checkpointing, set
`use_reentrant=False`.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache, cache_utils, masking_utils, modeling_utils
from transformers.integrations import sdpa_attention

from ..memory.errors import RerankError
from .row_attention import LayerState, QRSpec, read_rows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

IMPLEMENTATION = "recollect_qr"

# transformers is typed in part only, so its functions are Any here and typed from here on
_caches: Any = cache_utils
_masks: Any = masking_utils
_models: Any = modeling_utils
_sdpa: Any = sdpa_attention


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What was read: by layer, fp32 tensors (batch, heads, …) with the heads in the order of the spec."""

    layers: Mapping[int, Tensor]
    heads: Mapping[int, Sequence[int]]

    def of(self, heads: Sequence[tuple[int, int]]) -> Tensor:
        """Return (batch, heads, …) in this order of (layer, head); raises KeyError for one that was not read."""
        places = {(layer, head): at for layer, row in self.heads.items() for at, head in enumerate(row)}
        return torch.stack([self.layers[layer][:, places[layer, head]] for layer, head in heads], 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What travels with a forward call: what to read, after which layer to stop, and what was found."""

    spec: QRSpec | None
    stop: int | None
    found: dict[int, Tensor]


class _Stopped(Exception):
    """The top layer was read; nothing above it is needed."""


def prepare(model: "PreTrainedModel") -> "PreTrainedModel":
    """Make a model capture and return its base model, which computes no logits.

    Without a capture it computes what `sdpa` does. Raises RerankError for models whose attention cannot be replaced.
    """
    _models.AttentionInterface.register(IMPLEMENTATION, _attention)
    _masks.AttentionMaskInterface.register(IMPLEMENTATION, _masks.sdpa_mask)
    decoder: Any = model.base_model
    decoder.set_attn_implementation(IMPLEMENTATION)
    if decoder.config._attn_implementation != IMPLEMENTATION:  # noqa: SLF001 -- transformers has no other way to ask
        raise RerankError(
            f"{type(decoder).__name__} does not take its attention from transformers' AttentionInterface, so its "
            "heads cannot be read; choose another model: Qwen3, Qwen2.5, Llama 3 and Mistral, among others, work."
        )
    prepared: PreTrainedModel = decoder
    return prepared


def capture(
    decoder: "PreTrainedModel",
    input_ids: Tensor,
    spec: QRSpec,
    *,
    attention_mask: Tensor | None = None,
    position_ids: Tensor | None = None,
    past: DynamicCache | None = None,
) -> Captured:
    """Run a prepared model over `input_ids` (batch, tokens) and return what `spec` asks for.

    `past` is what `prefill` returned for the tokens before; it is not changed. `attention_mask` (batch, all tokens)
    is false on padding, on either side. Raises RerankError where the model has no such layer, head or row, and where
    a chosen head lies in a sliding-window layer that cannot see the whole prompt.
    """
    reading = _Reading(spec=spec, stop=spec.top if spec.early_exit else None, found={})
    _run(decoder, input_ids, reading, fork(past) if past is not None else None, attention_mask, position_ids)
    if missing := sorted(set(spec.heads) - set(reading.found)):
        raise RerankError(
            f"{type(decoder).__name__} has {decoder.config.num_hidden_layers} layers; nothing was read in {missing}. "
            "Check the head set, and that the model was prepared."
        )
    return Captured(layers=reading.found, heads=spec.heads)


def prefill(
    decoder: "PreTrainedModel",
    input_ids: Tensor,
    *,
    top: int,
    attention_mask: Tensor | None = None,
    position_ids: Tensor | None = None,
    past: DynamicCache | None = None,
) -> DynamicCache:
    """Read `input_ids` (batch, tokens) after `past` and return the keys and values of layers 0 to `top`.

    The result holds `past` and the new tokens; `past` is not changed. What is above `top` is not computed.
    """
    cache = DynamicCache() if past is None else fork(past)
    _run(decoder, input_ids, _Reading(spec=None, stop=top, found={}), cache, attention_mask, position_ids)
    return cache


def fork(past: DynamicCache, *, length: int | None = None) -> DynamicCache:
    """Return a cache with the same tensors, or views of their first `length` tokens; nothing is copied.

    What is appended to it makes new tensors, so `past` stays as it is.
    """
    twin = DynamicCache()
    layers: list[Any] = list(past.layers)
    for layer in layers:
        if not layer.is_initialized:
            break
        copied = _caches.DynamicLayer()
        copied.lazy_initialization(layer.keys, layer.values)
        copied.keys, copied.values = layer.keys[..., :length, :], layer.values[..., :length, :]
        twin.layers.append(copied)
    return twin


def _run(
    decoder: "PreTrainedModel",
    input_ids: Tensor,
    reading: _Reading,
    cache: DynamicCache | None,
    attention_mask: Tensor | None,
    position_ids: Tensor | None,
) -> None:
    if cache is not None and reading.stop is None and 0 < len(cache.layers) < decoder.config.num_hidden_layers:
        raise RerankError("A prefix that was read up to a layer can only be continued up to it; use early_exit.")
    with suppress(_Stopped):
        decoder(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=cache is not None,
            qr=reading,
        )


def _attention(
    module: Any,  # every family has a class of its own
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **options: Any,  # what families add, handed on untouched
) -> tuple[Tensor, None]:
    """Compute a layer as sdpa does; before that read the chosen heads, if the layer has any."""
    reading: _Reading | None = options.pop("qr", None)
    softcap: float | None = options.get("softcap")
    if options.get("s_aux") is not None:
        raise RerankError("This model's attention has learned sinks, which sdpa leaves out; choose another model.")
    if reading is not None and reading.spec is not None and (heads := reading.spec.heads.get(module.layer_idx)):
        _refuse_unreadable(module, key.shape[2], options)
        state = LayerState(
            query=query, key=key, mask=attention_mask, scaling=options["scaling"], softcap=softcap
        )  # a layer that gradient checkpointing runs again was read the first time
        reading.found.setdefault(module.layer_idx, read_rows(state, heads, reading.spec))
    if reading is not None and reading.stop == module.layer_idx:
        raise _Stopped
    if softcap is not None:
        return _capped(query, key, value, attention_mask, scaling=options["scaling"], softcap=softcap), None
    output, _ = _sdpa.sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    return output, None


def _refuse_unreadable(module: Any, keys: int, options: Mapping[str, Any]) -> None:
    if not getattr(module, "is_causal", True):
        raise RerankError("This model also looks ahead; only decoders are read. Choose a causal language model.")
    window = options.get("sliding_window")
    if window is not None and keys > window:
        raise RerankError(
            f"Layer {module.layer_idx} sees only the last {window} tokens and the prompt has {keys}: its heads "
            "cannot read candidates further away. Choose heads of full-attention layers, or fewer candidates."
        )


def _capped(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, scaling: float, softcap: float
) -> Tensor:
    """Return a layer's output where logits are capped, which sdpa cannot: (batch, tokens, heads, width)."""
    tokens, keys, group = query.shape[2], key.shape[2], query.shape[1] // key.shape[1]
    logits = query @ key.repeat_interleave(group, 1).mT * scaling
    logits = (logits / softcap).tanh() * softcap
    if mask is None:
        at = torch.arange(keys, device=query.device)
        mask = (at <= at[keys - tokens :, None])[None, None]
    mask = mask[..., :keys]
    unseen = torch.finfo(logits.dtype).min
    logits = logits.masked_fill(~mask, unseen) if mask.dtype == torch.bool else logits + mask
    weights = functional.softmax(logits, -1, dtype=torch.float32).to(query.dtype)
    return (weights @ value.repeat_interleave(group, 1)).transpose(1, 2).contiguous()
