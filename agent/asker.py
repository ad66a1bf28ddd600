"""Questions about "me", put as they would be about anybody: rankers and readers have learnt from such."""

import re

FIRST_PERSON = frozenset(("i", "my", "me", "mine", "myself", "we", "our", "us"))

_TO_THIRD = {
    "i": "{name}",
    "me": "{name}",
    "myself": "{name}",
    "my": "{name}'s",
    "mine": "{name}'s",
    "am": "is",
    "i'm": "{name} is",
    "i've": "{name} has",
    "i'd": "{name} would",
}
_PERSONAL = re.compile(r"(?<![\w'’])(?:" + "|".join(sorted(_TO_THIRD, key=len, reverse=True)) + r")(?![\w'’])", re.I)


def of_asker(question: str, asker: str) -> str:
    """Return a question about "me" as one about the asker by name: "Who is my boss?" becomes "Who is Ann's boss?"."""
    if not asker:
        return question
    return _PERSONAL.sub(lambda match: _TO_THIRD[match.group().lower()].format(name=asker), question)
