"""The files that were written for this project and ship with it, beside the code that reads them."""

from collections.abc import Iterable, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ..memory.errors import DataFormatError
from .corpora import Conversation, Record, read_jsonl


def question_records(
    shipped: str, file: Path | None, *, needs: tuple[str, ...], kinds: Sequence[str]
) -> list[Record]:
    """Return the records of `file`, None being the one of the name `shipped`.

    A record has the keys of `needs`, among them "q", the question, "e", the turns that answer it, and "k", its kind.
    Raises DataFormatError for a record without them or without a turn, or of none of the kinds.
    """
    path = packaged(shipped, file)
    found = list(read_jsonl(path, needs=needs))
    strange = next((one for one in found if one["k"] not in kinds or not one["e"]), None)
    if strange is not None:
        raise DataFormatError(f"{path}: {strange['q']!r} has no turns, or its kind is none of {', '.join(kinds)}.")
    return found


def packaged(shipped: str, file: Path | None = None) -> Path:
    """Return `file`, None being the one of the name `shipped`; raises DataFormatError where that is not on disk."""
    path: Path | Traversable = file or files("recollect.training").joinpath(shipped)
    if not isinstance(path, Path):
        raise DataFormatError(f"{shipped} is not on disk; install Recollect unpacked.")
    return path


def check_turns(question: str, refs: Iterable[str], conversation: Conversation) -> None:
    """Raise DataFormatError where a question names turns that its conversation has not."""
    absent = set(refs).difference(turn.ref or "" for turn in conversation.turns)
    if absent:
        raise DataFormatError(f"{question!r}: {conversation.id} has no turn {', '.join(sorted(absent))}.")
