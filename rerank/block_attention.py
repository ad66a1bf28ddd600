"""Where the question looks: attention of the small encoder's heads from a question to each candidate's words.

METHODS section 12. The question is one block, `[CLS] question [SEP]`, each candidate another, `own words [SEP]
context [SEP]`, event summaries are a third kind, `events [SEP]`. A candidate sees the events, the question and
itself; the events see themselves; the question sees everything. Every candidate has the same positions, right after
the question's. So any number of candidates fits, the cost grows with their number and not its square, and the order
they come in changes nothing. Only a candidate's own words are credited.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from ..memory.minilm import Layer, MiniLm
from .block_products import linear

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
    unseen: Tensor  # (candidates * heads, 1, shared + length), -inf on padding, else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What every candidate sees: states (tokens, hidden) of the question, then of the events."""

    states: Tensor
    asked: int  # tokens of the question's block
    unseen: Tensor  # (1, 1, shared + all buckets' tokens), -inf on padding, else 0


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
    cut = [read_of(block) for block in blocks]
    told = _embedded_shared(model, asked, events)
    groups = [_embedded(model, cut, places, (len(asked), len(told))) for places in like_lengths(cut, buckets)]
    real = torch.cat([torch.ones(len(told), dtype=torch.bool), *(group.real.flatten() for group in groups)])
    shared = _Shared(states=told, asked=len(asked), unseen=_unseen(real[None, None], model))
    given: list[Tensor] = []  # by layer: (heads, all buckets' tokens)
    for number, layer in enumerate(model.layers):
        is_last = number + 1 == len(model.layers)  # above it nothing is computed
        shared, groups, attention = _layer(model, layer, shared, groups, stop=is_last)
        given.append(attention[:, rows].mean(1))
    parts = torch.split(torch.cat(given), [group.own.numel() for group in groups], 1)
    by_group = [part.reshape(-1, *group.own.shape) * group.own for part, group in zip(parts, groups, strict=True)]
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


def read_of(block: Block) -> tuple[list[int], list[int]]:
    """Return what is read of a candidate: own words and context, cut to what fits."""
    return list(block.own[:MAX_OWN_TOKENS]), list(block.context[:MAX_CONTEXT_TOKENS])


def text_of(own: Sequence[int], context: Sequence[int]) -> list[int]:
    """Return a candidate's block as token ids with special tokens."""
    return [*own, SEP, *context, SEP] if context else [*own, SEP]


