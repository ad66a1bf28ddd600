"""The updates of a training run of the small encoder, and what is written down on the way."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class UpdateMaker(Protocol):
    """What makes updates and keeps checkpoints."""

    @property
    def update(self) -> int:
        """Updates made."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether all updates were made."""
        ...

    def step(self) -> float:
        """Make one update and return its loss."""
        ...

    def save(self) -> None:
        """Write the checkpoint."""
        ...


def updates_made(trainer: UpdateMaker, *, folder: Path, save_every: int) -> Iterator[int]:
    """Make updates until the run is done; yield the number made after each.

    Losses go to `curve.jsonl` in `folder`; the checkpoint is written every `save_every` updates and at the end.
    """
    while not trainer.is_done:
        loss = trainer.step()
        note_down(folder, update=trainer.update, loss=round(loss, 4))
        if trainer.update % save_every == 0 or trainer.is_done:
            trainer.save()
        yield trainer.update


def note_down(folder: Path, **what: object) -> None:
    """Append one line to the run's log."""
    with (folder / "curve.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")
