"""One writer a folder: a lock that the system takes back when its holder ends, however it ends."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..memory.errors import RunError


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold the lock at `path`, creating the file. Raises RunError at once where another process holds it."""
    try:
        file = path.open("ab")
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror}); choose another folder.") from error
    with file:
        try:
            _take(file)
        except OSError as error:
            raise RunError(
                f"Another run is writing {path.parent}; wait for it to end, or choose another folder."
            ) from error
        yield


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
