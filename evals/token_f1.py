"""LoCoMo's token F1: how many words two answers share, told by their Porter stems.

The rules are those of the official evaluation (Maharana et al., ACL 2024; snap-research/locomo,
task_eval/evaluation.py): commas go first, then upper case, ASCII punctuation, the words a, an, the and "and". Stems
are those of nltk's PorterStemmer in its default mode, which departs from Porter's algorithm in a few words.
"""

import re
import string
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

_PUNCTUATION = str.maketrans("", "", string.punctuation)
# a letter with a combining accent is no article: the official rules use `regex`, where accents belong to words
_ARTICLE = re.compile(r"(?<![\u0300-\u036f])\b(?:a|an|the|and)\b(?![\u0300-\u036f])")


def normalised(text: str) -> str:
    """Return the words that count, in lower case, one blank between them."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def token_f1(given: str, wanted: str) -> float:
    """Return the F1 of the stems of both, each as often as it occurs; 0.0 where they share none, or one is empty."""
    ours, theirs = _stems(given), _stems(wanted)
    shared = (Counter(ours) & Counter(theirs)).total()
    if not shared:
        return 0.0
    precision, recall = shared / len(ours), shared / len(theirs)
    return 2 * precision * recall / (precision + recall)


def list_f1(given: str, wanted: str) -> float:
    """Return the mean, over the parts of `wanted` between commas, of the best F1 with a part of `given`."""
    ours = given.split(",")
    best = [max(token_f1(part, theirs) for part in ours) for theirs in wanted.split(",")]
    return sum(best) / len(best)


def exact_match(given: str, wanted: str) -> float:
    """Return 1.0 where both have the same words that count, else 0.0; order, repetition and commas do not matter."""
    return float(set(normalised(given).split()) == set(normalised(wanted).split()))


def _stems(text: str) -> list[str]:
    return [_stem(word) for word in normalised(text).split()]


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    return _stemmer().stem(word)


@lru_cache(maxsize=1)
def _stemmer() -> "PorterStemmer":
    """Return nltk's stemmer, which keeps nothing between words; importing it takes a second."""
    from nltk.stem import porter

    stemmer: PorterStemmer = porter.PorterStemmer()  # pyright: ignore - it ships no types
    return stemmer


if TYPE_CHECKING:
    from typing import Protocol

    class PorterStemmer(Protocol):
        """The part of nltk's stemmer that is used; it ships no types."""

        def stem(self, word: str) -> str:
            """Return the stem."""
            ...
