"""Answers from a chat model behind any OpenAI-compatible server."""

import logging
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Generator as PythonGenerator
from contextlib import closing
from typing import TYPE_CHECKING

from ...memory.completion_options import CompletionOptions
from ...memory.endpoint import Endpoint, sendable
from ...memory.endpoint_stop import StreamStop
from ...memory.endpoint_usage import Price, Usage, usage_in
from ...memory.errors import EndpointRefused, EndpointUnreachable, GenerationError
from ...memory.types import Context, Turn
from ..ports import Told
from ..prompt import ChatMessage, Style
from ..prompt_fit import Room, prompt_within

if TYPE_CHECKING:
    from openai import OpenAI, Stream
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

_log = logging.getLogger(__name__)

_OnUsage = Callable[[Usage], object]

_SHARE_WRITTEN = 0.25
"""Of what a small model can read and write together, the answer may take so much at most."""


class HostedGenerator:
    """Streams chat completions; the context is numbered, dated and quoted by `prompt.chat_messages` in a `style`.

    `temperature` None leaves the choice to the server (some models accept no other);
    `max_tokens` None sets no limit; either is left out where the server does not know it. `assistant` is the
    speaker name of the agent's own turns. `context_tokens` is what the model reads and writes together: the
    prompt is cut to leave room for the answer (`prompt_within`), None cuts nothing. With a `price` usage tells costs.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        temperature: float | None = 0.0,
        max_tokens: int | None = 1024,
        assistant: str = "assistant",
        style: Style = "chat",
        context_tokens: int | None = None,
        price: Price | None = None,
    ) -> None:
        self._endpoint = endpoint
        room = None
        if context_tokens is not None:
            most = max(int(_SHARE_WRITTEN * context_tokens), 1)
            room = context_tokens - min(max_tokens or most, most)
            max_tokens = None if max_tokens is None else min(max_tokens, most)
        self._max_tokens = max_tokens
        self._options = CompletionOptions(temperature=temperature, max_tokens=max_tokens)
        self._room = Room(tokens=room, assistant=assistant, style=style)
        self._price = price
        self._client: OpenAI | None = None
        self._running: set[StreamStop] = set()

    @property
    def name(self) -> str:
        """The model's name, as the server knows it."""
        return self._endpoint.model

    @property
    def reads_history(self) -> bool:
        """True: the model is shown the live window as chat messages."""
        return True

    def stream(self, question: str, context: Context, history: Sequence[Turn]) -> Iterator[str]:
        """Yield the answer in pieces as they come; the request is sent when the first is asked for.

        Failed connections, 429 and 5xx are tried again before the first piece, never after it.
        Closing the iterator closes the connection. Raises EndpointUnreachable when the server
        refuses or drops the connection or falls silent, EndpointRefused when it answers with an
        error, GenerationError when what it sends is empty or no chat completion.
        """
        return self._streamed(prompt_within(self._room, question, context, history).messages, on_usage=None)

    def stream_told(
        self, question: str, context: Context, history: Sequence[Turn]
    ) -> PythonGenerator[str, None, Told]:
        """Yield what `stream` yields; return it with what it took if the server tells. Raises as `stream` does."""
        prompt = prompt_within(self._room, question, context, history)
        usages: list[Usage] = []
        written: list[str] = []
        with closing(self._streamed(prompt.messages, on_usage=usages.append)) as pieces:
            for piece in pieces:
                written.append(piece)
                yield piece
        return Told(
            text="".join(written),
            usage=usages[-1] if usages else None,
            unseen=prompt.unseen,
            problems=(prompt.cut,) if prompt.cut else (),
        )

    def told(self, question: str, context: Context, history: Sequence[Turn]) -> Told:
        """Return what `stream_told` yields in pieces; raises as `stream` does."""
        pieces = self.stream_told(question, context, history)
        while True:
            try:
                next(pieces)
            except StopIteration as end:
                told: Told = end.value
                return told

    def stop(self) -> None:
        """Hang up on every answer that is being written, so that no more of it is paid for; from any thread.

        Who reads it gets a GenerationError, however long the server would have been silent.
        """
        for running in tuple(self._running):
            running.stop()

    def close(self) -> None:
        """Close the pooled connections; a later call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _streamed(
        self, messages: Sequence[ChatMessage], *, on_usage: _OnUsage | None
    ) -> PythonGenerator[str, None, None]:
        """Yield the pieces of a completion; the server is asked what it took only where somebody wants to know."""
        from httpx2 import RequestError
        from openai import APIConnectionError, APIError

        stop = StreamStop()
        self._running.add(stop)
        try:
            yield from self._pieces(messages, on_usage, stop)
        except APIConnectionError as error:
            raise EndpointUnreachable(self._endpoint.failure(error)) from error
        except APIError as error:
            cause = None if self._endpoint.has_leaked(error) else error
            raise EndpointRefused(self._endpoint.failure(error)) from cause
        except RequestError as error:
            # The client reads the body of an error answer outside its own handlers.
            raise EndpointUnreachable(self._unfinished()) from error
        finally:
            self._running.discard(stop)

    def _pieces(self, messages: Sequence[ChatMessage], on_usage: _OnUsage | None, stop: StreamStop) -> Iterator[str]:
        has_begun = False
        finish: str | None = None
        with self._ask(messages, with_usage=on_usage is not None) as chunks:
            stop.begin(chunks)
            if stop.is_stopped:
                raise GenerationError(f"The answer of {self.name} was stopped before it began; ask again.")
            for piece, reason in self._read(chunks, on_usage):
                finish = reason or finish
                shown = piece if has_begun else piece.lstrip()
                if shown:
                    has_begun = True
                    yield shown
        if finish is None:
            # Without this, an answer cut in the middle by a dying server would look whole.
            raise EndpointUnreachable(self._unfinished())
        if not has_begun:
            raise GenerationError(self._empty(finish))
        if finish == "length":
            _log.warning("%s stopped at %s tokens; the answer is cut.", self.name, self._max_tokens)

    def _ask(self, messages: Sequence[ChatMessage], *, with_usage: bool) -> "Stream[ChatCompletionChunk]":
        from openai import APIStatusError, omit

        if self._client is None:
            self._client = self._endpoint.connect()
        options = self._options
        while True:
            try:
                return self._client.chat.completions.create(
                    model=self._endpoint.model,
                    messages=[_as_sent(message) for message in messages],
                    temperature=omit if options.temperature is None else options.temperature,
                    max_tokens=omit if options.max_tokens is None else options.max_tokens,
                    max_completion_tokens=(
                        omit if options.max_completion_tokens is None else options.max_completion_tokens
                    ),
                    stream=True,
                    stream_options=(
                        {"include_usage": True} if with_usage and options.takes("stream_options") else omit
                    ),
                )
            except APIStatusError as error:
                if not options.learned_from(error):  # each time one field fewer is sent
                    raise

    def _read(
        self, chunks: "Stream[ChatCompletionChunk]", on_usage: _OnUsage | None
    ) -> Iterator[tuple[str, str | None]]:
        """Yield the text and the finish reason of each chunk."""
        has_chunks = False
        try:
            for chunk in chunks:
                has_chunks = True
                usage = usage_in(chunk.usage, self._price)
                if on_usage is not None and usage is not None:
                    on_usage(usage)
                for choice in chunk.choices or ():
                    text = choice.delta.content if choice.delta else None
                    yield "" + (text or ""), choice.finish_reason
        except (AttributeError, TypeError, ValueError) as error:
            # The client parses without checking: a chunk may be any JSON, or none at all.
            raise GenerationError(self._endpoint.nonsense("a chat completion")) from error
        if not has_chunks and "event-stream" not in chunks.response.headers.get("content-type", ""):
            raise GenerationError(self._endpoint.nonsense("a stream of chat completion chunks"))

    def _unfinished(self) -> str:
        return (
            f"{self._endpoint.url} ended the connection before the answer was finished ({self.name});"
            " what came so far is not whole. Ask again, or see the server's log."
        )

    def _empty(self, finish: str) -> str:
        section = self._endpoint.section
        remedy = {
            "length": f"All {self._max_tokens} tokens went elsewhere; allow more of them (`{section}.max_tokens`).",
            "content_filter": "The server's content filter held the answer back; ask in other words.",
        }.get(finish, f"Ask again, or set `{section}.model` to another model.")
        return f"{self._endpoint.url} answered with no text ({self.name}, finish reason {finish!r}). {remedy}"


def _as_sent(message: ChatMessage) -> "ChatCompletionMessageParam":
    content = sendable(message.content)
    match message.role:
        case "system":
            return {"role": "system", "content": content}
        case "user":
            return {"role": "user", "content": content}
        case "assistant":
            return {"role": "assistant", "content": content}
