"""Low-rank changes to the small encoder's matrices (LoRA, Hu et al. 2021, arXiv 2106.09685), trained in fp32."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..memory.minilm import Layer, MiniLm
from ..rerank.adapter import MATRICES, Adapter, adapted


class Lora:
    """A trainable Adapter over a frozen encoder.

    `encoder()` gives the encoder with the change applied, its changed matrices being leaves in the encoder's dtype;
    after one or more backward passes through it, `collect()` carries their gradients over to the fp32 factors. So the
    product of the factors costs nothing per list, only once per update. Layers below `first_layer` stay as they are,
    and no gradient is computed for them.
    """

    def __init__(self, base: MiniLm, rank: int, *, seed: int, first_layer: int = 0) -> None:
        self._base = base
        self._first_layer = first_layer
        drawn = torch.Generator().manual_seed(seed)
        self.down: dict[str, Tensor] = {}
        self.up: dict[str, Tensor] = {}
        for name, weight in self._matrices():
            outputs, inputs = weight.shape
            self.down[name] = (torch.randn(rank, inputs, generator=drawn) * inputs**-0.5).requires_grad_()
            self.up[name] = torch.zeros(outputs, rank, requires_grad=True)
        self._leaves: dict[str, Tensor] = {}

    def parameters(self) -> list[Tensor]:
        """All factors, fp32."""
        return [*self.down.values(), *self.up.values()]

    def adapter(self) -> Adapter:
        """Return the factors as they are now, detached."""
        return Adapter(
            down={name: one.detach().clone() for name, one in self.down.items()},
            up={name: one.detach().clone() for name, one in self.up.items()},
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return the factors themselves by the names that `adapter_of` reads."""
        down = {f"down.{name}": one for name, one in self.down.items()}
        return down | {f"up.{name}": one for name, one in self.up.items()}

    def restore(self, saved: Adapter) -> None:
        """Put back factors saved earlier; those of a lower rank or of fewer matrices make the same change."""
        with torch.no_grad():
            for name, down in saved.down.items():
                self.down[name][: len(down)].copy_(down)
                self.up[name].zero_()
                self.up[name][:, : len(down)].copy_(saved.up[name])

    def encoder(self) -> MiniLm:
        """Return the encoder with the present change; its matrices ask for gradients."""
        changed = adapted(self._base, self.adapter())
        layers: list[Layer] = []
        for number, layer in enumerate(changed.layers):
            if number < self._first_layer:
                layers.append(layer)
                continue
            leaves = {name: getattr(layer, name)[0].detach().requires_grad_() for name in MATRICES}
            self._leaves |= {f"{number}.{name}": leaf for name, leaf in leaves.items()}
            layers.append(replace(layer, **{name: (leaf, getattr(layer, name)[1]) for name, leaf in leaves.items()}))
        return self._base.with_layers(layers)

    def collect(self) -> None:
        """Add the leaves' gradients, through the product of the factors, to those of the factors."""
        for name, leaf in self._leaves.items():
            if leaf.grad is not None:
                (self.up[name] @ self.down[name]).backward(leaf.grad.float())  # type: ignore[no-untyped-call]
                leaf.grad = None

    def _matrices(self) -> Iterator[tuple[str, Tensor]]:
        for number, layer in enumerate(self._base.layers):
            for name in MATRICES if number >= self._first_layer else ():
                yield f"{number}.{name}", getattr(layer, name)[0]


def mean_of(adapters: Sequence[Adapter], *, rank: int, shares: Sequence[float] | None = None) -> Adapter:
    """Return the mean change of several, as near as that rank comes (truncated SVD); one alone as it is.

    `shares` are what each counts, by default all the same. A matrix that one of them does not have is not changed by
    it.
    """
    if len(adapters) == 1:
        return adapters[0]
    counted = shares or [1.0 / len(adapters)] * len(adapters)
    down: dict[str, Tensor] = {}
    up: dict[str, Tensor] = {}
    for name in dict.fromkeys(name for one in adapters for name in one.up):
        changes = [
            share * (one.up[name].float() @ one.down[name].float())
            for one, share in zip(adapters, counted, strict=True)
            if name in one.up
        ]
        algebra: Any = torch.linalg  # the library types it loosely
        left, sizes, right = algebra.svd(torch.stack(changes).sum(0), full_matrices=False)
        roots = sizes[:rank].sqrt()
        up[name], down[name] = left[:, :rank] * roots, roots[:, None] * right[:rank]
    return Adapter(down=down, up=up)
