"""Packed products give what plain ones do."""

import pytest
import torch
from torch.nn import functional

from recollect.memory.embedder import minilm_folder
from recollect.memory.minilm import MiniLm
from recollect.rerank.block_attention import Block, attend
from recollect.rerank.block_products import forward, linear, packed

HAS_ONEDNN = torch.backends.mkldnn.is_available()


@pytest.fixture(scope="module")
def half() -> MiniLm:
    return MiniLm(minilm_folder(), sha256=None, dtype=torch.bfloat16)


@pytest.mark.skipif(not HAS_ONEDNN, reason="torch was built without oneDNN")
@pytest.mark.parametrize("rows", [1, 17, 450])
def test_a_packed_product_is_the_plain_one(half: MiniLm, rows: int) -> None:
    states = torch.randn(2, rows, 384, generator=torch.Generator().manual_seed(rows)).bfloat16()
    plain, laid_out = half.layers[2].up, packed(half).layers[2].up
    assert laid_out[0].is_mkldnn
    exact = functional.linear(states.float(), plain[0].float(), plain[1].float())
    torch.testing.assert_close(linear(states, laid_out).float(), exact, atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(
        linear(states, laid_out, gelu=True).float(), functional.gelu(exact), atol=1e-2, rtol=1e-2
    )


def test_a_plain_product_is_that_of_torch(half: MiniLm) -> None:
    states = torch.randn(3, 384, generator=torch.Generator().manual_seed(1)).bfloat16()
    expected = functional.linear(states, *half.layers[0].up)
    assert torch.equal(linear(states, half.layers[0].up), expected)
    assert torch.equal(linear(states, half.layers[0].up, gelu=True), functional.gelu(expected))


def test_the_packed_encoder_looks_where_the_plain_one_does(half: MiniLm) -> None:
    blocks = [Block(own=list(range(2000 + 50 * n, 2010 + 53 * n))) for n in range(6)]
    plain, found = (attend(one, [2054, 2003, 2088], blocks).mass for one in (half, packed(half)))
    assert float((plain - found).abs().max()) < 0.01


def test_fp32_keeps_its_plain_products() -> None:
    model = MiniLm(minilm_folder(), sha256=None, dtype=torch.float32)
    assert packed(model) is model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("padded", [False, True])
def test_a_pass_of_the_packed_encoder_gives_the_states_of_the_plain_one(*, dtype: torch.dtype, padded: bool) -> None:
    model = MiniLm(minilm_folder(), sha256=None, dtype=dtype)
    ids = torch.randint(1000, 20_000, (3, 21), generator=torch.Generator().manual_seed(7))
    mask = torch.arange(21)[None, :] < torch.tensor([21, 4, 12])[:, None] if padded else None
    real = torch.ones(3, 21, dtype=torch.bool) if mask is None else mask
    with torch.inference_mode():
        plain, found = model.forward(ids, mask), forward(packed(model), ids, mask)
    most = 1e-5 if dtype == torch.float32 else 0.1
    assert float((plain - found)[real].float().abs().max()) < most
