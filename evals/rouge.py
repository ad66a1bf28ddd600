"""How much of a reference summary another one has, in its order: ROUGE-L (Lin 2004, section 3), over stems."""

from dataclasses import dataclass

import numpy as np

from ..agent.evidence import stem
from ..memory.words import words


@dataclass(frozen=True, slots=True, kw_only=True)
class RougeL:
    """Shares of 1: of the candidate's words (precision) and of the reference's (recall) in their longest common
    subsequence; 0 where either has no word.
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean (beta = 1)."""
        total = self.precision + self.recall
        return 2.0 * self.precision * self.recall / total if total else 0.0


def rouge_l(candidate: str, reference: str) -> RougeL:
    """Compare two texts word by word; words are lower-cased and stemmed (Porter2)."""
    one, other = [[stem(word) for word in words(text)] for text in (candidate, reference)]
    if not one or not other:
        return RougeL(precision=0.0, recall=0.0)
    common = _longest_common(one, other)
    return RougeL(precision=common / len(one), recall=common / len(other))


def _longest_common(one: list[str], other: list[str]) -> int:
    """Return the length of the longest common subsequence; time len(one) * len(other)."""
    row = np.zeros(len(other) + 1, dtype=np.int64)  # (other + 1,): lengths for the words of `one` so far
    theirs = np.array(other)
    for word in one:
        taken = row[:-1] + (theirs == word)
        row[1:] = np.maximum.accumulate(np.maximum(taken, row[1:]))
    return int(row[-1])
