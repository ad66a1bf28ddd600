"""What training runs of the small encoder keep: a low-rank change, a matrix that reads it, their moving averages.

Trainers differ in what they show and in their loss; how an update is made, and how a run goes on after an
interruption, is the same.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..memory.minilm import MiniLm
from ..rerank.adapter_file import adapter_of
from .average import Average
from .lora import Lora

State: TypeAlias = dict[str, Any]


class Course:
    """The weights of a run and where it stands.

    `matrix`, named `name`, is trained beside the factors of `lora`, `steps` are the step sizes of both (AdamW), each
    times `pace(update)`; `most` is how much of itself the moving average keeps.
    """

    def __init__(
        self,
        lora: Lora,
        name: str,
        matrix: Tensor,
        *,
        steps: tuple[float, float],
        pace: Callable[[int], float],
        decay: float,
        most: float,
    ) -> None:
        self.lora = lora
        self.matrix = matrix.requires_grad_()
        self.average = Average(most)
        self.update = 0
        self._name = name
        groups = [{"params": lora.parameters(), "lr": steps[0]}, {"params": [self.matrix], "lr": steps[1]}]
        self._optimiser = torch.optim.AdamW(groups, weight_decay=decay, betas=(0.9, 0.98))
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimiser, pace)

    def begin(self) -> MiniLm:
        """Return the encoder of the next update, gradients cleared."""
        self._optimiser.zero_grad()
        return self.lora.encoder()

    def advance(self) -> None:
        """Make an update of the gradients that were propagated back since `begin`."""
        self.lora.collect()
        torch.nn.utils.clip_grad_norm_([*self.lora.parameters(), self.matrix], 1.0)
        self._optimiser.step()  # pyright: ignore[reportUnknownMemberType] - torch types it loosely
        self._schedule.step()
        self.average.take(self._tensors(), self.update)
        self.update += 1

    def averaged(self) -> dict[str, Tensor]:
        """Return the averaged tensors by name, before the first update the present ones."""
        return self.average.kept or {name: one.detach().clone() for name, one in self._tensors().items()}

    def state(self) -> State:
        """Return everything that `restore` needs."""
        return {
            "update": self.update,
            "tensors": {name: one.detach() for name, one in self._tensors().items()},
            "average": self.average.kept,
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
        }

    def restore(self, state: State) -> None:
        """Go on from what `state` returned."""
        self.lora.restore(adapter_of(state["tensors"]))
        with torch.no_grad():
            self.matrix.copy_(state["tensors"][self._name])
        self.average.kept = state["average"]
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        self.update = state["update"]

    def _tensors(self) -> dict[str, Tensor]:
        return {**self.lora.tensors(), self._name: self.matrix}


def write_checkpoint(path: Path, state: State) -> None:
    """Write a checkpoint, replacing the last one whole."""
    torch.save(state, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def read_checkpoint(path: Path) -> State | None:
    """Return what was written last; unpickling runs code, so only from a folder that this machine wrote."""
    found: State | None = torch.load(path, weights_only=False) if path.exists() else None
    return found
