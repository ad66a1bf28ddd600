"""Files that are hashed while they are read, so that large ones are read once."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Digest(Protocol):
    """What hashlib makes: it takes bytes piece by piece."""

    def update(self, data: memoryview, /) -> None:
        """Take further bytes."""
        ...

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far, in hexadecimal."""
        ...


class HashedFile(io.RawIOBase):
    """The bytes of a file, given to `digest` in the order in which they are read; raises OSError as `open` does."""

    def __init__(self, path: Path, digest: Digest) -> None:
        self._file = path.open("rb", buffering=0)
        self._digest = digest

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill `buffer` from the file; returns how many bytes were read, 0 at its end."""
        count = self._file.readinto(buffer) or 0
        self._digest.update(memoryview(buffer)[:count])
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
