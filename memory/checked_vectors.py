"""What an embedder returns is looked at before anything is made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from .errors import InvalidVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .ports import Embedder, Vectors

LARGEST_COMPONENT: Final = 65_504.0  # the largest float16


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Vectors, float32 (n, dimensions), and which of them can be used, bool (n,)."""

    vectors: "Vectors"
    usable: "NDArray[np.bool_]"


def as_vectors(values: object, shape: tuple[int, ...]) -> "Vectors":
    """Return contiguous float32 of the given shape; raises InvalidVectors for anything else."""
    try:
        with np.errstate(over="ignore"):  # too large for float32 becomes infinite, and is not usable
            vectors: Vectors = np.ascontiguousarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidVectors(f"Vectors must be numbers of shape {shape}: {error}") from error
    if vectors.shape != shape:
        raise InvalidVectors(
            f"Expected vectors of shape {shape}, got {vectors.shape}; check which embedder made them."
        )
    return vectors


def checked_vectors(values: object, shape: tuple[int, ...]) -> "Vectors":
    """Return contiguous float32 of the given shape that an index can hold; raises InvalidVectors."""
    vectors = as_vectors(values, shape)
    if vectors.size and not bool(-LARGEST_COMPONENT <= vectors.min() <= vectors.max() <= LARGEST_COMPONENT):
        raise InvalidVectors("A vector has a component that is NaN, infinite or beyond ±65504.")
    return vectors


def embed_passages(embedder: "Embedder", texts: Sequence[str]) -> Embedded:
    """Embed texts to be stored; raises EmbedderError when there is not one vector for each, of the right size."""
    vectors = as_vectors(embedder.embed(texts, kind="passage"), (len(texts), embedder.dimensions))
    usable: NDArray[np.bool_] = np.all(np.abs(vectors) <= LARGEST_COMPONENT, axis=1)  # comparing NaN gives false
    return Embedded(vectors=vectors, usable=usable)


def embed_question(embedder: "Embedder", question: str) -> "Vectors":
    """Embed one question, (dimensions,); raises EmbedderError when the vector cannot be searched with."""
    vector: Vectors = checked_vectors(embedder.embed([question], kind="query"), (1, embedder.dimensions))[0]
    return vector
