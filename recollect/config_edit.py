"""Changes one key of config.toml; everything else in the file, comments included, stays as it was."""

import os
import tempfile
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from .config import flattened, read_file
from .config_keys import Value, key_named
from .memory.errors import ConfigError

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


def set_key(path: Path, name: str, text: str) -> Value:
    """Write a key into the file, created when absent, and return its value; raises ConfigError."""
    value = key_named(name, "command line").parse(text, "command line")
    expected = {**read_file(path), name: value}
    document = _document(path)
    section, _, leaf = name.rpartition(".")
    if section and section not in document:
        import tomlkit

        document[section] = tomlkit.table()
    table = _table(document, section)
    if table is None:
        raise ConfigError(f"{section} in {path} is a value, not a section; run: recollect config unset {section}")
    table[leaf] = value
    _write(path, document, expected)
    return value


def unset_key(path: Path, name: str) -> bool:
    """Take a key out of the file, an unknown one too, and return whether it was there; raises ConfigError."""
    expected = read_file(path)
    if name not in expected:
        key_named(name, "command line")
        return False
    del expected[name]
    document = _document(path)
    section, _, leaf = name.rpartition(".")
    table = _table(document, section)
    if table is None:
        raise _by_hand(path)
    del table[leaf]
    if section and not table:
        del document[section]
    _write(path, document, expected)
    return True


def _document(path: Path) -> "TOMLDocument":
    import tomlkit

    return tomlkit.parse(path.read_text(encoding="utf-8") if path.exists() else "")


def _table(document: "TOMLDocument", section: str) -> MutableMapping[str, object] | None:
    """Return the table of a section, the document itself for "", None where the section is no table."""
    # tomlkit types what is in a document as anything at all
    table = cast("MutableMapping[str, object]", document)
    for name in section.split(".") if section else ():
        inner = table.get(name)
        if not isinstance(inner, MutableMapping):
            return None
        table = cast("MutableMapping[str, object]", inner)
    return table


def _write(path: Path, document: "TOMLDocument", expected: Mapping[str, object]) -> None:
    """Replace the file in one step, after a look whether it says what it should."""
    import tomllib

    text = document.as_string()
    try:
        written = dict(flattened(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        raise _by_hand(path) from error
    if written != expected:
        raise _by_hand(path)
    target = path.resolve()  # a link to a file elsewhere stays a link
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".config-", suffix=".toml")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}. Nothing was changed.") from error


def _by_hand(path: Path) -> ConfigError:
    return ConfigError(f"{path} is laid out in a way that cannot be edited safely; change it by hand.")
