"""How well short answers match, by the rules of SQuAD (Rajpurkar et al. 2016, section 6.1)."""

import re
import string
from collections import Counter
from collections.abc import Sequence

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def best_f1(given: str, wanted: Sequence[str]) -> float:
    """Return the best F1 over the words shared with one of `wanted`, from 0.0 to 1.0; 0.0 without any."""
    return max((_f1(_words(given), _words(one)) for one in wanted), default=0.0)


def is_exact(given: str, wanted: Sequence[str]) -> bool:
    """Tell whether the words are those of one of `wanted`, in their order."""
    return any(_words(given) == _words(one) for one in wanted)


def _f1(ours: list[str], theirs: list[str]) -> float:
    shared = (Counter(ours) & Counter(theirs)).total()
    return 2 * shared / (len(ours) + len(theirs)) if shared else 0.0


def _words(text: str) -> list[str]:
    return _ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split()
