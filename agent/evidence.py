"""How strongly a sentence of the context answers a question: the features the extractive generator reads."""

import logging
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..memory.errors import EmbedderError
from ..memory.ports import Embedder
from ..memory.words import query_terms, words
from .asker import FIRST_PERSON
from .sentences import Sentence

if TYPE_CHECKING:
    from ..memory.ports import Vectors

logger = logging.getLogger(__name__)

FEATURES = (
    "cosine",
    "coverage",
    "neighbour",
    "named",
    "other_self",
    "first_stage",
    "asking",
    "length",
    "dated",
    "counted",
    "placed",
    "reasoned",
    "person",
)
"""What is known of a sentence; see `evidence`."""

SUPPORT = ("cosine", "coverage", "context_coverage", "subject_lead", "other_self")
"""What is known of the best sentence of a context; see `support`."""

_SECOND_PERSON = frozenset(("you", "your", "yours", "yourself"))
_LONG_SENTENCE = 30.0
_WHEN = re.compile(
    r"^\s*(?:and |so |but )?(?:when\b|(?:(?:on|in|since|by) )?(?:what|which) "
    r"(?:day|date|month|year|week|season|time of year)\b|how long ago\b)",
    re.IGNORECASE,
)
_NUMBER_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand|dozen"
    "|couple|several|half|once|twice"
)
_ANSWER_TYPES = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(said))
    for asked, said in (
        (
            r"\bhow (?:many|much|old|long|often|far)\b",
            rf"\d|(?i:\b(?:{_NUMBER_WORDS})\b)",
        ),
        (
            r"\bwhere\b|\bwhich (?:city|country|place|town|state)\b",
            r"(?i:\b(?:in|at|to|from|near|under|behind|on|by))\b",
        ),
        (r"\bwhy\b|\bhow come\b|\breason\b", r"(?i:\b(?:because|since|so that|cause|due to|to be|in order|so)\b)"),
        (r"\bwho(?:se|m)?\b", r"(?<=[a-z,;] )[A-Z][a-z]+|(?i:\bmy \w+)"),
    )
)
"""What kinds of questions look like, and what their answers hold: a number, a place, a reason, a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Features of each sentence, float32 (sentences, len(FEATURES)), and the share of the question's content
    words that the whole context knows.
    """

    features: "Vectors"
    context_coverage: float


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Return the Porter2 stem of a lower-case word."""
    stemmed: str = _stemmer().stemWord(word)
    return stemmed


def _stemmer() -> "SnowballStemmer":
    """Return a stemmer of one's own: it keeps the word it works on, so threads must not share one."""
    import snowballstemmer  # only generators that quote need it

    stemmer: SnowballStemmer = snowballstemmer.stemmer("english")  # pyright: ignore - it ships no types
    return stemmer


def evidence(question: str, sentences: Sequence[Sentence], embedder: Embedder, *, asker: str = "") -> Evidence:
    """Return the features of each sentence.

    cosine: question and "speaker: sentence"; coverage: share of the question's content words found in the turn,
    the sentence counting in full and the rest of the turn for half, weighted by their rarity in the context;
    neighbour: the best coverage of the turn before or after it, where that is in the context;
    named: the question is about the speaker ("I" is `asker`); other_self: it is about somebody else, and the speaker
    speaks of himself or herself ("I", "my") without a word of that person;
    first_stage: retrieval score, 0 to 1 inside the context; asking: the sentence is a question; length: words / 30;
    dated, counted, placed, reasoned, person: the question asks when, how many, where, why, who, and the sentence
    holds a date, a number, a place after a preposition, a reason, a name.
    """
    texts = [f"{s.turn.speaker}: {s.text}" for s in sentences]
    cosines = _cosines(question, texts, embedder)
    subject = _subjects(question, sentences, asker)
    coverage, context_coverage = _coverage(question, sentences, subject)
    around = _neighbours(sentences, coverage)
    asks = [asked.search(question) is not None for asked, _ in _ANSWER_TYPES]
    rows = [
        (
            float(cosine),
            covered,
            near,
            float(sentence.turn.speaker.casefold() in subject),
            float(_is_about_other(sentence, subject)),
            sentence.first_stage,
            float(sentence.asks),
            min(1.0, len(sentence.text.split()) / _LONG_SENTENCE),
            float(is_when(question) and any(sentence.start <= d.start < sentence.end for d in sentence.turn.dates)),
            *(
                float(is_asked and said.search(sentence.text) is not None)
                for is_asked, (_, said) in zip(asks, _ANSWER_TYPES, strict=True)
            ),
        )
        for sentence, cosine, covered, near in zip(sentences, cosines, coverage, around, strict=True)
    ]
    features = np.array(rows, dtype=np.float32).reshape(len(sentences), len(FEATURES))
    return Evidence(features=features, context_coverage=context_coverage)


