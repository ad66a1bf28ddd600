"""The files of a data set in the documented JSONL: found beside each other, read line by line, hashed on the way."""

import hashlib
import io
import json
import lzma
from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from ..memory.errors import DataFormatError
from .hashed_file import Digest, HashedFile
from .json_cursor import JsonCursor

SHAPE = "JSONL: a folder with docs.jsonl and qa.jsonl, or one of them with the other beside it, packed as .xz or not"
XZ_MAGIC = b"\xfd7zXZ\x00"
Role = Literal["docs", "qa"]
_ENDINGS = (".jsonl", ".jsonl.xz")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonlFiles:
    """The files of a data set; `docs` is None where questions carry their own passages."""

    name: str
    qa: Path
    docs: Path | None


def find_files(path: Path) -> JsonlFiles:
    """Return the files of a data set, given its folder or one of them.

    In a folder they are `docs.jsonl` and `qa.jsonl`, packed as .xz or not. A file is told by its records; the other
    one has the same name with "qa" for "docs" or the reverse. Raises DataFormatError where there are no questions.
    """
    if path.is_dir():
        qa, docs = _existing(path, "qa"), _existing(path, "docs")
        if qa is None:
            raise DataFormatError(f"{path} holds no {' or '.join('qa' + one for one in _ENDINGS)}; give {SHAPE}.")
        return JsonlFiles(name=path.resolve().name, qa=qa, docs=docs)
    role = role_of(path)
    if role is None:
        raise DataFormatError(
            f"{path}: the first line has neither doc_id and passages nor doc_id and question; give {SHAPE}."
        )
    other = _beside(path, role)
    name = path.resolve().parent.name if _stem(path) == role else path.name
    if role == "qa":
        return JsonlFiles(name=name, qa=path, docs=other)
    if other is None:
        raise DataFormatError(f"{path} holds passages, and no file of questions lies beside it; give {SHAPE}.")
    return JsonlFiles(name=name, qa=other, docs=path)


def holds_questions(folder: Path) -> bool:
    """Return whether a folder has a file of questions."""
    return _existing(folder, "qa") is not None


def role_of(path: Path) -> Role | None:
    """Return what a file holds, by the keys of its first record; None for neither. Raises DataFormatError."""
    with closing(read_records(path, hashlib.sha256())) as records:
        first = next(records, None)
    names = set(first.names()) if first is not None and isinstance(first.value, dict) else set[str]()
    if names >= {"doc_id", "question"}:
        return "qa"
    return "docs" if names >= {"doc_id", "passages"} else None


def read_records(path: Path, digest: Digest) -> Generator[JsonCursor]:
    """Yield the records of a file, one a line, blank lines skipped; `digest` takes the file's bytes as stored.

    Raises DataFormatError, naming file and line, where it cannot be read or a line is no JSON.
    """
    number = 0
    try:
        with ExitStack() as opened:
            for number, line in enumerate(_lines(path, digest, opened), start=1):
                text = line.decode("utf-8-sig")
                if text.strip():
                    value: object = json.loads(text)
                    yield JsonCursor(value=value, file=str(path), shape=SHAPE, record=f"line {number}")
    except (ValueError, RecursionError) as error:
        raise DataFormatError(f"{path}, line {number}: no JSON in UTF-8 ({error}); give {SHAPE}.") from error
    except (EOFError, OSError, lzma.LZMAError) as error:
        raise DataFormatError(
            f"{path}, after line {number}: cannot be read ({error}); copy the file again."
        ) from error


def _lines(path: Path, digest: Digest, opened: ExitStack) -> BinaryIO:
    """Return the file to iterate over, unpacked where it is packed; split at line feeds alone."""
    raw = opened.enter_context(io.BufferedReader(HashedFile(path, digest)))
    if raw.peek(len(XZ_MAGIC)).startswith(XZ_MAGIC):
        # LZMAFile asks for IO[bytes], of which it reads alone; what it returns is iterated over
        return cast("BinaryIO", opened.enter_context(lzma.LZMAFile(cast("BinaryIO", raw))))
    return cast("BinaryIO", raw)


def _existing(folder: Path, role: Role) -> Path | None:
    return next((file for ending in _ENDINGS if (file := folder / f"{role}{ending}").is_file()), None)


def _beside(path: Path, role: Role) -> Path | None:
    """Return the file of the other role, by name: the last "docs" or "qa" of it is replaced."""
    other = "docs" if role == "qa" else "qa"
    head, found, tail = _stem(path).rpartition(role)
    files = (path.with_name(f"{head}{other}{tail}{ending}") for ending in _ENDINGS if found)
    return next((file for file in files if file.is_file()), None)


def _stem(path: Path) -> str:
    return path.name.removesuffix(".xz").removesuffix(".jsonl")
