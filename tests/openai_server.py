"""A scripted OpenAI-compatible server on loopback: it answers, refuses, drops, hangs or talks nonsense as told."""

import json
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

Act: TypeAlias = Callable[["_Handler"], None]
"""What the server does with one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it arrived; header names in lower case, `body` the parsed JSON, `at` seconds of a clock."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]  # JSON of the protocol, asserted on field by field
    at: float


class OpenAIServer:
    """Plays its acts in order, one a request; the last one is repeated."""

    def __init__(self, acts: Sequence[Act]) -> None:
        self._acts = list(acts)
        self._lock = threading.Lock()
        self.requests: list[Request] = []
        self.disconnected = threading.Event()
        self._changed = threading.Condition()
        self._open_streams = 0
        self.stopping = threading.Event()
        self._http = _Http(("127.0.0.1", 0), _handler_for(self))
        self._http.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def serve(self) -> None:
        self._http.serve_forever(poll_interval=0.01)

    def stop(self) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()

    @contextmanager
    def counted_stream(self) -> Generator[None]:
        """Count a stream as open until the block ends."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def has_streams(self, number: int, *, within_s: float = 10.0) -> bool:
        """Wait until so many streams are open, and tell whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open_streams == number, within_s)

    def _count(self, change: int) -> None:
        with self._changed:
            self._open_streams += change
            self._changed.notify_all()

    def next_act(self, request: Request) -> Act:
        with self._lock:
            self.requests.append(request)
            return self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]


@contextmanager
def running(*acts: Act) -> Generator[OpenAIServer]:
    """Serve the acts in a thread until the block ends."""
    server = OpenAIServer(acts)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def unused_url() -> str:
    """Return a URL on loopback where nothing listens."""
    closed = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    closed.server_close()
    return f"http://127.0.0.1:{closed.server_port}/v1"


def says(*pieces: str, finish: str | None = "stop", usage: tuple[int, int] | None = None) -> Act:
    """A chat completion of these pieces, streamed if the request asks for it; no `finish` breaks it off cleanly.

    `usage` is prompt and completion tokens; a stream tells them only if the request asks for it.
    """

    def act(handler: "_Handler") -> None:
        if not handler.request.body.get("stream"):
            handler.send_json({**_completion("".join(pieces), finish), **_usage(usage)})
            return
        handler.begin_stream()
        for piece in pieces:
            handler.send_event(_chunk(piece, None))
        if finish is not None:
            handler.send_event(_chunk(None, finish))
            options = handler.request.body.get("stream_options") or {}
            if usage is not None and options.get("include_usage"):
                handler.send_event({**_chunk(None, None), "choices": [], **_usage(usage)})
            handler.send_chunk(b"data: [DONE]\n\n")
        handler.send_chunk(b"")

    return act


def says_then_drops(*pieces: str) -> Act:
    """A stream whose connection breaks after these pieces."""

    def act(handler: "_Handler") -> None:
        handler.begin_stream()
        for piece in pieces:
            handler.send_event(_chunk(piece, None))
        handler.close_connection = True

    return act


def says_then_hangs(*pieces: str) -> Act:
    """A stream that falls silent after these pieces, until the server stops."""

    def act(handler: "_Handler") -> None:
        handler.begin_stream()
        for piece in pieces:
            handler.send_event(_chunk(piece, None))
        handler.script.stopping.wait()
        handler.close_connection = True

    return act


def says_forever(piece: str) -> Act:
    """A stream that only ends when the client goes away; then `disconnected` is set."""

    def act(handler: "_Handler") -> None:
        handler.begin_stream()
        with handler.script.counted_stream():
            while not handler.script.stopping.wait(0.005):
                try:
                    handler.send_event(_chunk(piece, None))
                except OSError:
                    handler.script.disconnected.set()
                    break
        handler.close_connection = True

    return act


def hangs() -> Act:
    """Nothing at all, not even headers, until the server stops."""

    def act(handler: "_Handler") -> None:
        handler.script.stopping.wait()
        handler.close_connection = True

    return act


def drops() -> Act:
    """The connection is closed before any header."""

    def act(handler: "_Handler") -> None:
        handler.close_connection = True

    return act


def refuses(status: int, message: str = "no") -> Act:
    """An error in OpenAI's form, which asks not to wait long before the next try."""

    def act(handler: "_Handler") -> None:
        handler.send_json({"error": {"message": message, "type": "scripted"}}, status=status)

    return act


