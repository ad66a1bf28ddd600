"""Counts what a cross-encoder of sentence-transformers reads, as it reads it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..memory.types import Effort

if TYPE_CHECKING:
    from torch import Tensor

    from .layer_cost import Pass


class ReadingMeter:
    """Looks at every batch that goes into a model, by a hook on its first module; one call at a time may use it."""

    def __init__(self, model: Any) -> None:  # sentence-transformers publishes no types that hold for every version
        from .layer_cost import layer_cost

        self._passes: list[Pass] = []
        self._tokens = 0
        self._cost = layer_cost(model[0].model)
        model[0].register_forward_pre_hook(self._look)

    def clear(self) -> None:
        """Begin anew."""
        self._passes.clear()
        self._tokens = 0

    def effort(self) -> Effort:
        """Return what was read since, tokens without padding, operations with it; those None where not known."""
        return Effort(tokens=self._tokens, flops=None if self._cost is None else self._cost.flops(self._passes))

    def _look(self, _: object, given: tuple[Mapping[str, "Tensor"], ...]) -> None:
        from .layer_cost import Pass

        texts, tokens = given[0]["input_ids"].shape
        mask = given[0].get("attention_mask")
        self._passes.append(Pass(texts=texts, tokens=tokens))
        self._tokens += texts * tokens if mask is None else int(mask.sum())
