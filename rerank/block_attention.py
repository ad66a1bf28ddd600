"""Where the question looks: attention of the small encoder's heads from a question to each candidate's words.

METHODS section 12. The question is one block, `[CLS] question [SEP]`, each candidate another, `own words [SEP]
context [SEP]`, event summaries are a third kind, `events [SEP]`. A candidate sees the events, the question and
itself; the events see themselves; the question sees everything. Every candidate has the same positions, right after
the question's. So any number of candidates fits, the cost grows with their number and not its square, and the order
they come in changes nothing. Only a candidate's own words are credited.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..memory.minilm import Layer, MiniLm

MAX_OWN_TOKENS = 200
MAX_CONTEXT_TOKENS = 24
MAX_QUESTION_TOKENS = 128
MAX_EVENT_TOKENS = 510
BUCKETS = 8
CLS, SEP = 101, 102


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Token ids of a candidate, without special tokens: its own words, and what is read beside them uncredited."""

    own: Sequence[int]
    context: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """What each head gave to each candidate.

    `mass`: (layers * heads, candidates), the mean over the question's own tokens of the attention on all own words of
    a candidate; `tokens`: (candidates,) how many own words, in tokens, each has; `drawn`: for each candidate
    (layers * heads, own words), the parts that `mass` is the sum of, in the blocks' order, or None.
    """

    mass: Tensor
    tokens: Tensor
    drawn: tuple[Tensor, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bucket:
    """Candidates of like length; `places` (candidates,) says which ones, `own` marks the words that are credited."""

    places: Tensor
    states: Tensor  # (candidates, length, hidden)
    real: Tensor  # (candidates, length), true on tokens that are no padding
    own: Tensor  # (candidates, length)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What every candidate sees: states (tokens, hidden) of the question, then of the events."""

    states: Tensor
    asked: int  # tokens of the question's block


def attend(
    model: MiniLm,
    question: Sequence[int],
    blocks: Sequence[Block],
    *,
    events: Sequence[int] = (),
    buckets: int = BUCKETS,
    keep_words: bool = False,
) -> Heads:
    """Run all layers once and return the attention mass of every head on every candidate.

    `question` and `events` are token ids without special tokens, cut at 128 and 510; own words are cut at 200,
    contexts at 24. Candidates are padded to the longest of their bucket, which changes the cost and not the result.
    Softmax and sums are fp32. `keep_words` fills `Heads.drawn`. Needs at least one block.
    """
    with torch.inference_mode():
        return attend_with_gradient(model, question, blocks, events=events, buckets=buckets, keep_words=keep_words)


def attend_with_gradient(
    model: MiniLm,
    question: Sequence[int],
    blocks: Sequence[Block],
    *,
    events: Sequence[int] = (),
    buckets: int = 1,
    keep_words: bool = False,
) -> Heads:
    """Do what `attend` does, differentiably: for training."""
    asked = [CLS, *question[:MAX_QUESTION_TOKENS], SEP]
    rows = slice(1, len(asked) - 1) if len(asked) > 2 else slice(0, 1)
    cut = [(list(b.own[:MAX_OWN_TOKENS]), list(b.context[:MAX_CONTEXT_TOKENS])) for b in blocks]
    shared = _Shared(states=_embedded_shared(model, asked, events), asked=len(asked))
    groups = [_embedded(model, cut, places, len(asked)) for places in _like_lengths(cut, buckets)]
    given: list[list[Tensor]] = [[] for _ in groups]  # by group, by layer: (heads, candidates, length)
    for number, layer in enumerate(model.layers):
        is_last = number + 1 == len(model.layers)  # above it nothing is computed
        shared, groups, attention = _layer(model, layer, shared, groups, stop=is_last)
        for received, one, group in zip(given, attention, groups, strict=True):
            received.append(one[:, rows].mean(1) * group.own)
    by_group = [torch.cat(received) for received in given]
    order = torch.cat([group.places for group in groups]).argsort()
    return Heads(
        mass=torch.cat([one.sum(2) for one in by_group], 1)[:, order],
        tokens=torch.tensor([len(own) for own, _ in cut]),
        drawn=_by_candidate(groups, by_group, cut) if keep_words else None,
    )


def _by_candidate(
    groups: Sequence[_Bucket], by_group: Sequence[Tensor], cut: Sequence[tuple[list[int], list[int]]]
) -> tuple[Tensor, ...]:
    words: list[Tensor] = [torch.empty(0)] * len(cut)
    for group, drawn in zip(groups, by_group, strict=True):
        for row, place in enumerate(int(place) for place in group.places):
            words[place] = drawn[:, row, : len(cut[place][0])]
    return tuple(words)


def _like_lengths(cut: Sequence[tuple[list[int], list[int]]], buckets: int) -> Iterator[list[int]]:
    """Yield places of candidates, those of like length together."""
    ordered = sorted(range(len(cut)), key=lambda place: len(cut[place][0]) + len(cut[place][1]))
    size = max(1, -(-len(ordered) // buckets))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def _embedded_shared(model: MiniLm, asked: Sequence[int], events: Sequence[int]) -> Tensor:
    parts = [list(asked), [*events[:MAX_EVENT_TOKENS], SEP]] if events else [list(asked)]
    states = torch.cat([model.words[torch.tensor(part)] + model.positions[: len(part)] for part in parts])
    return model.norm(states, model.embedded_norm)


def _embedded(
    model: MiniLm, cut: Sequence[tuple[list[int], list[int]]], places: Sequence[int], offset: int
) -> _Bucket:
    texts = [[*cut[place][0], SEP, *cut[place][1]] + ([SEP] if cut[place][1] else []) for place in places]
    longest = max(len(text) for text in texts)
    ids = torch.tensor([text + [0] * (longest - len(text)) for text in texts])
    at = torch.arange(longest)[None, :]
    states = model.words[ids] + model.positions[offset : offset + longest]
    return _Bucket(
        places=torch.tensor(places),
        states=model.norm(states, model.embedded_norm),
        real=at < torch.tensor([len(text) for text in texts])[:, None],
        # [SEP] draws attention from everywhere and is not credited
        own=at < torch.tensor([len(cut[place][0]) for place in places])[:, None],
    )


def _layer(
    model: MiniLm, layer: Layer, shared: _Shared, groups: Sequence[_Bucket], *, stop: bool
) -> tuple[_Shared, list[_Bucket], list[Tensor]]:
    """Return the states after a layer and the question's attention on each group.

    The attention is (heads, question, candidates, length). With `stop` the states come back as they are.
    """
    query, key, value = _projected(model, layer, shared.states[None]).squeeze(1)  # each (heads, shared, head)
    told = [(_keys if stop else _projected)(model, layer, group.states) for group in groups]
    keys = torch.cat([key, *(_flat(one[0 if stop else 1]) for one in told)], 1)  # (heads, all keys, head)
    unseen = ~torch.cat([torch.ones(key.shape[1], dtype=torch.bool), *(group.real.flatten() for group in groups)])
    scale = float(query.shape[-1]) ** -0.5
    logits = (query[:, : shared.asked] @ keys.mT).float() * scale
    weights = logits.masked_fill(unseen, -torch.inf).softmax(2)
    parts = weights.split([key.shape[1], *(group.real.numel() for group in groups)], 2)
    attention = [part.unflatten(2, group.real.shape) for part, group in zip(parts[1:], groups, strict=True)]
    if stop:
        return shared, list(groups), attention
    values = torch.cat([value, *(_flat(one[2]) for one in told)], 1)
    read = weights.to(values.dtype) @ values
    if shared.asked < len(shared.states):
        asking, told_key, told_value = (one[:, shared.asked :] for one in (query, key, value))
        read = torch.cat([read, functional.scaled_dot_product_attention(asking, told_key, told_value)], 1)
    states = _after(model, layer, shared.states, read.transpose(0, 1).reshape(shared.states.shape))
    after = [_group_after(model, layer, group, one, (key, value)) for group, one in zip(groups, told, strict=True)]
    return _Shared(states=states, asked=shared.asked), after, attention


def _group_after(model: MiniLm, layer: Layer, group: _Bucket, told: Tensor, shared: tuple[Tensor, Tensor]) -> _Bucket:
    """Let each candidate read events, question and itself; `told` are its queries, keys and values."""
    count = len(group.places)
    key, value = (one.expand(count, -1, -1, -1) for one in shared)
    sees = torch.cat([torch.ones(count, key.shape[2], dtype=torch.bool), group.real], 1)
    # plain products: for heads this small faster than the fused kernel, and its gradient four times so
    logits = (told[0] @ torch.cat([key, told[1]], 2).mT).float() * float(key.shape[-1]) ** -0.5
    weights = logits.masked_fill(~sees[:, None, None, :], -torch.inf).softmax(3)
    read = weights.to(value.dtype) @ torch.cat([value, told[2]], 2)
    states = _after(model, layer, group.states, read.transpose(1, 2).reshape(group.states.shape))
    return _Bucket(places=group.places, states=states, real=group.real, own=group.own)


def _projected(model: MiniLm, layer: Layer, states: Tensor) -> Tensor:
    """Return queries, keys and values, (3, batch, heads, length, head), of states (batch, length, hidden)."""
    batch, length, _ = states.shape
    projected = functional.linear(states, *layer.qkv).view(batch, length, 3, model.shape.heads, -1)
    return projected.permute(2, 0, 3, 1, 4)


def _keys(model: MiniLm, layer: Layer, states: Tensor) -> Tensor:
    """Return the keys alone, (1, batch, heads, length, head)."""
    batch, length, hidden = states.shape
    weight, bias = (part[hidden : 2 * hidden] for part in layer.qkv)
    return functional.linear(states, weight, bias).view(batch, length, model.shape.heads, -1).transpose(1, 2)[None]


def _flat(states: Tensor) -> Tensor:
    """Return (heads, candidates * length, head) of (candidates, heads, length, head)."""
    return states.transpose(0, 1).flatten(1, 2)


def _after(model: MiniLm, layer: Layer, states: Tensor, read: Tensor) -> Tensor:
    """Return states after attention was read: projection, feed-forward and both norms (post-norm)."""
    states = model.norm(states + functional.linear(read, *layer.attended), layer.attended_norm)
    wide = functional.gelu(functional.linear(states, *layer.up))
    return model.norm(states + functional.linear(wide, *layer.down), layer.output_norm)
