"""Low-rank changes: nothing at first, W + up @ down when trained, gradients as through the product itself."""

from dataclasses import replace

import pytest
import torch

from recollect.memory.embedder import minilm_folder
from recollect.memory.minilm import MiniLm
from recollect.rerank.adapter import Adapter, adapted
from recollect.rerank.block_attention import Block, attend, attend_with_gradient
from recollect.training.lora import Lora

QUESTION = (2054, 3608, 2106)
BLOCKS = [Block(own=(2002, 2038, 1037, 3899), context=(2088,)), Block(own=(1996, 4937))]


@pytest.fixture(scope="module")
def base() -> MiniLm:
    return MiniLm(minilm_folder(), sha256=None, dtype=torch.float32)


def test_an_untrained_change_changes_nothing(base: MiniLm) -> None:
    lora = Lora(base, 4, seed=1)
    changed = attend(adapted(base, lora.adapter()), QUESTION, BLOCKS)
    assert torch.equal(changed.mass, attend(base, QUESTION, BLOCKS).mass)


def test_a_change_adds_the_product_of_its_factors_to_one_matrix(base: MiniLm) -> None:
    down, up = torch.randn(2, 384), torch.randn(1152, 2)
    changed = adapted(base, Adapter(down={"3.qkv": down}, up={"3.qkv": up}))
    assert torch.equal(changed.layers[3].qkv[0], base.layers[3].qkv[0] + up @ down)
    assert changed.layers[3].up[0] is base.layers[3].up[0]
    assert changed.layers[2] is base.layers[2]
    assert changed.words is base.words


def test_gradients_reach_the_factors_as_through_the_whole_matrix(base: MiniLm) -> None:
    lora = Lora(base, 2, seed=1, first_layer=5)
    with torch.no_grad():
        for one in lora.up.values():
            one.normal_(std=0.05)
    attend_with_gradient(lora.encoder(), QUESTION, BLOCKS).mass.log().sum().backward()
    lora.collect()
    layer = base.layers[5]
    product = layer.qkv[0] + lora.up["5.qkv"] @ lora.down["5.qkv"]
    direct = base.with_layers([*base.layers[:5], replace(layer, qkv=(product, layer.qkv[1]))])
    loss = attend_with_gradient(direct, QUESTION, BLOCKS).mass.log().sum()
    (expected,) = torch.autograd.grad(loss, [lora.up["5.qkv"]])
    assert lora.up["5.qkv"].grad is not None
    torch.testing.assert_close(lora.up["5.qkv"].grad, expected)
    assert float(expected.abs().max()) > 0


def test_layers_below_the_first_are_left_alone(base: MiniLm) -> None:
    lora = Lora(base, 2, seed=1, first_layer=4)
    assert {name.split(".")[0] for name in lora.up} == {"4", "5"}
    assert len(lora.parameters()) == 16
