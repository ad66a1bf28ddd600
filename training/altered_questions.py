"""Questions with one word of the evidence exchanged, so that nothing said answers them: "the flood" as "the wedding".

The other word stood between the same two words in another question, has the same ending, and is one that people in
the conversations use; some come out odd, and none is answered by the lines shown.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from ..agent.evidence import stem
from ..memory.words import query_terms, words

_WORD = re.compile(r"[A-Za-z'’]+")
_ENDINGS = ("ing", "ed", "s", "ly")
_LEAST_LETTERS = 4
_LEAST_OTHERS = 3
_LEAST_SAID = 4
_END = "?"


class Alterations:
    """What may stand in a question instead of a word: learnt from `questions`, of words that `said` holds often."""

    def __init__(self, questions: Iterable[str], said: Iterable[str]) -> None:
        often = Counter(word for text in said for word in words(text))
        self._slots: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for question in questions:
            content = set(query_terms(question))
            found = _WORD.findall(question)
            for before, word, after in zip(found, found[1:], [*found[2:], _END], strict=False):
                if _may_change(word) and often[word] >= _LEAST_SAID and not content.isdisjoint((word, stem(word))):
                    self._slots[_slot(before, word, after)].append(word)

    def altered(self, question: str, told: str, every: str, drawn: random.Random) -> str | None:
        """Return the question with one word of `told` exchanged for one that `every` does not hold; None without."""
        known, shown = {stem(word) for word in words(told)}, {stem(word) for word in words(every)}
        found = list(_WORD.finditer(question))
        after = [*(match.group() for match in found[2:]), _END]
        chances: list[tuple[re.Match[str], list[str]]] = []
        for before, match, following in zip(found, found[1:], after, strict=False):
            word = match.group()
            if not _may_change(word) or stem(word) not in known:
                continue
            others = self._slots.get(_slot(before.group(), word, following), [])
            others = [other for other in others if stem(other) not in shown]
            if len(set(others)) >= _LEAST_OTHERS:
                chances.append((match, others))
        if not chances:
            return None
        match, others = drawn.choice(chances)
        return question[: match.start()] + drawn.choice(others) + question[match.end() :]


def _may_change(word: str) -> bool:
    return word.islower() and len(word) >= _LEAST_LETTERS


def _slot(before: str, word: str, after: str) -> tuple[str, str, str]:
    ending = next((one for one in _ENDINGS if word.endswith(one)), "")
    return before.lower(), after.lower(), ending
