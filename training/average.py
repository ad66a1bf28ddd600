"""Moving averages of weights: what ships of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(slots=True)
class Average:
    """Moving averages of tensors, fast at first so that the start is forgotten."""

    most: float
    kept: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    def take(self, current: Mapping[str, Tensor], update: int) -> None:
        """Move towards `current`."""
        share = 1.0 - min(self.most, (update + 1) / (update + 10))
        for name, tensor in current.items():
            if name in self.kept:
                self.kept[name].lerp_(tensor.detach(), share)
            else:
                self.kept[name] = tensor.detach().clone()
