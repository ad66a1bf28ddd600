"""Data sets by path: the format is told by what is in the file."""

from contextlib import closing
from pathlib import Path

from ..memory.errors import DataFormatError
from . import jsonl_records, locomo, longmemeval
from .dataset import Dataset
from .json_list import JsonList
from .jsonl_dataset import load_jsonl
from .locomo import load_locomo
from .longmemeval import load_longmemeval
from .releases import RELEASES as RELEASES

FORMATS = (
    f"{locomo.SHAPE}: a list of sample_id, conversation and qa",
    f"{longmemeval.SHAPE}: a list of question_id, question and haystack_sessions",
    jsonl_records.SHAPE,
)
_START = 4096


def load_dataset(path: Path) -> Dataset:
    """Read a data set in any of `FORMATS`, told by content: a file, or a folder with `qa.jsonl`.

    Raises DataFormatError where it cannot be read, is in none of them, or is malformed.
    """
    if path.is_dir():
        if not jsonl_records.holds_questions(path):
            raise _unknown(path, "is a folder without qa.jsonl or qa.jsonl.xz")
        return load_jsonl(path)
    start = _start(path)
    if start.startswith(jsonl_records.XZ_MAGIC):
        return load_jsonl(path)
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        return _load_list(path)
    if text.startswith(b"{") and _is_jsonl(path):
        return load_jsonl(path)
    raise _unknown(path, "begins with neither a list nor a record that is known")


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_START)
    except OSError as error:
        raise DataFormatError(f"{path} cannot be read ({error.strerror}); {_known_formats()}") from error


def _load_list(path: Path) -> Dataset:
    with closing(iter(JsonList(path, shape=" or ".join((locomo.SHAPE, longmemeval.SHAPE))))) as elements:
        first = next(elements, None)
    if first is None or not isinstance(first.value, dict):
        raise _unknown(path, "is a list of no objects")
    names = set(first.names())
    if names & {"sample_id", "conversation"}:
        return load_locomo(path)
    if names & {"question_id", "haystack_sessions"}:
        return load_longmemeval(path)
    raise _unknown(path, f"is a list of objects with {', '.join(sorted(names)) or 'no key'}")


def _is_jsonl(path: Path) -> bool:
    try:
        return jsonl_records.role_of(path) is not None
    except DataFormatError:  # one object over several lines: the caller says what can be read
        return False


def _unknown(path: Path, what: str) -> DataFormatError:
    return DataFormatError(f"{path} {what}; {_known_formats()}")


def _known_formats() -> str:
    return "give one of these: " + "; ".join(f"({place}) {one}" for place, one in enumerate(FORMATS, start=1)) + "."
