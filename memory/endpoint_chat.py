"""One reply from a chat model behind any OpenAI-compatible server, whole and not streamed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .completion_options import CompletionOptions
from .endpoint import Endpoint, sendable
from .endpoint_usage import Usage, usage_in
from .errors import EndpointRefused, EndpointUnreachable, GenerationError

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletion
    from openai.types.shared_params import ResponseFormatJSONSchema
    from openai.types.shared_params.response_format_json_schema import JSONSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model wrote, and why it stopped ("stop", "length", …; "" where the server does not say).

    `usage` is None where the server does not tell.
    """

    text: str
    finish: str
    usage: Usage | None = None


class EndpointChat:
    """Asks a server for one completion at a time.

    `temperature` None leaves the choice to the server (some models accept no other); `max_tokens` None sets no limit;
    either is left out where the server does not know it.
    """

    def __init__(self, endpoint: Endpoint, *, temperature: float | None = 0.0, max_tokens: int | None = 1024) -> None:
        self._endpoint = endpoint
        self._options = CompletionOptions(temperature=temperature, max_tokens=max_tokens)
        self._client: OpenAI | None = None

    @property
    def name(self) -> str:
        """The model's name, as the server knows it."""
        return self._endpoint.model

    def reply(self, system: str, user: str, *, schema: Mapping[str, object] | None = None) -> Reply:
        """Return what the model answers to a system and a user message; the text may be empty.

        With `schema`, a JSON Schema, the server is asked to hold the model to it; one that cannot refuses.
        Raises EndpointUnreachable when the server refuses or drops the connection or falls silent, EndpointRefused
        when it answers with an error, GenerationError when what it sends is no chat completion.
        """
        from httpx2 import RequestError
        from openai import APIConnectionError, APIError

        try:
            return self._read(self._ask(system, user, schema))
        except APIConnectionError as error:
            raise EndpointUnreachable(self._endpoint.failure(error)) from error
        except APIError as error:
            cause = None if self._endpoint.has_leaked(error) else error
            raise EndpointRefused(self._endpoint.failure(error)) from cause
        except RequestError as error:  # the client reads the body of an error answer outside its own handlers
            raise EndpointUnreachable(
                f"{self._endpoint.url} ended the connection before the answer was finished ({self.name}). Ask again,"
                " or see the server's log."
            ) from error
        except ValueError as error:  # no JSON, though it says so
            raise GenerationError(self._endpoint.nonsense("a chat completion")) from error

    def close(self) -> None:
        """Close the pooled connections; a later call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self, system: str, user: str, schema: Mapping[str, object] | None) -> "ChatCompletion":
        from openai import APIStatusError, omit

        if self._client is None:
            self._client = self._endpoint.connect()
        options = self._options
        while True:
            try:
                return self._client.chat.completions.create(
                    model=self._endpoint.model,
                    messages=[
                        {"role": "system", "content": sendable(system)},
                        {"role": "user", "content": sendable(user)},
                    ],
                    temperature=omit if options.temperature is None else options.temperature,
                    max_tokens=omit if options.max_tokens is None else options.max_tokens,
                    max_completion_tokens=(
                        omit if options.max_completion_tokens is None else options.max_completion_tokens
                    ),
                    response_format=omit if schema is None else _held_to(schema),
                )
            except APIStatusError as error:
                if not options.learned_from(error):  # each time one field fewer is sent
                    raise

    def _read(self, completion: "ChatCompletion") -> Reply:
        try:
            # The client parses without checking: the completion may be any JSON, or a text.
            choice = completion.choices[0]
            text = "" + (choice.message.content or "")
            return Reply(text=text, finish=choice.finish_reason or "", usage=usage_in(completion.usage))
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise GenerationError(self._endpoint.nonsense("a chat completion")) from error


def _held_to(schema: Mapping[str, object]) -> "ResponseFormatJSONSchema":
    named: JSONSchema = {"name": "answer", "schema": dict(schema), "strict": True}
    return {"type": "json_schema", "json_schema": named}
