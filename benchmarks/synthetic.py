"""Synthetic conversations and vectors, all from a seed: no model, no data set, the same on every machine."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from recollect.memory.types import NewTurn

if TYPE_CHECKING:
    from recollect.memory.ports import TextKind, Vectors

SPEAKERS = ("Alice", "Bob")
SESSION_TURNS = 20
_BEGUN = datetime(2023, 1, 2, 9, 0, tzinfo=UTC)
_ONSETS = [*"bcdfghjklmnprstvwz", "br", "cl", "dr", "fl", "gr", "pl", "pr", "sk", "sl", "st", "tr", "ch", "sh", "th"]
_VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ou"]
_CODAS = ["", "", "", "l", "m", "n", "r", "s", "t", "nd", "nt", "st", "rk"]


def pseudo_words(count: int, *, seed: int = 0) -> list[str]:
    """Return `count` distinct pronounceable words that are no English words on purpose, the shortest first."""
    numbers = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        syllables = 2 if len(found) < count // 3 else 3
        parts: list[str] = []
        for _ in range(syllables):
            parts += (_pick(numbers, _ONSETS), _pick(numbers, _VOWELS), _pick(numbers, _CODAS))
        found["".join(parts)] = None
    return list(found)


def _pick(numbers: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(numbers.integers(len(choices)))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Words with the frequencies of a natural language (Zipf-Mandelbrot: 1 / (rank + 2.7))."""

    words: tuple[str, ...]
    cumulative: "np.ndarray[tuple[int], np.dtype[np.float64]]"

    @classmethod
    def zipf(cls, count: int = 30_000, *, seed: int = 0) -> "Vocabulary":
        """Return `count` pseudo-words by falling frequency."""
        weights = 1.0 / (np.arange(count) + 2.7)
        return cls(words=tuple(pseudo_words(count, seed=seed)), cumulative=np.cumsum(weights / weights.sum()))

    def texts(self, count: int, shortest: int, longest: int, numbers: np.random.Generator) -> list[str]:
        """Return `count` texts of `shortest` to `longest` words."""
        lengths = numbers.integers(shortest, longest + 1, count)
        drawn = np.searchsorted(self.cumulative, numbers.random(int(lengths.sum())))
        ranks = np.minimum(drawn, len(self.words) - 1).tolist()
        texts: list[str] = []
        start = 0
        for length in lengths.tolist():
            texts.append(" ".join(self.words[rank] for rank in ranks[start : start + length]))
            start += length
        return texts


def zipf_turns(texts: Sequence[str], *, first_session: int = 1) -> Iterator[NewTurn]:
    """Yield the texts as turns of two speakers, a session of 20 a day."""
    for number, text in enumerate(texts):
        session, place = divmod(number, SESSION_TURNS)
        yield NewTurn(
            speaker=SPEAKERS[number % 2],
            text=text,
            said_at=_BEGUN + timedelta(days=session % 2000, minutes=place),
            session=first_session + session,
        )


class HashEmbedder:
    """Unit vectors around centres, chosen by a checksum of the text: a stand-in that costs microseconds.

    `name` and `fingerprint` may be those of a real model, for a store that is later opened with it.
    """

    def __init__(
        self,
        *,
        centres: int = 500,
        dimensions: int = 384,
        seed: int = 0,
        name: str = "hash",
        fingerprint: str | None = None,
    ) -> None:
        self.name = name
        self.dimensions = dimensions
        self.fingerprint = fingerprint or f"hash-{centres}-{dimensions}-{seed}"
        numbers = np.random.default_rng(seed)
        self._centres = unit(numbers.standard_normal((centres, dimensions), dtype=np.float32))
        # the sum of two of these has length 1 on average: as far from its centre as the centre is from zero
        self._noise = numbers.standard_normal((4096, dimensions), dtype=np.float32)
        self._noise /= np.float32(np.sqrt(2 * dimensions))

    def embed(self, texts: Sequence[str], *, kind: "TextKind") -> "Vectors":
        """Return float32 vectors, shape (len(texts), dimensions); a query lies near its text."""
        sums = np.array([zlib.crc32(text.encode()) for text in texts], dtype=np.uint64)
        mixed = sums * np.uint64(0x9E3779B97F4A7C15)  # wraps around; spreads the checksum over 64 bits
        centre = (mixed >> np.uint64(40)) % np.uint64(len(self._centres))
        one, two = (mixed >> np.uint64(28)) & np.uint64(4095), (mixed >> np.uint64(16)) & np.uint64(4095)
        vectors = self._centres[centre] + self._noise[one] + self._noise[two]
        if kind == "query":
            vectors += 0.5 * self._noise[sums & np.uint64(4095)]
        return unit(vectors)


def unit(matrix: "Vectors") -> "Vectors":
    """Return rows scaled to length 1."""
    scaled: Vectors = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    return scaled


_NAMES = ["Maya", "Tom", "Priya", "Lucas", "Hannah", "Diego", "Aisha", "Ben", "Chloe", "Omar"]
_PLACES = ["Lisbon", "Leeds", "Kyoto", "Denver", "Oslo", "Madrid", "Quito", "Ghent", "Tallinn", "Perth"]
_THINGS = [
    "a beagle puppy",
    "the old bicycle",
    "a pottery class",
    "my grandmother's recipe book",
    "a second-hand guitar",
    "the marathon training plan",
    "a job interview",
    "the garden shed",
    "an astronomy club",
    "the leaking kitchen tap",
    "a watercolour set",
    "my sister's wedding",
]
_FEELINGS = ["excited", "nervous", "relieved", "tired", "grateful", "overwhelmed", "proud", "hopeful"]
_SENTENCES = (
    "I finally sorted out {thing}.",
    "Did you hear that {name} moved to {place}?",
    "Honestly I'm {feeling} about {thing}, it took much longer than I thought it would.",
    "We went to {place} with {name} {when} and talked about {thing} the whole way back.",
    "That sounds wonderful!",
    "What are you going to do about {thing}?",
    "{name} said the same thing when we met {when}.",
    "I'd love to show you {thing} when you visit {place}.",
    "My {number} attempts before that all failed, so I was quite {feeling} when it worked.",
    "Let's talk about it over coffee, I have some ideas about {thing} as well.",
)
_WHEN = [
    "yesterday",
    "last week",
    "two weeks ago",
    "on Friday",
    "last summer",
    "in May",
    "the other day",
    "a few years ago",
]


def dialogue(count: int, *, seed: int = 0) -> list[str]:
    """Return `count` English utterances of 5 to 40 words, from templates."""
    numbers = np.random.default_rng(seed)
    return [_utterance(numbers) for _ in range(count)]


def _utterance(numbers: np.random.Generator) -> str:
    wanted = int(np.clip(numbers.gamma(4.0, 4.5), 5, 40))  # as in chats: mostly short, a long tail
    words: list[str] = []
    while len(words) < wanted:
        sentence = _pick(numbers, _SENTENCES).format(
            thing=_pick(numbers, _THINGS),
            name=_pick(numbers, _NAMES),
            place=_pick(numbers, _PLACES),
            feeling=_pick(numbers, _FEELINGS),
            when=_pick(numbers, _WHEN),
            number=int(numbers.integers(2, 40)),
        )
        words += sentence.split()
    return " ".join(words[:40])
