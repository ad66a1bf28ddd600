"""Low-rank changes to the small encoder: W + up @ down, and nothing else."""

import pytest
import torch

from recollect.memory.embedder import minilm_folder
from recollect.memory.minilm import MiniLm
from recollect.rerank.adapter import MATRICES, Adapter, adapted


@pytest.fixture(scope="module")
def base() -> MiniLm:
    return MiniLm(minilm_folder(), sha256=None, dtype=torch.float32)


def test_a_change_adds_the_product_of_its_factors_to_one_matrix(base: MiniLm) -> None:
    down, up = torch.randn(2, 384), torch.randn(1152, 2)
    before = base.layers[3].qkv[0].clone()
    changed = adapted(base, Adapter(down={"3.qkv": down}, up={"3.qkv": up}))
    assert torch.equal(changed.layers[3].qkv[0], before + up @ down)
    assert torch.equal(base.layers[3].qkv[0], before)
    assert changed.layers[3].qkv[1] is base.layers[3].qkv[1]
    assert changed.layers[3].up[0] is base.layers[3].up[0]
    assert changed.layers[2] is base.layers[2]
    assert changed.words is base.words


def test_all_matrices_of_a_layer_may_change_at_once(base: MiniLm) -> None:
    down, up = {}, {}
    for matrix in MATRICES:
        outputs, inputs = getattr(base.layers[1], matrix)[0].shape
        down[f"1.{matrix}"], up[f"1.{matrix}"] = torch.randn(1, inputs), torch.randn(outputs, 1)
    changed = adapted(base, Adapter(down=down, up=up)).layers[1]
    for matrix in MATRICES:
        product = up[f"1.{matrix}"] @ down[f"1.{matrix}"]
        assert torch.equal(getattr(changed, matrix)[0], getattr(base.layers[1], matrix)[0] + product)
    assert changed.output_norm is base.layers[1].output_norm


def test_no_change_is_the_encoder_itself(base: MiniLm) -> None:
    same = adapted(base, Adapter(down={}, up={}))
    assert all(one is other for one, other in zip(same.layers, base.layers, strict=True))


def test_sums_are_taken_in_fp32_and_rounded_once() -> None:
    half = MiniLm(minilm_folder(), sha256=None, dtype=torch.bfloat16)
    down, up = torch.randn(2, 384), torch.randn(384, 2)
    factors = Adapter(down={"0.attended": down.to(torch.bfloat16)}, up={"0.attended": up.to(torch.bfloat16)})
    weight = adapted(half, factors).layers[0].attended[0]
    product = up.to(torch.bfloat16).float() @ down.to(torch.bfloat16).float()
    assert weight.dtype == torch.bfloat16
    assert torch.equal(weight, (half.layers[0].attended[0].float() + product).to(torch.bfloat16))
