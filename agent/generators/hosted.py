"""Answers from a chat model behind any OpenAI-compatible server."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ...memory.endpoint import Endpoint, sendable
from ...memory.endpoint_usage import Usage, usage_in
from ...memory.errors import EndpointRefused, EndpointUnreachable, GenerationError
from ...memory.types import Context, Turn
from ..ports import Told
from ..prompt import ChatMessage, chat_messages

if TYPE_CHECKING:
    from openai import OpenAI, Stream
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

_log = logging.getLogger(__name__)

_OnUsage = Callable[[Usage], object]


class HostedGenerator:
    """Streams chat completions; the context is numbered, dated and quoted by `prompt.chat_messages`.

    `temperature` None leaves the choice to the server (some models accept no other);
    `max_tokens` None sets no limit. `assistant` is the speaker name of the agent's own turns.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        temperature: float | None = 0.0,
        max_tokens: int | None = 1024,
        assistant: str = "assistant",
    ) -> None:
        self._endpoint = endpoint
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._assistant = assistant
        self._client: OpenAI | None = None

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
        messages = chat_messages(question, context, history, assistant=self._assistant)
        return self._streamed(messages, on_usage=None)

    def told(self, question: str, context: Context, history: Sequence[Turn]) -> Told:
        """Return what `stream` yields in pieces, and what it took if the server tells; raises as `stream` does."""
        messages = chat_messages(question, context, history, assistant=self._assistant)
        usages: list[Usage] = []
        text = "".join(self._streamed(messages, on_usage=usages.append))
        return Told(text=text, usage=usages[-1] if usages else None)

    def close(self) -> None:
        """Close the pooled connections; a later call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _streamed(self, messages: Sequence[ChatMessage], *, on_usage: _OnUsage | None) -> Iterator[str]:
        """Yield the pieces of a completion; the server is asked what it took only where somebody wants to know."""
        from httpx2 import RequestError
        from openai import APIConnectionError, APIError

        try:
            yield from self._pieces(messages, on_usage)
        except APIConnectionError as error:
            raise EndpointUnreachable(self._endpoint.failure(error)) from error
        except APIError as error:
            cause = None if self._endpoint.has_leaked(error) else error
            raise EndpointRefused(self._endpoint.failure(error)) from cause
        except RequestError as error:
            # The client reads the body of an error answer outside its own handlers.
            raise EndpointUnreachable(self._unfinished()) from error

    def _pieces(self, messages: Sequence[ChatMessage], on_usage: _OnUsage | None) -> Iterator[str]:
        has_begun = False
        finish: str | None = None
        with self._ask(messages, with_usage=on_usage is not None) as chunks:
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
        from openai import omit

        if self._client is None:
            self._client = self._endpoint.connect()
        return self._client.chat.completions.create(
            model=self._endpoint.model,
            messages=[_as_sent(message) for message in messages],
            temperature=omit if self._temperature is None else self._temperature,
            max_tokens=omit if self._max_tokens is None else self._max_tokens,
            stream=True,
            stream_options={"include_usage": True} if with_usage else omit,
        )

    def _read(
        self, chunks: "Stream[ChatCompletionChunk]", on_usage: _OnUsage | None
    ) -> Iterator[tuple[str, str | None]]:
        """Yield the text and the finish reason of each chunk."""
        has_chunks = False
        try:
            for chunk in chunks:
                has_chunks = True
                usage = usage_in(chunk.usage)
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
            "length": f"All {self._max_tokens} tokens (max_tokens) went elsewhere; allow more of them.",
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