def support(found: Evidence, logits: "Vectors") -> "Vectors":
    """Return what speaks for the best sentence being an answer at all, float32 (len(SUPPORT),).

    `logits` (sentences,) are the scores of the sentences. cosine, coverage: of the best one; context_coverage: see
    `Evidence`; other_self: of the best one; subject_lead: how much better the person asked about covers the question
    than the others do.
    """
    column = {name: found.features[:, place] for place, name in enumerate(FEATURES)}
    best = int(np.argmax(logits))
    lead = 0.0
    if column["named"].any():
        covered = column["coverage"]
        lead = float((covered * column["named"]).max() - (covered * (1.0 - column["named"])).max())
    return np.array(
        [column["cosine"][best], column["coverage"][best], found.context_coverage, lead, column["other_self"][best]],
        dtype=np.float32,
    )


def word_support(question: str, sentences: Sequence[Sentence], best: Sentence) -> tuple[float, float]:
    """Return the coverage of the question's content words by `best`, one of `sentences`, and the subject's lead.

    That is how much better the person asked about covers the question than the others do; 0.0 where it names nobody.
    """
    subject = _subjects(question, sentences, "")
    coverage, _ = _coverage(question, sentences, subject)
    mine = [
        covered for one, covered in zip(sentences, coverage, strict=True) if one.turn.speaker.casefold() in subject
    ]
    others = [
        covered
        for one, covered in zip(sentences, coverage, strict=True)
        if one.turn.speaker.casefold() not in subject
    ]
    lead = max(mine) - max(others, default=0.0) if mine else 0.0
    return coverage[sentences.index(best)], lead


def is_when(question: str) -> bool:
    """Tell whether a question asks for a date."""
    return _WHEN.search(question) is not None


def _cosines(question: str, texts: Sequence[str], embedder: Embedder) -> "Vectors":
    """Return the similarity of each text to the question, (texts,); 0 for all when the embedder fails."""
    try:
        (asked,) = embedder.embed([question], kind="query")
        cosines: Vectors = embedder.embed(texts, kind="passage") @ asked
        return cosines
    except EmbedderError as error:
        logger.warning("Sentences are compared by words alone: %s", error)
        return np.zeros(len(texts), dtype=np.float32)


def _is_about_other(sentence: Sentence, subject: set[str]) -> bool:
    """Tell whether a speaker the question is not about speaks of himself or herself alone."""
    if not subject or sentence.turn.speaker.casefold() in subject:
        return False
    said = set(words(sentence.text))
    names = {word for speaker in subject for word in words(speaker)}
    return not said.isdisjoint(FIRST_PERSON) and said.isdisjoint(_SECOND_PERSON | names)


def _neighbours(sentences: Sequence[Sentence], coverage: Sequence[float]) -> list[float]:
    """Return for each sentence the best coverage among the turns beside its own."""
    best: dict[tuple[str, str, int], float] = {}
    for sentence, covered in zip(sentences, coverage, strict=True):
        place = (sentence.turn.conversation, sentence.turn.session, sentence.turn.position)
        best[place] = max(best.get(place, 0.0), covered)
    return [
        max(best.get((s.turn.conversation, s.turn.session, s.turn.position + offset), 0.0) for offset in (-1, 1))
        for s in sentences
    ]


def _subjects(question: str, sentences: Sequence[Sentence], asker: str) -> set[str]:
    """Return the speakers the question is about, case-folded."""
    asked = set(words(question))
    speakers = {sentence.turn.speaker.casefold() for sentence in sentences}
    about = {speaker for speaker in speakers if not asked.isdisjoint(words(speaker))}
    if not asked.isdisjoint(FIRST_PERSON) and asker:
        about.add(asker.casefold())
    return about


def _coverage(question: str, sentences: Sequence[Sentence], subject: set[str]) -> tuple[list[float], float]:
    """Return the coverage of each sentence and of all of them together."""
    named = {stem(word) for speaker in subject for word in words(speaker)}
    terms = {stem(word) for word in query_terms(question)} - named
    own = [{stem(word) for word in words(sentence.text)} for sentence in sentences]
    turns = [{stem(word) for word in words(sentence.turn.text)} for sentence in sentences]
    rarity = {term: math.log((len(own) + 1.0) / (sum(term in said for said in own) + 0.5)) + 0.1 for term in terms}
    total = sum(rarity.values())
    if not total:
        return [0.0] * len(sentences), 0.0
    known = terms & set().union(*turns)
    together = sum(rarity[term] for term in known) / total
    return [
        sum(rarity[term] * (1.0 if term in said else 0.5) for term in terms & turn) / total
        for said, turn in zip(own, turns, strict=True)
    ], together


if TYPE_CHECKING:
    from typing import Protocol

    class SnowballStemmer(Protocol):
        """The part of snowballstemmer that is used; it ships no types."""

        def stemWord(self, word: str) -> str:  # noqa: N802 - the library's name
            """Return the stem."""
            ...
