"""JSON files that are one long list, read one element at a time: such data sets have hundreds of megabytes."""

import codecs
import hashlib
import json
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from ..memory.errors import DataFormatError
from .hashed_file import HashedFile
from .json_cursor import JsonCursor

_LONGEST_WORD = 16  # "-Infinity", "e-12": what may be cut in two where the text read so far ends
_BLANKS = re.compile(r"[ \t\r\n]*")


class JsonList:
    """The elements of the list in `path`; `shape` is the documented format that errors point to.

    The file is read `chunk_bytes` at a time, and once; memory holds one element besides.
    Iterating raises DataFormatError, naming the file, where it cannot be read, is no JSON or no list.
    """

    def __init__(self, path: Path, *, shape: str, chunk_bytes: int = 1 << 20) -> None:
        self._path = path
        self._chunk_bytes = chunk_bytes
        self._shape = shape
        self._digest = hashlib.sha256()

    def __iter__(self) -> Generator[JsonCursor]:
        try:
            with HashedFile(self._path, self._digest) as raw:
                # HashedFile has all of BinaryIO that is used, which is its read
                window = _Window(cast("BinaryIO", raw), self._chunk_bytes)
                if window.next_character() != "[":
                    raise self._cursor(json.loads(window.rest())).unlike("a list")
                for index, value in enumerate(_elements(window)):
                    yield self._cursor(value, f"[{index}]")
        except OSError as error:
            raise DataFormatError(f"{self._path} cannot be read ({error.strerror}); give {self._shape}.") from error
        except (ValueError, RecursionError) as error:
            raise DataFormatError(f"{self._path} is no JSON ({error}); give {self._shape}.") from error

    @property
    def sha256(self) -> str:
        """The hex digest of the file's bytes, once all elements have been read."""
        return self._digest.hexdigest()

    def error(self, complaint: str, remedy: str) -> DataFormatError:
        """Return (not raise) an error about the list itself."""
        return self._cursor(None).error(complaint, remedy)

    def _cursor(self, value: object, trail: str = "") -> JsonCursor:
        return JsonCursor(value=value, file=str(self._path), shape=self._shape, trail=trail)


def _elements(window: "_Window") -> Iterator[object]:
    window.take()
    if window.next_character() == "]":
        window.take()
    else:
        while True:
            yield window.value()
            mark = window.next_character()
            if mark not in ("]", ","):
                raise window.broken("Expecting ',' delimiter")
            window.take()
            if mark == "]":
                break
    if window.next_character():
        raise window.broken("Extra data")


class _Window:
    """The text of a file from where reading stands to as far as has been read."""

    def __init__(self, raw: BinaryIO, chunk_bytes: int) -> None:
        self._raw = raw
        self._chunk_bytes = chunk_bytes
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._scan = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._passed = 0
        self._is_whole = False

    def next_character(self) -> str:
        """Return the next character that is no blank, "" at the end of the file."""
        while True:
            blanks = _BLANKS.match(self._text, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._text) or self._is_whole:
                return self._text[self._at : self._at + 1]
            self._grow()

    def take(self) -> None:
        """Pass over one character."""
        self._at += 1

    def value(self) -> object:
        """Return the value that begins here; raises ValueError where there is none."""
        self.next_character()
        while True:
            try:
                value, end = self._scan(self._text, self._at)
            except json.JSONDecodeError as error:
                is_cut = error.pos > len(self._text) - _LONGEST_WORD or error.msg.startswith("Unterminated string")
                if self._is_whole or not is_cut:
                    self._at = error.pos
                    raise self.broken(error.msg) from error
            else:
                # "1" may be the start of "1.5e-7": a number by itself is over where something else is in sight
                is_over = not isinstance(value, int | float) or end < len(self._text) - _LONGEST_WORD
                if is_over or self._is_whole:
                    self._at = end
                    return value
            self._grow()

    def rest(self) -> str:
        """Return everything from here on."""
        while not self._is_whole:
            self._grow()
        return self._text[self._at :]

    def broken(self, complaint: str) -> ValueError:
        """Return (not raise) the error for this place."""
        return ValueError(f"{complaint} at character {self._passed + self._at + 1:,}")

    def _grow(self) -> None:
        """Read at least as much again as is not yet used, so that long values cost twice their length at most."""
        self._passed += self._at
        unused = self._text[self._at :]
        chunk = self._raw.read(max(self._chunk_bytes, len(unused)))
        self._is_whole = not chunk
        self._text, self._at = unused + self._decode(chunk, self._is_whole), 0
