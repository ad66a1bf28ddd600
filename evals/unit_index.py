"""Scores of one conversation's units for a question, by words and by vectors: what the baselines are made of."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from ..memory.errors import InvalidInput
from ..memory.ports import Embedder
from ..memory.words import STOP_WORDS, words
from .shelf import Piece

if TYPE_CHECKING:
    from ..memory.ports import Vectors

K1, B = 0.9, 0.4
"""BM25's parameters of the published baselines (Pyserini's defaults)."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Scores by the unit's place in the conversation, higher is better, and the milliseconds they took."""

    scores: Mapping[int, float]
    took_ms: float


class UnitIndex:
    """The units of one conversation, indexed when they are first searched; the latest question's scores are kept.

    Baselines share it, each being told what the scores took when they were first made.
    """

    def __init__(
        self, name: str, pieces: Sequence[Piece], embedder: Embedder, *, clock: Clock = time.perf_counter
    ) -> None:
        self._name = name
        self._pieces = pieces
        self._embedder = embedder
        self._clock = clock
        self._took_s: dict[str, float] = {}
        self._by_words = lru_cache(maxsize=4)(self._score_words)
        self._by_vectors = lru_cache(maxsize=4)(self._score_vectors)

    def index_words(self) -> float:
        """Make the index of words unless it is there, and return the seconds that took. Raises as `by_words` does."""
        return self._made("words", lambda: self._okapi)

    def index_vectors(self) -> float:
        """Embed the units unless that was done, and return the seconds that took; raises as `by_vectors` does."""
        return self._made("vectors", lambda: self._vectors)

    def _made(self, what: str, make: Callable[[], object]) -> float:
        if what not in self._took_s:
            started = self._clock()
            make()
            self._took_s[what] = self._clock() - started
        return self._took_s[what]

    def by_words(self, question: str) -> Scored:
        """Return BM25 of every unit (rank-bm25's Okapi over stems; Robertson and Zaragoza 2009).

        Raises InvalidInput where the conversation holds no word.
        """
        return self._by_words(question)

    def by_vectors(self, question: str) -> Scored:
        """Return the cosine of every unit's text with the question. Raises EmbedderError and its kin."""
        return self._by_vectors(question)

    def _score_words(self, question: str) -> Scored:
        index = self._okapi
        started = self._clock()
        scores: list[float] = index.get_scores(stemmed(question)).tolist()
        return Scored(scores=dict(enumerate(scores)), took_ms=1000.0 * (self._clock() - started))

    def _score_vectors(self, question: str) -> Scored:
        vectors = self._vectors
        started = self._clock()
        asked = self._embedder.embed([question], kind="query")[0]
        scores: list[float] = (vectors @ asked).tolist()
        return Scored(scores=dict(enumerate(scores)), took_ms=1000.0 * (self._clock() - started))

    @cached_property
    def _okapi(self) -> Any:  # rank-bm25 ships no types
        from rank_bm25 import BM25Okapi

        terms = [stemmed(piece.text) for piece in self._pieces]
        if not any(terms):
            raise InvalidInput(f"{self._name} holds no word that BM25 could find; leave it out.")
        return BM25Okapi(terms, k1=K1, b=B)

    @cached_property
    def _vectors(self) -> "Vectors":
        return self._embedder.embed([piece.text for piece in self._pieces], kind="passage")  # (units, dimensions)


def stemmed(text: str) -> list[str]:
    """Return the words of a text, function words left out, cut to their stems (Porter 1980), as search engines do.

    Without stems and with function words BM25 finds far less, which would flatter whatever stands beside it.
    """
    stems: list[str] = _stemmer().stemWords([word for word in words(text) if word not in STOP_WORDS])
    return stems


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("porter")  # pyright: ignore - it ships no types
