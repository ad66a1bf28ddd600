"""Low-rank training: nothing changes at first, gradients are those of the product, factors can be put back."""

from dataclasses import replace

import pytest
import torch

from recollect.memory.embedder import minilm_folder
from recollect.memory.minilm import MiniLm
from recollect.rerank.adapter import MATRICES, Adapter, adapted
from recollect.rerank.block_attention import Block, attend, attend_with_gradient
from recollect.training.lora import Lora, mean_of

QUESTION = (2054, 3608, 2106)
BLOCKS = [Block(own=(2002, 2038, 1037, 3899), context=(2088,)), Block(own=(1996, 4937))]


@pytest.fixture(scope="module")
def base() -> MiniLm:
    return MiniLm(minilm_folder(), sha256=None, dtype=torch.float32)


def with_some_change(base: MiniLm, *, first_layer: int = 4) -> Lora:
    lora = Lora(base, 2, seed=1, first_layer=first_layer)
    drawn = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for one in lora.up.values():
            one.normal_(std=0.05, generator=drawn)
    return lora


def backward(model: MiniLm, blocks: list[Block] = BLOCKS) -> None:
    torch.autograd.backward(attend_with_gradient(model, QUESTION, blocks).mass.log().sum())


def test_an_untrained_change_changes_nothing(base: MiniLm) -> None:
    lora = Lora(base, 4, seed=1)
    changed = attend(adapted(base, lora.adapter()), QUESTION, BLOCKS)
    assert torch.equal(changed.mass, attend(base, QUESTION, BLOCKS).mass)
    assert torch.equal(attend_with_gradient(lora.encoder(), QUESTION, BLOCKS, buckets=8).mass.detach(), changed.mass)


def test_the_seed_draws_the_factors(base: MiniLm) -> None:
    one, same, other = (Lora(base, 2, seed=seed, first_layer=5).down["5.qkv"] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_gradients_reach_the_factors_as_through_the_whole_matrix(base: MiniLm) -> None:
    lora = with_some_change(base)
    backward(lora.encoder())
    lora.collect()
    layers = list(base.layers)
    for name, up in lora.up.items():
        number, matrix = name.split(".")
        weight, bias = getattr(layers[int(number)], matrix)
        product = weight + up @ lora.down[name]
        layers[int(number)] = replace(layers[int(number)], **{matrix: (product, bias)})
    loss = attend_with_gradient(base.with_layers(layers), QUESTION, BLOCKS).mass.log().sum()
    for name in ("4.qkv", "4.attended", "4.up", "4.down", "5.qkv"):
        for factor in (lora.up[name], lora.down[name]):
            (expected,) = torch.autograd.grad(loss, [factor], retain_graph=True)
            assert float(expected.abs().max()) > 0
            assert factor.grad is not None
            torch.testing.assert_close(factor.grad, expected, atol=1e-4, rtol=1e-4)


def test_gradients_of_several_lists_add_up(base: MiniLm) -> None:
    together, apart = with_some_change(base), with_some_change(base)
    model = together.encoder()
    for blocks in (BLOCKS, BLOCKS[::-1][:1]):
        backward(model, blocks)
        backward(apart.encoder(), blocks)
        apart.collect()
    together.collect()
    for name, up in together.up.items():
        if up.grad is not None:
            torch.testing.assert_close(apart.up[name].grad, up.grad)


def test_what_was_collected_is_not_collected_again(base: MiniLm) -> None:
    lora = with_some_change(base)
    backward(lora.encoder())
    lora.collect()
    grad = lora.up["4.qkv"].grad
    assert grad is not None
    once = grad.clone()
    lora.collect()
    assert torch.equal(grad, once)


def test_layers_below_the_first_are_left_alone(base: MiniLm) -> None:
    lora = Lora(base, 2, seed=1, first_layer=4)
    assert {name.split(".")[0] for name in lora.up} == {"4", "5"}
    assert len(lora.parameters()) == 2 * 2 * len(MATRICES)
    assert all(one is other for one, other in zip(lora.encoder().layers[:4], base.layers[:4], strict=True))


def test_factors_can_be_put_back(base: MiniLm) -> None:
    lora = with_some_change(base)
    saved = lora.adapter()
    other = Lora(base, 2, seed=9, first_layer=4)
    parameters = other.parameters()
    other.restore(saved)
    assert all(one is same for one, same in zip(other.parameters(), parameters, strict=True))  # the optimiser's own
    assert torch.equal(
        attend(adapted(base, other.adapter()), QUESTION, BLOCKS).mass, attend(lora.encoder(), QUESTION, BLOCKS).mass
    )
    with torch.no_grad():
        lora.up["4.qkv"].zero_()
    assert float(saved.up["4.qkv"].abs().max()) > 0  # an adapter is what the factors were


def test_a_bf16_encoder_is_trained_by_fp32_factors() -> None:
    half = MiniLm(minilm_folder(), sha256=None, dtype=torch.bfloat16)
    lora = with_some_change(half, first_layer=5)
    model = lora.encoder()
    assert model.layers[5].qkv[0].dtype == torch.bfloat16
    backward(model)
    lora.collect()
    grad = lora.up["5.qkv"].grad
    assert grad is not None
    assert grad.dtype == torch.float32
    assert 0 < float(grad.abs().max()) < float("inf")


def test_the_mean_of_changes_is_that_of_their_products() -> None:
    drawn = torch.Generator().manual_seed(2)
    changes = [
        Adapter(down={"0.up": torch.randn(2, 6, generator=drawn)}, up={"0.up": torch.randn(5, 2, generator=drawn)})
        for _ in range(2)
    ]
    wanted = sum(one.up["0.up"] @ one.down["0.up"] for one in changes) / 2
    whole = mean_of(changes, rank=4)
    assert torch.allclose(whole.up["0.up"] @ whole.down["0.up"], torch.as_tensor(wanted), atol=1e-5)
    cut = mean_of(changes, rank=1)
    assert cut.down["0.up"].shape == (1, 6)
    sizes = torch.linalg.svdvals(torch.as_tensor(wanted))
    lost = (cut.up["0.up"] @ cut.down["0.up"] - wanted).norm()
    assert torch.allclose(lost, sizes[1:].norm(), atol=1e-5)  # no change of rank one is nearer (Eckart and Young)
    assert mean_of(changes[:1], rank=1) is changes[0]


def test_means_may_count_unequally_and_a_matrix_that_one_lacks_is_not_changed_by_it() -> None:
    drawn = torch.Generator().manual_seed(4)

    def change(name: str) -> Adapter:
        return Adapter(down={name: torch.randn(2, 6, generator=drawn)}, up={name: torch.randn(5, 2, generator=drawn)})

    one, other = change("0.up"), change("1.up")
    found = mean_of([one, other], rank=2, shares=[0.75, 0.25])
    for share, of, name in ((0.75, one, "0.up"), (0.25, other, "1.up")):
        torch.testing.assert_close(found.up[name] @ found.down[name], share * of.up[name] @ of.down[name])


def test_a_lower_rank_can_be_put_into_a_higher_one(base: MiniLm) -> None:
    saved = with_some_change(base).adapter()
    wide = Lora(base, 5, seed=3)
    wide.restore(saved)
    assert torch.allclose(
        attend(adapted(base, wide.adapter()), QUESTION, BLOCKS).mass,
        attend(adapted(base, saved), QUESTION, BLOCKS).mass,
        atol=1e-6,
    )
    assert float(wide.down["4.qkv"].detach()[2:].abs().min()) > 0  # the rest can learn
