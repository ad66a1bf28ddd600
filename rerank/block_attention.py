"""Where the question looks: attention of the small encoder's heads from a question to each candidate's words.

METHODS section 12. The question is one block, `[CLS] question [SEP]`, each candidate another, `speaker: words [SEP]`.
A candidate sees the question and itself, the question sees everything; every candidate has the same positions,
right after the question's. So any number of candidates fits, the cost grows with their number and not its square,
and the order they come in changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..memory.minilm import Layer, MiniLm

MAX_BLOCK_TOKENS = 200
MAX_QUESTION_TOKENS = 128
BUCKETS = 4
CLS, SEP = 101, 102


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """What each head gave to each candidate.

    `mass`: (layers * heads, candidates), the mean over the question's own tokens of the attention on all words of a
    candidate; `tokens`: (candidates,) how many words, in tokens, each has.
    """

    mass: Tensor
    tokens: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bucket:
    """Candidates of like length; `places` (candidates,) says which ones, `own` marks the words that are credited."""

    places: Tensor
    states: Tensor  # (candidates, length, hidden)
    real: Tensor  # (candidates, length), true on tokens that are no padding
    own: Tensor  # (candidates, length)


def attend(
    model: MiniLm, question: Sequence[int], candidates: Sequence[Sequence[int]], *, buckets: int = BUCKETS
) -> Heads:
    """Run all layers once and return the attention mass of every head on every candidate.

    `question` and `candidates` are token ids without special tokens, cut at 128 and 200. Candidates are padded to
    the longest of their bucket, which changes the cost and not the result. Softmax and sums are fp32.
    """
    asked = [CLS, *question[:MAX_QUESTION_TOKENS], SEP]
    cut = [list(block[:MAX_BLOCK_TOKENS]) for block in candidates]
    rows = slice(1, len(asked) - 1) if len(asked) > 2 else slice(0, 1)
    with torch.inference_mode():
        states = model.norm(model.words[torch.tensor(asked)] + model.positions[: len(asked)], model.embedded_norm)
        groups = [_embedded(model, cut, places, len(asked)) for places in _like_lengths(cut, buckets)]
        mass = torch.empty(len(model.layers) * model.shape.heads, len(cut))
        for number, layer in enumerate(model.layers):
            is_last = number + 1 == len(model.layers)  # above it nothing is computed
            states, groups, attention = _layer(model, layer, states, groups, stop=is_last)
            heads = slice(number * model.shape.heads, (number + 1) * model.shape.heads)
            for group, given in zip(groups, attention, strict=True):
                mass[heads, group.places] = (given[:, rows].mean(1) * group.own).sum(2)
    return Heads(mass=mass, tokens=torch.tensor([len(block) for block in cut]))


def _like_lengths(cut: Sequence[Sequence[int]], buckets: int) -> Iterator[list[int]]:
    """Yield places of candidates, those of like length together."""
    ordered = sorted(range(len(cut)), key=lambda place: len(cut[place]))
    size = max(1, -(-len(ordered) // buckets))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def _embedded(model: MiniLm, cut: Sequence[Sequence[int]], places: Sequence[int], offset: int) -> _Bucket:
    lengths = torch.tensor([len(cut[place]) for place in places])
    longest = int(lengths.max()) + 1
    ids = torch.tensor([[*cut[place], SEP] + [0] * (longest - len(cut[place]) - 1) for place in places])
    at = torch.arange(longest)[None, :]
    states = model.words[ids] + model.positions[offset : offset + longest]
    return _Bucket(
        places=torch.tensor(places),
        states=model.norm(states, model.embedded_norm),
        real=at <= lengths[:, None],
        own=at < lengths[:, None],  # the closing [SEP] draws attention from everywhere and is not credited
    )


def _layer(
    model: MiniLm, layer: Layer, question: Tensor, groups: Sequence[_Bucket], *, stop: bool
) -> tuple[Tensor, list[_Bucket], list[Tensor]]:
    """Return the states after a layer and the question's attention on each group.

    The attention is (heads, question, candidates, length). With `stop` the states come back as they are.
    """
    query, key, value = _projected(model, layer, question[None]).squeeze(1)  # each (heads, question, head)
    told = [_projected(model, layer, group.states) for group in groups]  # (3, candidates, heads, length, head)
    keys = torch.cat([key, *(_flat(one[1]) for one in told)], 1)  # (heads, all keys, head)
    unseen = torch.cat([torch.zeros(len(question), dtype=torch.bool), *(~group.real.flatten() for group in groups)])
    scale = float(query.shape[-1]) ** -0.5
    weights = ((query @ keys.mT).float() * scale).masked_fill(unseen, -torch.inf).softmax(2)
    parts = weights.split([len(question), *(group.real.numel() for group in groups)], 2)
    attention = [part.unflatten(2, group.real.shape) for part, group in zip(parts[1:], groups, strict=True)]
    if stop:
        return question, list(groups), attention
    values = torch.cat([value, *(_flat(one[2]) for one in told)], 1)
    read = (weights.to(model.dtype) @ values).transpose(0, 1).reshape(question.shape)
    after = [_group_after(model, layer, group, one, (key, value)) for group, one in zip(groups, told, strict=True)]
    return _after(model, layer, question, read), after, attention


def _group_after(model: MiniLm, layer: Layer, group: _Bucket, told: Tensor, shared: tuple[Tensor, Tensor]) -> _Bucket:
    """Let each candidate read the question and itself."""
    count = len(group.places)
    key, value = (one.expand(count, -1, -1, -1) for one in shared)
    sees = torch.cat([torch.ones(count, key.shape[2], dtype=torch.bool), group.real], 1)
    read = functional.scaled_dot_product_attention(
        told[0], torch.cat([key, told[1]], 2), torch.cat([value, told[2]], 2), attn_mask=sees[:, None, None, :]
    )
    states = _after(model, layer, group.states, read.transpose(1, 2).reshape(group.states.shape))
    return _Bucket(places=group.places, states=states, real=group.real, own=group.own)


def _projected(model: MiniLm, layer: Layer, states: Tensor) -> Tensor:
    """Return queries, keys and values, (3, batch, heads, length, head), of states (batch, length, hidden)."""
    batch, length, _ = states.shape
    projected = functional.linear(states, *layer.qkv).view(batch, length, 3, model.shape.heads, -1)
    return projected.permute(2, 0, 3, 1, 4)


def _flat(states: Tensor) -> Tensor:
    """Return (heads, candidates * length, head) of (candidates, heads, length, head)."""
    return states.transpose(0, 1).flatten(1, 2)


def _after(model: MiniLm, layer: Layer, states: Tensor, read: Tensor) -> Tensor:
    """Return states after attention was read: projection, feed-forward and both norms (post-norm)."""
    states = model.norm(states + functional.linear(read, *layer.attended), layer.attended_norm)
    wide = functional.gelu(functional.linear(states, *layer.up))
    return model.norm(states + functional.linear(wide, *layer.down), layer.output_norm)