def like_lengths(cut: Sequence[tuple[list[int], list[int]]], buckets: int) -> Iterator[list[int]]:
    """Yield places of candidates, as `read_of` cut them, those of like length together."""
    ordered = sorted(range(len(cut)), key=lambda place: len(cut[place][0]) + len(cut[place][1]))
    size = max(1, -(-len(ordered) // buckets))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def _embedded_shared(model: MiniLm, asked: Sequence[int], events: Sequence[int]) -> Tensor:
    parts = [list(asked), [*events[:MAX_EVENT_TOKENS], SEP]] if events else [list(asked)]
    states = torch.cat([model.words[torch.tensor(part)] + model.positions[: len(part)] for part in parts])
    return model.norm(states, model.embedded_norm)


def _embedded(
    model: MiniLm, cut: Sequence[tuple[list[int], list[int]]], places: Sequence[int], before: tuple[int, int]
) -> _Bucket:
    """Return candidates below the first layer; `before` says how many tokens are asked, and shared by all."""
    offset, shared = before
    texts = [text_of(*cut[place]) for place in places]
    longest = max(len(text) for text in texts)
    ids = torch.tensor([text + [0] * (longest - len(text)) for text in texts])
    at = torch.arange(longest)[None, :]
    states = model.words[ids] + model.positions[offset : offset + longest]
    real = at < torch.tensor([len(text) for text in texts])[:, None]
    seen = torch.cat([torch.ones(len(texts), shared, dtype=torch.bool), real], 1)
    return _Bucket(
        places=torch.tensor(places),
        states=model.norm(states, model.embedded_norm),
        real=real,
        # [SEP] draws attention from everywhere and is not credited
        own=at < torch.tensor([len(cut[place][0]) for place in places])[:, None],
        unseen=_unseen(seen.repeat_interleave(model.shape.heads, 0)[:, None], model),
    )


def _unseen(seen: Tensor, model: MiniLm) -> Tensor:
    """Return what is added to logits so that only what is `seen` is read."""
    return torch.zeros(seen.shape, dtype=model.dtype).masked_fill(~seen, -torch.inf)


def _layer(
    model: MiniLm, layer: Layer, shared: _Shared, groups: Sequence[_Bucket], *, stop: bool
) -> tuple[_Shared, list[_Bucket], Tensor]:
    """Return the states after a layer and the question's attention on all buckets.

    The attention is (heads, question, all buckets' tokens). With `stop` the states come back as they are.
    """
    query, key, value = _projected(model, layer, shared.states[None]).squeeze(1)  # each (heads, shared, head)
    told = [(_keys if stop else _projected)(model, layer, group.states) for group in groups]
    keys = torch.cat([key, *(_flat(one[0 if stop else 1]) for one in told)], 1)  # (heads, all keys, head)
    weights = _weights(query[:, : shared.asked], keys, shared.unseen)
    attention = weights[:, :, key.shape[1] :]
    if stop:
        return shared, list(groups), attention
    values = torch.cat([value, *(_flat(one[2]) for one in told)], 1)
    read = weights.to(values.dtype) @ values
    if shared.asked < len(shared.states):
        asking, told_key, told_value = (one[:, shared.asked :] for one in (query, key, value))
        read = torch.cat([read, functional.scaled_dot_product_attention(asking, told_key, told_value)], 1)
    states = _after(model, layer, shared.states, read.transpose(0, 1).reshape(shared.states.shape))
    after = [_group_after(model, layer, group, one, (key, value)) for group, one in zip(groups, told, strict=True)]
    return replace(shared, states=states), after, attention


def _group_after(model: MiniLm, layer: Layer, group: _Bucket, told: Tensor, shared: tuple[Tensor, Tensor]) -> _Bucket:
    """Let each candidate read events, question and itself; `told` are its queries, keys and values."""
    candidates, heads = told.shape[1:3]
    query = told[0].flatten(0, 1)
    key, value = (
        torch.cat([one.expand(candidates, -1, -1, -1), own], 2).flatten(0, 1)
        for one, own in zip(shared, told[1:], strict=True)
    )
    # plain products: for heads this small faster than the fused kernel, and its gradient four times so
    read = _weights(query, key, group.unseen).to(value.dtype) @ value  # (candidates * heads, length, head)
    read = read.reshape(candidates, heads, *read.shape[1:]).transpose(1, 2).reshape(group.states.shape)
    return replace(group, states=_after(model, layer, group.states, read))


def _weights(query: Tensor, key: Tensor, unseen: Tensor) -> Tensor:
    """Return fp32 attention weights, (batch, query, key), of (batch, query, head) and (batch, key, head)."""
    logits = torch.baddbmm(unseen, query, key.mT, alpha=float(key.shape[-1]) ** -0.5)
    return logits.softmax(2, dtype=torch.float32)


def _projected(model: MiniLm, layer: Layer, states: Tensor) -> Tensor:
    """Return queries, keys and values, (3, batch, heads, length, head), of states (batch, length, hidden)."""
    batch, length, _ = states.shape
    projected = linear(states, layer.qkv).view(batch, length, 3, model.shape.heads, -1)
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
    states = model.norm(states + linear(read, layer.attended), layer.attended_norm)
    return model.norm(states + linear(linear(states, layer.up, gelu=True), layer.down), layer.output_norm)
