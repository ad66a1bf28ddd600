"""A program on a pseudo-terminal: what it draws, and when."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self


class Terminal:
    """Starts a program on a terminal of its own; `began` is when, on `time.perf_counter`.

    Answers no question that a program asks its terminal, as the plainest terminals do.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], size: tuple[int, int] = (120, 36)
    ) -> None:
        self.began = time.perf_counter()
        self._child, self._file = pty.fork()
        if self._child == 0:
            # the size is there before the program asks for it
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            os.execve(command[0], list(command), {**environment, "TERM": "xterm-256color"})
        self._drawn = b""

    def write(self, text: str) -> float:
        """Type, and return when."""
        self._drawn = b""
        now = time.perf_counter()
        os.write(self._file, text.encode())
        return now

    def has_drawn(self, text: str) -> bool:
        """Whether something was drawn since the last typing, of what was read so far."""
        return text.encode() in self._drawn

    @property
    def drawn(self) -> str:
        """What was drawn since the last typing, of what was read so far, with its escape sequences."""
        return self._drawn.decode(errors="replace")

    def until(self, text: str, *, timeout_s: float = 60.0) -> float:
        """Wait until something was drawn since the last typing, and return when; raises SystemExit when it is not."""
        deadline = time.perf_counter() + timeout_s
        while not self.has_drawn(text):
            left = deadline - time.perf_counter()
            if left <= 0 or not self._read(left):
                raise SystemExit(f"The terminal never showed {text!r}; it showed {self._drawn[-2000:]!r}")
        return time.perf_counter()

    def rest(self, seconds: float) -> None:
        """Read on for a while."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0 and self._read(left):
            pass

    def _read(self, timeout_s: float) -> bool:
        ready, _, _ = select.select([self._file], [], [], timeout_s)
        if not ready:
            return True
        try:
            piece = os.read(self._file, 65536)
        except OSError:  # Linux says so when the other side is gone
            return False
        self._drawn += piece
        return bool(piece)

    def close(self) -> None:
        """End the program."""
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
