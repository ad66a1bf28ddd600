"""Vectors from any OpenAI-compatible embeddings server."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from .endpoint import Endpoint, sendable
from .errors import EmbedderError, InvalidVectors
from .ports import TextKind

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import CreateEmbeddingResponse

    from .ports import Vectors

_BATCH_TEXTS = 128
_BATCH_CHARACTERS = 200_000
"""Servers limit a request's tokens too; OpenAI's limit is 300,000."""


class EndpointEmbedder:
    """Asks a server for the vector of each text, a batch at a time.

    `dimensions` is what the model gives, not a wish: an answer of another length is refused. Without
    it the server is asked once, when the length is first needed. Only the first `max_characters` of
    a text are sent, because servers refuse texts above their limit (8192 tokens at OpenAI).
    """

    def __init__(self, endpoint: Endpoint, *, dimensions: int | None = None, max_characters: int = 8_000) -> None:
        self._endpoint = endpoint
        self._dimensions = dimensions
        self._max_characters = max_characters
        self._client: OpenAI | None = None

    @property
    def name(self) -> str:
        """The model's name, as the server knows it."""
        return self._endpoint.model

    @property
    def dimensions(self) -> int:
        """Length of a vector; asks the server once if it was not given. Raises EmbedderError."""
        if self._dimensions is None:
            self._dimensions = self._ask(["dimensions"]).shape[1]
        return self._dimensions

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the URL, the model, the dimensions and how much of a text is sent.

        A server that serves another model under the same name cannot be told from outside. May ask
        the server for the dimensions. Raises EmbedderError.
        """
        identity = (self._endpoint.url, self._endpoint.model, self.dimensions, self._max_characters)
        return sha256("\n".join(map(str, identity)).encode()).hexdigest()

    def embed(self, texts: Sequence[str], *, kind: TextKind) -> "Vectors":
        """Return L2-normalised float32 vectors, shape (len(texts), dimensions).

        `kind` makes no difference: the protocol has no word for it. Raises EmbedderError when the
        server cannot be reached or refuses, InvalidVectors when what it sends cannot be used.
        """
        vectors = [self._ask(batch) for batch in self._batches(texts)]
        if not vectors:
            return np.empty((0, self.dimensions), dtype=np.float32)
        widths = {batch.shape[1] for batch in vectors} | {self._dimensions or vectors[0].shape[1]}
        if len(widths) > 1:
            section = self._endpoint.section
            raise InvalidVectors(
                f"{self._endpoint.url} sent vectors of {sorted(widths)} dimensions ({self.name});"
                f" one model has one length. Check `{section}.model` and `{section}.dimensions`."
            )
        self._dimensions = widths.pop()
        return np.concatenate(vectors)

    def close(self) -> None:
        """Close the pooled connections; a later call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        characters = 0
        for text in texts:
            sent = sendable(text[: self._max_characters]) or " "  # servers refuse the empty text
            if batch and (len(batch) == _BATCH_TEXTS or characters + len(sent) > _BATCH_CHARACTERS):
                yield batch
                batch, characters = [], 0
            batch.append(sent)
            characters += len(sent)
        if batch:
            yield batch

    def _ask(self, texts: list[str]) -> "Vectors":
        from openai import APIError

        if self._client is None:
            self._client = self._endpoint.connect()
        try:
            # As floats: base64, the client's default, is unknown to many servers.
            response = self._client.embeddings.create(
                model=self._endpoint.model, input=texts, encoding_format="float"
            )
        except APIError as error:
            cause = None if self._endpoint.has_leaked(error) else error
            raise EmbedderError(self._endpoint.failure(error)) from cause
        except ValueError as error:  # no JSON, though it says so
            raise InvalidVectors(self._endpoint.nonsense("embeddings")) from error
        return self._unit(self._rows(response, count=len(texts)))

    def _rows(
        self, response: "CreateEmbeddingResponse", *, count: int
    ) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
        """Return the raw vectors in the order of the texts, shape (count, width)."""
        try:
            # The client does not check what it parsed; anything may be in these fields.
            by_index = {item.index: np.asarray(item.embedding, dtype=np.float64) for item in response.data}
            rows = [by_index[index] for index in range(count)]
            complete = len(response.data) == count
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InvalidVectors(self._endpoint.nonsense(f"{count} embeddings")) from error
        if not complete or any(row.shape != rows[0].shape or row.ndim != 1 or not row.size for row in rows):
            raise InvalidVectors(self._endpoint.nonsense(f"{count} embeddings of one length"))
        return np.stack(rows)

    def _unit(self, rows: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> "Vectors":
        lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, np.newaxis]
        if not np.isfinite(lengths).all() or not lengths.all():
            raise InvalidVectors(
                f"{self._endpoint.url} sent vectors with NaN, infinite or only zero values ({self.name});"
                " see the server's log, or use another model."
            )
        return np.asarray(rows / lengths, dtype=np.float32)
