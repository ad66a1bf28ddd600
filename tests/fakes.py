"""Stand-ins for models: deterministic, instant, and through the same doors as the real ones."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from recollect.memory.errors import EmbedderError, RecollectError
from recollect.memory.types import Context, Turn


@lru_cache(maxsize=10_000)
def _word_vector(word: str, dimensions: int) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
    return np.random.default_rng(seed).standard_normal(dimensions)


class HashEmbedder:
    """The normalised sum of one fixed random vector for each word: shared words make texts similar.

    While `is_broken` it raises EmbedderError, as a model does whose server is down. `embedded` lists the
    texts it was given.
    """

    name = "hash"

    def __init__(self, dimensions: int = 32) -> None:
        self.dimensions = dimensions
        self.is_broken = False
        self.embedded: list[str] = []

    @property
    def fingerprint(self) -> str:
        return f"hash-{self.dimensions}"

    def embed(self, texts: Sequence[str], *, kind: str) -> np.ndarray:
        if self.is_broken:
            raise EmbedderError("The embedder is broken; mend it.")
        self.embedded.extend(texts)
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for place, text in enumerate(texts):
            words = re.findall(r"\w+", text.lower()) or [""]
            total = np.sum([_word_vector(word, self.dimensions) for word in words], axis=0)
            vectors[place] = total / np.linalg.norm(total)
        return vectors


class ScriptedGenerator:
    """Yields the pieces of a script and remembers what it was asked; raises `error` after the last one, if any."""

    name = "scripted"

    def __init__(self, *pieces: str, error: RecollectError | None = None, reads_history: bool = False) -> None:
        self._pieces = pieces
        self._error = error
        self.reads_history = reads_history
        self.asked: list[tuple[str, Context, tuple[Turn, ...]]] = []
        self.is_closed = False

    def stream(self, question: str, context: Context, history: Sequence[Turn]) -> Iterator[str]:
        self.asked.append((question, context, tuple(history)))
        try:
            yield from self._pieces
            if self._error is not None:
                raise self._error
        finally:
            self.is_closed = True


def count_words(text: str) -> int:
    """A token counter that people can check."""
    return len(text.split())
