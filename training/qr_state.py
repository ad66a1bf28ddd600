"""How far a detection of QR heads has come: running sums on disk, so that it goes on where it was interrupted."""

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..memory.errors import DataFormatError, InvalidInput, RecollectError

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSums:
    """Sums over the samples seen so far, by half of the samples.

    `totals` is float64 (2, layers, heads), `counted` int64 (2,); `seen` samples were looked at, `skipped` of them did
    not fit the model's window and are in no sum.
    """

    totals: NDArray[np.float64]
    counted: NDArray[np.int64]
    seen: int = 0
    skipped: int = 0

    @classmethod
    def blank(cls, layers: int, heads: int) -> "RunningSums":
        """Return the sums over nothing."""
        return cls(totals=np.zeros((2, layers, heads)), counted=np.zeros(2, np.int64))

    def plus(self, scores: NDArray[np.float64] | None, half: int) -> "RunningSums":
        """Return the sums after one more sample with these head scores, (layers, heads); None is one skipped."""
        if scores is None:
            return RunningSums(totals=self.totals, counted=self.counted, seen=self.seen + 1, skipped=self.skipped + 1)
        totals, counted = self.totals.copy(), self.counted.copy()
        totals[half] += scores
        counted[half] += 1
        return RunningSums(totals=totals, counted=counted, seen=self.seen + 1, skipped=self.skipped)


def read_state(path: Path, settings: Mapping[str, object]) -> RunningSums | None:
    """Return the sums of an interrupted run with these settings, None where there is no file.

    Raises InvalidInput naming what differs for the state of another run, DataFormatError for a damaged file.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = json.loads(str(stored["settings"]))
            sums = RunningSums(
                totals=stored["totals"],
                counted=stored["counted"],
                seen=int(stored["seen"]),
                skipped=int(stored["skipped"]),
            )
    except FileNotFoundError:
        return None
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataFormatError(f"The state {path} cannot be read ({error}); delete it to begin again.") from error
    expected = _described(settings)
    differing = sorted(key for key in {*found, *expected} if found.get(key) != expected.get(key))
    if differing:
        what = "; ".join(f"{key} {found.get(key)!r}, now {expected.get(key)!r}" for key in differing)
        raise InvalidInput(
            f"The state {path} is of another detection ({what}); delete it to begin again, or write elsewhere."
        )
    return sums


def write_state(path: Path, settings: Mapping[str, object], sums: RunningSums) -> None:
    """Replace the state in one step, durable before it is seen; raises RecollectError for a full disk and its kin."""
    temporary = path.with_name(f".{path.name}.tmp")  # one that a killed run left is written over
    try:
        with temporary.open("wb") as file:
            np.savez(
                file,
                settings=np.array(json.dumps(_described(settings))),
                totals=sums.totals,
                counted=sums.counted,
                seen=np.array(sums.seen),
                skipped=np.array(sums.skipped),
            )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RecollectError(f"The state {path} cannot be written: {error.strerror or error}.") from error


def _described(settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings as JSON gives them back."""
    described: dict[str, object] = json.loads(json.dumps({"format": FORMAT, **settings}))
    return described
