"""Ends an answer that a server is still writing, from another thread than the one that reads it."""

import socket
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from httpx2 import Response


class Streaming(Protocol):
    """An answer of the openai client that comes in pieces."""

    @property
    def response(self) -> "Response":
        """The answer as it comes over the connection."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class StreamStop:
    """Stands for one request; `stop` hangs up, at once, or as soon as the server begins to answer."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stream: Streaming | None = None
        self._is_stopped = False

    @property
    def is_stopped(self) -> bool:
        """Whether somebody stopped it."""
        return self._is_stopped

    def begin(self, stream: Streaming) -> None:
        """Tell that the server answers, in the thread that reads; an answer that was stopped before is closed."""
        with self._lock:
            self._stream = stream
            if self._is_stopped:
                stream.close()

    def stop(self) -> None:
        """Hang up; the reading thread meets the end of the connection, however long the server would be silent."""
        with self._lock:
            self._is_stopped = True
            if self._stream is not None:
                _shut_down(self._stream.response)


def _shut_down(response: "Response") -> None:
    """Shut down the connection under a response: closing alone leaves a thread waiting that reads from it."""
    connection = response.extensions.get("network_stream")
    found = None if connection is None else connection.get_extra_info("socket")
    if isinstance(found, socket.socket):
        with suppress(OSError):  # it ended by itself meanwhile
            # not SSLSocket's own method, which takes the session away from the thread that reads
            socket.socket.shutdown(found, socket.SHUT_RDWR)
