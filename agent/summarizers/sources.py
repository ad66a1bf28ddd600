"""Which turns a sentence that a model wrote came from: those that share its rare words."""

import math
from collections.abc import Sequence

from ...memory.types import Turn
from ...memory.words import STOP_WORDS, words
from ..evidence import stem

MOST_TURNS = 4
"""Turns of an event (METHODS section 8)."""
SHARE = 0.6
"""What a further turn must share with the sentence, of what the best one does."""


def turns_behind(sentence: str, turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Return the turns of a session that a sentence tells of, in order; none where it shares no word with any.

    A turn is worth the rarity of the words that it shares with the sentence; speakers' names count as said by them.
    """
    said = [_content(f"{turn.speaker} {turn.text}") for turn in turns]
    told = _content(sentence)
    shared = [told & own for own in said]
    rarity = {
        word: math.log((len(said) + 1.0) / sum(word in own for own in said)) for common in shared for word in common
    }
    names = {word for turn in turns for word in _content(turn.speaker)}
    worth = [
        sum(rarity[word] for word in common) if common - names else 0.0  # a name alone says nothing
        for common in shared
    ]
    best = max(worth, default=0.0)
    if best <= 0.0:
        return ()
    order = sorted(range(len(turns)), key=lambda place: -worth[place])[:MOST_TURNS]
    return tuple(turns[place] for place in sorted(order) if worth[place] >= SHARE * best)


def _content(text: str) -> set[str]:
    return {stem(word) for word in words(text) if word not in STOP_WORDS}
