"""Typed reading of foreign JSON: every complaint names the file, the record, the key and the remedy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from ..memory.errors import DataFormatError

_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonCursor:
    """One value of a JSON file, and how a person finds it there.

    `record` names the unit the file consists of ("conversation conv-1", empty above it), `trail` the
    keys below it ("session_2[0].text"), `shape` the documented format that errors point to.
    """

    value: object
    file: str
    shape: str
    record: str = ""
    trail: str = ""

    def named(self, record: str) -> "JsonCursor":
        """Return the same value as the start of a record: trails below it begin anew."""
        return replace(self, record=record, trail="")

    def names(self) -> list[str]:
        """Return the keys of an object in file order. Raises DataFormatError for anything else."""
        return list(self._object())

    def key(self, name: str) -> "JsonCursor":
        """Return the value under `name`. Raises DataFormatError where it is absent."""
        members = self._object()
        if name not in members:
            raise self._below(name, None).error("the key is missing")
        return self._below(name, members[name])

    def find(self, name: str) -> "JsonCursor | None":
        """Return the value under `name`, None where it is absent or null."""
        value = self._object().get(name)
        return None if value is None else self._below(name, value)

    def items(self) -> list["JsonCursor"]:
        """Return the elements of a list. Raises DataFormatError for anything else."""
        value = self.value
        if not isinstance(value, list):
            raise self.unlike("a list")
        # Out of json.loads: the elements are looked at one by one.
        elements = cast("Sequence[object]", value)
        return [
            replace(self, value=element, trail=f"{self.trail}[{index}]") for index, element in enumerate(elements)
        ]

    def text(self) -> str:
        """Return a text. Raises DataFormatError for anything else."""
        if not isinstance(self.value, str):
            raise self.unlike("text")
        return self.value

    def text_or_number(self) -> str:
        """Return a text, or a number as text. Raises DataFormatError for anything else."""
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            return str(self.value)
        return self.text()

    def flag(self) -> bool:
        """Return true or false. Raises DataFormatError for anything else."""
        if not isinstance(self.value, bool):
            raise self.unlike("true or false")
        return self.value

    def whole_number(self) -> int:
        """Return an integer. Raises DataFormatError for anything else, true and false included."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.unlike("a whole number")
        return self.value

    def error(self, complaint: str, remedy: str = "") -> DataFormatError:
        """Return (not raise) the error that says where `complaint` applies and what to do."""
        where = ", ".join(part for part in (self.file, self.record, self.trail) if part)
        return DataFormatError(f"{where}: {complaint}; {remedy or f'write it as in {self.shape}'}.")

    def unlike(self, expected: str) -> DataFormatError:
        """Return (not raise) the error for a value of the wrong kind."""
        return self.error(f"expected {expected}, found {_KINDS.get(type(self.value), 'something else')}")

    def _object(self) -> Mapping[str, object]:
        value = self.value
        if not isinstance(value, dict):
            raise self.unlike("an object")
        # Out of json.loads: keys are always texts, values are looked at one by one.
        return cast("Mapping[str, object]", value)

    def _below(self, name: str, value: object) -> "JsonCursor":
        return replace(self, value=value, trail=f"{self.trail}.{name}" if self.trail else name)
