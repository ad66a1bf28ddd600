"""How much a sentence of a session tells about somebody's life: the features the extractive summariser reads."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...memory.types import DateMention, Turn
from ...memory.words import STOP_WORDS, words
from ..evidence import stem
from ..sentences import sentence_spans

if TYPE_CHECKING:
    from ...memory.ports import Vectors

FEATURES = (
    "centrality",
    "own",
    "plural",
    "past",
    "plan",
    "state",
    "dated",
    "asking",
    "reaction",
    "addressed",
    "length",
    "named",
    "rarity",
    "early",
)
"""What is known of a sentence; see `salience`."""

_LONG_SENTENCE = 25.0
_OWN = re.compile(r"\b(?:I|I'm|I've|I'll|I'd|my|me|myself|mine)\b", re.IGNORECASE)
_PLURAL = re.compile(r"\b(?:we|our|us|we've|we're|we'll)\b", re.IGNORECASE)
_PAST = re.compile(
    r"\b(?:I|we|I've|we've)(?:\s+(?:have|had|just|also|recently|finally|already|even|\w+ly))*\s+"
    r"(?:\w{2,}ed|was|were|went|got|had|did|made|saw|took|met|found|bought|began|came|gave|lost|won|ran"
    r"|read|told|took"
    r"|taught|thought|felt|left|kept|wrote|built|sold|spent|broke|caught|ate|drove|flew|grew|been|gone|done|seen)\b",
    re.IGNORECASE,
)
_PLAN = re.compile(
    r"\b(?:going to|gonna|plan(?:ning|s)? (?:to|on)|want to|hope to|hoping to|will|I'll|we'll"
    r"|looking forward|thinking of"
    r"|thinking about|considering|about to)\b",
    re.IGNORECASE,
)
_STATE = re.compile(
    r"\b(?:I'm|I am|I have|I've|I work|I live|I love|I like|I enjoy|I hate|I own|I play"
    r"|my \w+ (?:is|are|was|has|have))\b",
    re.IGNORECASE,
)
_REACTION = re.compile(
    r"^(?:wow|yeah|yes|no|oh|haha|lol|thanks|thank you|congrat\w*|that(?:'s| is| sounds| must)|sounds"
    r"|great|awesome|cool"
    r"|nice|glad|good luck|take care|bye|see you|hi|hey|hello|how|what|you(?:'re| are))\b",
    re.IGNORECASE,
)
_ADDRESSED = re.compile(r"\b(?:you|your|you're|you've|yours)\b", re.IGNORECASE)
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+|\b\d+\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A sentence of a turn: `text` is `turn.text[start:end]`; `place` is the turn's among those that were read."""

    turn: Turn
    place: int
    start: int
    end: int

    @property
    def text(self) -> str:
        """The words, verbatim."""
        return self.turn.text[self.start : self.end]

    @property
    def dates(self) -> tuple[DateMention, ...]:
        """The dates mentioned in it, where they are in the turn."""
        return tuple(d for d in self.turn.dates if self.start <= d.start and d.end <= self.end)


def said_in(turns: Sequence[Turn]) -> list[Said]:
    """Return the sentences that people said, in order; what an assistant wrote tells nothing of anybody."""
    return [
        Said(turn=turn, place=place, start=start, end=end)
        for place, turn in enumerate(turns)
        if turn.metadata.get("role") != "assistant"
        for start, end in sentence_spans(turn.text)
    ]


def salience(sentences: Sequence[Said], vectors: "Vectors") -> "Vectors":
    """Return the features of each sentence, float32 (sentences, len(FEATURES)).

    `vectors` (turns, dimensions) are those of all turns that were read. centrality: mean cosine of the turn to the
    others; own, plural: speaks of "I", "we"; past, plan, state: tells what was done, what is planned, what is so;
    dated: names a day; asking: ends with a question mark; reaction: begins as replies do; addressed: says "you";
    length: words / 25; named: holds names or numbers; rarity: how few other sentences share its content words;
    early: place in the session, 1 at its beginning.
    """
    central = centrality(vectors)
    texts = [sentence.text.replace("’", "'") for sentence in sentences]
    stems = [_content(text) for text in texts]
    counts: dict[str, int] = {}
    for one in stems:
        for word in one:
            counts[word] = counts.get(word, 0) + 1
    most = max((sentence.place for sentence in sentences), default=0) + 1
    rows = [
        (
            float(central[sentence.place]),
            _has(_OWN, text),
            _has(_PLURAL, text),
            _has(_PAST, text),
            _has(_PLAN, text),
            _has(_STATE, text),
            float(bool(sentence.dates)),
            float(text.rstrip("\"')”’ ").endswith("?")),
            float(_REACTION.match(text) is not None),
            _has(_ADDRESSED, text),
            min(1.0, len(text.split()) / _LONG_SENTENCE),
            min(3, len(_NAME.findall(text))) / 3.0,
            _rarity(own, counts, len(sentences)),
            1.0 - sentence.place / most,
        )
        for sentence, text, own in zip(sentences, texts, stems, strict=True)
    ]
    return np.array(rows, dtype=np.float32).reshape(len(sentences), len(FEATURES))


def centrality(vectors: "Vectors") -> "Vectors":
    """Return the mean cosine of each row to the others, (rows,); 0 where there is one row."""
    count = len(vectors)
    if count < 2:
        return np.zeros(count, dtype=np.float32)
    total = vectors @ vectors.sum(axis=0)  # unit vectors: cosines to all rows, itself included
    own = (vectors * vectors).sum(axis=1)
    mean: Vectors = (total - own) / np.float32(count - 1)
    return mean


def _has(pattern: re.Pattern[str], text: str) -> float:
    return float(pattern.search(text) is not None)


def _content(text: str) -> set[str]:
    return {stem(word) for word in words(text) if word not in STOP_WORDS}


def _rarity(own: set[str], counts: dict[str, int], sentences: int) -> float:
    """Return the mean inverse frequency of the content words, from 0 (none) to 1 (said nowhere else)."""
    if not own or sentences < 2:
        return 0.0
    return sum(math.log(sentences / counts[word]) for word in own) / (len(own) * math.log(sentences))