def refuses_field(name: str, why: str) -> Act:
    """The refusal of one field of a request, as OpenAI words it."""

    def act(handler: "_Handler") -> None:
        words = f"Unsupported parameter: '{name}'. {why}"
        error = {"message": words, "type": "invalid_request_error", "param": name, "code": "unsupported_parameter"}
        handler.send_json({"error": error}, status=400)

    return act


def busy(status: int, *, retry_after: str) -> Act:
    """An error that says in seconds how long to wait."""

    def act(handler: "_Handler") -> None:
        body = b'{"error": {"message": "busy"}}'
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Retry-After": retry_after}
        handler.begin(status, headers)
        handler.wfile.write(body)

    return act


def refuses_then_drops(status: int) -> Act:
    """An error whose body never arrives whole."""

    def act(handler: "_Handler") -> None:
        handler.begin(status, {"Content-Type": "application/json", "Content-Length": "1000"})
        handler.wfile.write(b'{"error":')
        handler.close_connection = True

    return act


def streams_raw(*events: bytes) -> Act:
    """A stream of server-sent events whose payloads are these bytes, whatever they are."""

    def act(handler: "_Handler") -> None:
        handler.begin_stream()
        for event in events:
            handler.send_chunk(b"data: " + event + b"\n\n")
        handler.send_chunk(b"")

    return act


def sends(body: bytes, *, content_type: str = "application/json") -> Act:
    """A plain 200 answer with this body."""

    def act(handler: "_Handler") -> None:
        handler.send_body(body, content_type=content_type)

    return act


def embeds(vector_of: Callable[[str], Sequence[float | None]], *, is_shuffled: bool = False) -> Act:
    """The vector of each text of the request; shuffled ones still carry their right index."""

    def act(handler: "_Handler") -> None:
        texts: list[str] = handler.request.body["input"]
        rows = [
            {"object": "embedding", "index": index, "embedding": list(vector_of(text))}
            for index, text in enumerate(texts)
        ]
        handler.send_json({"object": "list", "model": "scripted", "data": rows[::-1] if is_shuffled else rows})

    return act


class _Handler(BaseHTTPRequestHandler):
    """Reads a request, records it and lets the next act answer."""

    protocol_version = "HTTP/1.1"
    script: OpenAIServer
    request: Request  # the base class calls its socket so; we never use that

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.request = Request(path=self.path, headers=headers, body=body, at=time.monotonic())
        act = self.script.next_act(self.request)
        if self.path not in ("/v1/chat/completions", "/v1/embeddings"):
            act = refuses(404, f"no such path: {self.path}")
        act(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the test's output is for failures."""

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def begin_stream(self) -> None:
        self.begin(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})

    def send_chunk(self, payload: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(payload), payload))

    def send_event(self, payload: object) -> None:
        self.send_chunk(b"data: " + json.dumps(payload).encode() + b"\n\n")

    def send_json(self, payload: object, *, status: int = 200) -> None:
        self.send_body(json.dumps(payload).encode(), status=status)

    def send_body(self, body: bytes, *, status: int = 200, content_type: str = "application/json") -> None:
        # retry-after-ms: the client would wait half a second before it tries again.
        length = str(len(body))
        self.begin(status, {"Content-Type": content_type, "Content-Length": length, "Retry-After-Ms": "1"})
        self.wfile.write(body)


class _Http(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:  # as the base class declares it
        """Say nothing of a client that goes away, which is what some tests do."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler_for(server: OpenAIServer) -> type[_Handler]:
    return type("Handler", (_Handler,), {"script": server})


def _usage(tokens: tuple[int, int] | None) -> dict[str, object]:
    if tokens is None:
        return {}
    read, written = tokens
    return {"usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}}


def _chunk(content: str | None, finish: str | None) -> dict[str, object]:
    delta = {} if content is None else {"role": "assistant", "content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "scripted", "choices": [choice]}


def _completion(content: str, finish: str | None) -> dict[str, object]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion", "created": 0, "model": "scripted", "choices": [choice]}
