"""The files of questions that were written for this project and ship with it, beside the code that reads them."""

from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ..memory.errors import DataFormatError
from .corpora import Record, read_jsonl


def question_records(
    shipped: str, file: Path | None, *, needs: tuple[str, ...], kinds: Sequence[str]
) -> list[Record]:
    """Return the records of `file`, None being the one of the name `shipped`.

    A record has the keys of `needs`, among them "q", the question, "e", the turns that answer it, and "k", its kind.
    Raises DataFormatError for a record without them or without a turn, or of none of the kinds.
    """
    path: Path | Traversable = file or files("recollect.training").joinpath(shipped)
    if not isinstance(path, Path):
        raise DataFormatError(f"{shipped} is not on disk; install Recollect unpacked.")
    found = list(read_jsonl(path, needs=needs))
    strange = next((one for one in found if one["k"] not in kinds or not one["e"]), None)
    if strange is not None:
        raise DataFormatError(f"{path}: {strange['q']!r} has no turns, or its kind is none of {', '.join(kinds)}.")
    return found
