"""Products of eight bits come near those of bf16, and each token's is its own."""

import pytest
import torch
from torch.nn import functional

from recollect.memory.embedder import minilm_folder
from recollect.memory.minilm import MiniLm
from recollect.rerank.block_attention import Block, attend
from recollect.rerank.block_int8 import Int8, is_fast, laid_out, product, reached
from recollect.rerank.block_products import packed

pytestmark = pytest.mark.skipif(not is_fast(), reason="this processor or torch multiplies no eight bits")


@pytest.fixture(scope="module")
def half() -> MiniLm:
    return MiniLm(minilm_folder(), sha256=None, dtype=torch.bfloat16)


@pytest.fixture(scope="module")
def up(half: MiniLm) -> Int8:
    return laid_out(half.layers[2].up, list(reached(half))[2][1])


def states_of(half: MiniLm, rows: int) -> torch.Tensor:
    """Return what a layer norm gives, (2, rows, 384), the large channels among it."""
    drawn = torch.randn(2, rows, 384, generator=torch.Generator().manual_seed(rows)).bfloat16()
    return half.norm(drawn, half.layers[2].attended_norm)


@pytest.mark.parametrize("rows", [1, 17, 450])
def test_a_product_of_eight_bits_is_near_the_plain_one(half: MiniLm, up: Int8, rows: int) -> None:
    states = states_of(half, rows)
    exact = functional.linear(states.float(), *(one.float() for one in half.layers[2].up))
    for gelu, expected in ((False, exact), (True, functional.gelu(exact))):
        found = product(states, up, gelu=gelu).float()
        assert found.shape == expected.shape
        assert float((found - expected).square().mean() / expected.square().mean()) ** 0.5 < 0.06


def test_a_tokens_product_is_the_same_whatever_is_read_beside_it(half: MiniLm, up: Int8) -> None:
    states = states_of(half, 60)
    whole = product(states, up, gelu=True)
    states[0, 7:] *= 50
    assert torch.equal(product(states, up, gelu=True)[0, :7], whole[0, :7])
    assert torch.equal(product(states[:1, :7], up, gelu=True)[0], whole[0, :7])
    assert torch.equal(product(states[1, 3], up, gelu=True), whole[1, 3])


def test_inputs_beyond_all_that_was_seen_are_cut_and_not_wrapped_around(half: MiniLm, up: Int8) -> None:
    signs = states_of(half, 5).sign()
    far, farther = (product(signs * size, up, gelu=False) for size in (1e4, 1e6))
    assert torch.equal(far, farther)
    assert bool(far.isfinite().all())


def test_a_channel_that_is_always_zero_is_no_trouble(half: MiniLm) -> None:
    largest = torch.ones(384)
    largest[5] = 0.0
    weights = (half.layers[2].up[0].clone(), half.layers[2].up[1])
    weights[0][:, 9] = 0.0
    assert bool(product(torch.ones(3, 384).bfloat16(), laid_out(weights, largest), gelu=False).isfinite().all())


def test_what_a_layer_norm_feeds_is_packed_in_eight_bits_but_for_the_last_layer(half: MiniLm) -> None:
    layers = packed(half, eight_bits=True).layers
    assert all(isinstance(one.qkv, Int8) and isinstance(one.up, Int8) for one in layers[:-1])
    assert not any(isinstance(one, Int8) for one in (layers[0].down, layers[-1].qkv, layers[-1].up))


def test_the_calibrated_encoder_looks_where_the_exact_one_does(half: MiniLm) -> None:
    blocks = [Block(own=list(range(2000 + 50 * n, 2010 + 53 * n))) for n in range(6)]
    exact = attend(MiniLm(minilm_folder(), sha256=None, dtype=torch.float32), [2054, 2003, 2088], blocks)
    found = attend(packed(half, eight_bits=True), [2054, 2003, 2088], blocks)
    assert float((found.mass.log() - exact.mass.log()).abs().mean()) < 0.06
