"""The seams of the memory layer: what an embedder and an index must be able to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from .types import Hit, Scope

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[np.float32]
    Ids: TypeAlias = NDArray[np.int64]

TextKind: TypeAlias = Literal["query", "passage"]


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    @property
    def name(self) -> str:
        """What a person calls the model."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text would get a different vector."""
        ...

    def embed(self, texts: Sequence[str], *, kind: TextKind) -> "Vectors":
        """Return L2-normalised float32 vectors, shape (len(texts), dimensions).

        Raises EmbedderError (or a subclass) when vectors cannot be computed.
        """
        ...


class TokenCounter(Protocol):
    """Counts tokens with the tokenizer of whoever reads the context."""

    def __call__(self, text: str) -> int:
        """Return the number of tokens of `text`, without special tokens."""
        ...


class VectorIndex(Protocol):
    """Maximum inner product search over memory ids."""

    def search(self, vector: "Vectors", *, limit: int, within: "Ids | None" = None) -> list[Hit]:
        """Return the best `limit` hits for a vector of shape (dimensions,); `within` restricts *before* ranking."""
        ...

    def add(self, ids: "Ids", vectors: "Vectors") -> None:
        """Add vectors, replacing those whose ids are already there."""
        ...

    def remove(self, ids: "Ids") -> None:
        """Remove ids; unknown ones are ignored."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LexicalDocument:
    """What a lexical index knows of one memory: its own words, the words around it, and its scope."""

    id: int
    own: str
    context: str
    user: int
    conversation: int
    speaker: str
    said_us: int


class LexicalIndex(Protocol):
    """BM25 over a memory's own words and its context."""

    def search(self, question: str, *, limit: int, scope: Scope) -> list[Hit]:
        """Return the best `limit` hits inside `scope`; any text is a valid question."""
        ...

    def add(self, documents: Sequence[LexicalDocument]) -> None:
        """Add documents, replacing those whose ids are already there."""
        ...

    def remove(self, ids: Sequence[int]) -> None:
        """Remove ids; unknown ones are ignored."""
        ...
