"""Whether a question is about what a speaker said: the names in it, compared with who spoke."""

import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+")
_POSSESSIVE = re.compile(r"['’]s\b", re.IGNORECASE)


def named_speakers(question: str, speakers: Sequence[str]) -> list[float]:
    """Return, for each candidate's speaker, 1.0 if the question names them, -1.0 if it names another one of them.

    0.0 for all where it names none. A speaker is named by any word of the name, in any case ("Melanie's" too).
    """
    asked = _words(question)
    is_named = {speaker: not asked.isdisjoint(_words(speaker)) for speaker in set(speakers)}
    if not any(is_named.values()):
        return [0.0] * len(speakers)
    return [1.0 if is_named[speaker] else -1.0 for speaker in speakers]


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(_POSSESSIVE.sub("", text))}
