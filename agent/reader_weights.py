"""The reader's network: a small BART whose encoder is MiniLM, layer for layer, and whose decoder starts from its top.

Both are post-norm (Vaswani et al. 2017), so every BERT encoder layer is a BART encoder layer; what differs is told
at `reader_network`. BART: Lewis et al. 2020, section 2.1.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from transformers import BartConfig, BartForConditionalGeneration

from ..memory.minilm import Layer, MiniLm

if TYPE_CHECKING:
    from collections.abc import Iterator

PAD, BEGIN, END, MASK = 0, 101, 102, 103
"""Ids of [PAD], [CLS], [SEP] and [MASK] in MiniLM's vocabulary; an answer begins with [CLS] and ends with [SEP]."""

_OFFSET = 2
"""BART's position 0 is the third row of its table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderShape:
    """How many decoder layers there are, and from which encoder layer on (counted from 0) training changes MiniLM."""

    decoder_layers: int = 2
    first_layer: int = 2


def reader_network(base: MiniLm, shape: ReaderShape) -> BartForConditionalGeneration:
    """Return the untrained reader, in fp32 and in evaluation mode: its encoder gives what `base` (fp32) gives.

    The segment's row is part of `base.positions` already, BART's table has two rows before the first position.
    BART's norms add 1e-5 to the variance where BERT's add 1e-12, which matters for the small variance of embeddings
    alone: embeddings and positions enter multiplied by the root of the hidden size (`scale_embedding`), which the
    norm behind them takes back, and the output projection uses them as they are. Decoder layers begin as the top
    layers of `base`; cross attention begins as their self-attention.
    """
    model: BartForConditionalGeneration = BartForConditionalGeneration(_config(base, shape))
    model.eval()  # type: ignore[no-untyped-call]  # transformers says no types for it
    with torch.no_grad():
        _fill(model, base, shape)
    return model


def trained_tensors(model: BartForConditionalGeneration, shape: ReaderShape) -> dict[str, Tensor]:
    """Return the tensors that training changes, by name: the upper encoder layers, the decoder, the output's bias.

    The word embeddings, 11.7 of 22 million numbers, and the encoder's positions stay MiniLM's.
    """
    frozen = tuple(f"model.encoder.layers.{number}." for number in range(shape.first_layer))
    kept = ("model.shared", "lm_head", "model.encoder.embed", "model.decoder.embed_tokens", "model.encoder.layernorm")
    named = {name: one.detach() for name, one in model.named_parameters() if not name.startswith((*frozen, *kept))}
    return {**named, "final_logits_bias": model.get_buffer("final_logits_bias")}


def _config(base: MiniLm, shape: ReaderShape) -> BartConfig:
    inner = base.layers[0].up[0].shape[0]
    return BartConfig(
        vocab_size=base.words.shape[0],
        max_position_embeddings=base.shape.positions,
        d_model=base.shape.hidden,
        encoder_layers=base.shape.layers,
        decoder_layers=shape.decoder_layers,
        encoder_attention_heads=base.shape.heads,
        decoder_attention_heads=base.shape.heads,
        encoder_ffn_dim=inner,
        decoder_ffn_dim=inner,
        activation_function="gelu",
        scale_embedding=True,
        dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        pad_token_id=PAD,
        bos_token_id=BEGIN,
        eos_token_id=END,
        decoder_start_token_id=BEGIN,
        forced_eos_token_id=None,
        tie_word_embeddings=True,
    )


def _fill(model: BartForConditionalGeneration, base: MiniLm, shape: ReaderShape) -> None:
    encoder, decoder = model.model.encoder, model.model.decoder
    model.get_parameter("model.shared.weight").copy_(base.words)
    for part in (encoder, decoder):
        positions = part.get_parameter("embed_positions.weight")
        positions[_OFFSET:] = base.positions * base.shape.hidden**0.5
        positions[:_OFFSET] = 0.0
        _copy(part.layernorm_embedding, base.embedded_norm)
    for ours, theirs in zip(encoder.layers, base.layers, strict=True):
        _fill_layer(ours, theirs)
    for ours, theirs in zip(decoder.layers, base.layers[-shape.decoder_layers :], strict=True):
        _fill_layer(ours, theirs)
        _fill_attention(ours.get_submodule("encoder_attn"), theirs)
        _copy(ours.get_submodule("encoder_attn_layer_norm"), theirs.attended_norm)


def _fill_layer(ours: nn.Module, theirs: Layer) -> None:
    parts = {name: ours.get_submodule(name) for name in ("self_attn", "self_attn_layer_norm", "fc1", "fc2")}
    _fill_attention(parts["self_attn"], theirs)
    _copy(parts["self_attn_layer_norm"], theirs.attended_norm)
    _copy(parts["fc1"], theirs.up)
    _copy(parts["fc2"], theirs.down)
    _copy(ours.get_submodule("final_layer_norm"), theirs.output_norm)


def _fill_attention(ours: nn.Module, theirs: Layer) -> None:
    for name, pair in zip(("q_proj", "k_proj", "v_proj"), _thirds(theirs.qkv), strict=True):
        _copy(ours.get_submodule(name), pair)
    _copy(ours.get_submodule("out_proj"), theirs.attended)


def _thirds(qkv: tuple[Tensor, ...]) -> "Iterator[tuple[Tensor, Tensor]]":
    """Yield query, key and value of the joint projection, (3 * hidden, hidden) and (3 * hidden,)."""
    yield from zip(qkv[0].chunk(3), qkv[1].chunk(3), strict=True)


def _copy(ours: nn.Module, pair: tuple[Tensor, ...]) -> None:
    for name, tensor in zip(("weight", "bias"), pair, strict=True):
        ours.get_parameter(name).copy_(tensor)
