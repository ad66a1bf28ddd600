"""Block attention against a dense reference: one long sequence, explicit mask and positions, eager softmax."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from recollect.memory.embedder import minilm_folder
from recollect.memory.minilm import MiniLm
from recollect.rerank.block_attention import CLS, SEP, Block, Heads, attend_with_gradient
from recollect.rerank.block_attention import attend as attend_blocks

Blocks = Sequence[Sequence[int]]


def attend(model: MiniLm, question: Sequence[int], candidates: Blocks, *, buckets: int = 4) -> Heads:
    return attend_blocks(model, question, [Block(own=own) for own in candidates], buckets=buckets)


@pytest.fixture(scope="module")
def model() -> MiniLm:
    return MiniLm(minilm_folder(), sha256=None, dtype=torch.float32)


def words(count: int, seed: int) -> list[int]:
    drawn = random.Random(seed)
    return [drawn.randrange(1000, 30000) for _ in range(count)]


QUESTION = words(7, 0)
CANDIDATES = [words(count, count) for count in (5, 23, 11, 40, 1)]


def dense_reference(
    model: MiniLm, question: Sequence[int], blocks: Sequence[Block], events: Sequence[int] = ()
) -> Tensor:
    """Return mass (layers * heads, candidates), computed with no shared structure."""
    asked = [CLS, *question, SEP]
    ids, owner, place = list(asked), [-1] * len(asked), list(range(len(asked)))
    credit = [False] * len(asked)
    if events:
        ids += [*events, SEP]
        owner += [-2] * (len(events) + 1)
        place += list(range(len(events) + 1))
        credit += [False] * (len(events) + 1)
    for number, block in enumerate(blocks):
        read = [*block.own, SEP, *block.context, *([SEP] if block.context else [])]
        ids += read
        owner += [number] * len(read)
        place += [len(asked) + at for at in range(len(read))]
        credit += [at < len(block.own) for at in range(len(read))]
    owners, tokens = torch.tensor(owner), torch.tensor(ids)
    row, column = owners[:, None], owners[None, :]
    sees = (row == -1) | (row == column) | ((row >= 0) & (column < 0))
    credited = torch.stack([(owners == number) & torch.tensor(credit) for number in range(len(blocks))]).float()
    states = model.norm(model.words[tokens] + model.positions[torch.tensor(place)], model.embedded_norm)
    masses: list[Tensor] = []
    for layer in model.layers:
        qkv = functional.linear(states, *layer.qkv).view(len(ids), 3, model.shape.heads, -1)
        query, key, value = qkv.permute(1, 2, 0, 3)
        logits = query @ key.mT / query.shape[-1] ** 0.5
        weights = logits.masked_fill(~sees, -torch.inf).softmax(-1)  # (heads, token, token)
        masses.append(weights[:, 1 : len(question) + 1].mean(1) @ credited.T)
        read_states = (weights @ value).transpose(0, 1).reshape(len(ids), -1)
        states = model.norm(states + functional.linear(read_states, *layer.attended), layer.attended_norm)
        wide = functional.gelu(functional.linear(states, *layer.up))
        states = model.norm(states + functional.linear(wide, *layer.down), layer.output_norm)
    return torch.cat(masses)


CONTEXTS = ((), words(6, 100), words(24, 101), (), words(3, 102))
BLOCKS = [Block(own=own, context=context) for own, context in zip(CANDIDATES, CONTEXTS, strict=True)]


@pytest.mark.parametrize("events", [(), words(30, 200)], ids=["no events", "events"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_contexts_and_events_are_read_as_in_a_dense_masked_pass(
    model: MiniLm, count: int, events: Sequence[int]
) -> None:
    found = attend_blocks(model, QUESTION, BLOCKS[:count], events=events, keep_words=True)
    expected = dense_reference(model, QUESTION, BLOCKS[:count], events)
    torch.testing.assert_close(found.mass, expected, atol=1e-5, rtol=0)
    assert found.drawn is not None
    for place, drawn in enumerate(found.drawn):
        assert drawn.shape == (72, len(CANDIDATES[place]))
        torch.testing.assert_close(drawn.sum(1), found.mass[:, place], atol=1e-6, rtol=0)


def test_contexts_and_events_change_what_is_read(model: MiniLm) -> None:
    plain = attend(model, QUESTION, CANDIDATES).mass
    assert float((attend_blocks(model, QUESTION, BLOCKS).mass - plain).abs().max()) > 1e-3
    told = attend_blocks(model, QUESTION, BLOCKS, events=words(30, 200)).mass
    assert float((told - attend_blocks(model, QUESTION, BLOCKS).mass).abs().max()) > 1e-3


@pytest.mark.parametrize("events", [(), words(30, 200)], ids=["no events", "events"])
def test_gradients_are_those_of_the_dense_pass(model: MiniLm, events: Sequence[int]) -> None:
    leaves = [
        leaf.detach().clone().requires_grad_()
        for leaf in (model.layers[0].qkv[0], model.layers[0].down[0], model.layers[1].qkv[0])
    ]
    first = replace(
        model.layers[0],
        qkv=(leaves[0], model.layers[0].qkv[1]),
        down=(leaves[1], model.layers[0].down[1]),
    )
    toy = model.with_layers([first, replace(model.layers[1], qkv=(leaves[2], model.layers[1].qkv[1]))])
    weights = torch.linspace(0.5, 1.5, 24)[:, None] * torch.linspace(1.0, -1.0, len(BLOCKS))
    mass = attend_with_gradient(toy, QUESTION, BLOCKS, events=events, buckets=2).mass
    found = torch.autograd.grad((mass * weights).sum(), leaves)
    expected = torch.autograd.grad((dense_reference(toy, QUESTION, BLOCKS, events) * weights).sum(), leaves)
    for one, other in zip(found, expected, strict=True):
        assert float(other.abs().max()) > 1e-5
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_gradients_are_those_of_finite_differences() -> None:
    toy = MiniLm(minilm_folder(), sha256=None, dtype=torch.float64)
    matrix, bias = toy.layers[0].up
    direction = torch.randn(matrix.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def drawn_by_first(step: Tensor) -> Tensor:
        first = replace(toy.layers[0], up=(matrix + step * direction, bias))
        moved = toy.with_layers([first, toy.layers[1]])
        return attend_with_gradient(moved, QUESTION, BLOCKS, events=words(9, 3)).mass[:, 0].sum()

    at = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(drawn_by_first(at), [at])
    step = torch.tensor(1e-3, dtype=torch.float64)
    slope = (drawn_by_first(step) - drawn_by_first(-step)) / (2 * step)
    assert abs(float(slope)) > 1e-3
    assert float(gradient) == pytest.approx(float(slope), rel=1e-2)


def test_a_candidate_of_200_tokens_and_the_longest_question_are_read_as_in_a_dense_pass(model: MiniLm) -> None:
    asked, long = words(128, 1), Block(own=words(200, 2), context=words(24, 3))
    blocks = [long, BLOCKS[1]]
    found = attend_blocks(model, asked, blocks, events=words(510, 4))
    torch.testing.assert_close(found.mass, dense_reference(model, asked, blocks, words(510, 4)), atol=1e-5, rtol=0)
    beyond = [Block(own=words(230, 2), context=words(40, 3)), BLOCKS[1]]
    cut = attend_blocks(model, words(150, 1), beyond, events=words(600, 4))
    assert torch.equal(cut.mass, found.mass)
    assert cut.tokens.tolist() == [200, 23]


def test_with_contexts_and_events_too_order_and_padding_change_nothing(model: MiniLm) -> None:
    told = words(30, 200)
    whole = attend_blocks(model, QUESTION, BLOCKS, events=told, buckets=1, keep_words=True)
    order = [3, 0, 4, 1, 2]
    shuffled = [BLOCKS[place] for place in order]
    for buckets in (1, 2, 5, 50):
        found = attend_blocks(model, QUESTION, shuffled, events=told, buckets=buckets, keep_words=True)
        torch.testing.assert_close(found.mass, whole.mass[:, order], atol=1e-6, rtol=0)
        assert found.tokens.tolist() == whole.tokens[order].tolist()
        assert found.drawn is not None
        assert whole.drawn is not None
        for place, one in zip(order, found.drawn, strict=True):
            torch.testing.assert_close(one, whole.drawn[place], atol=1e-6, rtol=0)


def test_words_are_kept_only_when_asked_for(model: MiniLm) -> None:
    assert attend(model, QUESTION, CANDIDATES[:2]).drawn is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_mass_is_that_of_a_dense_masked_pass(model: MiniLm, count: int) -> None:
    found = attend(model, QUESTION, CANDIDATES[:count])
    torch.testing.assert_close(
        found.mass,
        dense_reference(model, QUESTION, [Block(own=own) for own in CANDIDATES[:count]]),
        atol=1e-5,
        rtol=0,
    )
    assert found.tokens.tolist() == [len(block) for block in CANDIDATES[:count]]


def test_the_order_of_candidates_changes_nothing(model: MiniLm) -> None:
    found = attend(model, QUESTION, CANDIDATES).mass
    order = [3, 0, 4, 1, 2]
    shuffled = attend(model, QUESTION, [CANDIDATES[place] for place in order]).mass
    torch.testing.assert_close(shuffled, found[:, order], atol=1e-6, rtol=0)


@pytest.mark.parametrize("buckets", [1, 2, 5, 50])
def test_how_candidates_are_padded_changes_nothing(model: MiniLm, buckets: int) -> None:
    whole = attend(model, QUESTION, CANDIDATES, buckets=1).mass
    torch.testing.assert_close(attend(model, QUESTION, CANDIDATES, buckets=buckets).mass, whole, atol=1e-6, rtol=0)


def test_in_the_first_layer_another_candidate_changes_only_the_shares(model: MiniLm) -> None:
    asked = words(1, 0)  # of several rows the mean is taken, and each has its own share to give
    few, more = attend(model, asked, CANDIDATES[:3]).mass[:12], attend(model, asked, CANDIDATES).mass[:12, :3]
    torch.testing.assert_close(more / more.sum(1, keepdim=True), few / few.sum(1, keepdim=True), atol=1e-5, rtol=0)
    assert (more.sum(1) <= few.sum(1)).all()


def test_no_head_gives_more_than_everything(model: MiniLm) -> None:
    mass = attend(model, QUESTION, CANDIDATES).mass
    assert mass.shape == (72, len(CANDIDATES))
    assert (mass >= 0).all()
    assert (mass.sum(1) <= 1 + 1e-6).all()


def test_long_blocks_are_cut_and_empty_ones_get_nothing(model: MiniLm) -> None:
    long = words(500, 9)
    found = attend(model, words(400, 8), [long, [], long[:200]])
    assert found.tokens.tolist() == [200, 0, 200]
    assert torch.equal(found.mass[:, 1], torch.zeros(72))
    torch.testing.assert_close(found.mass[:, 0], found.mass[:, 2], atol=1e-6, rtol=0)


def test_a_question_without_words_still_looks_somewhere(model: MiniLm) -> None:
    assert (attend(model, [], CANDIDATES[:2]).mass > 0).any()


def test_bf16_stays_near_fp32(model: MiniLm) -> None:
    half = MiniLm(minilm_folder(), sha256=None, dtype=torch.bfloat16)
    exact, rough = attend(model, QUESTION, CANDIDATES).mass, attend(half, QUESTION, CANDIDATES).mass
    assert rough.dtype == torch.float32
    assert float((exact - rough).abs().max()) < 0.02
