"""The known name that a mistyped one most likely meant."""

from collections.abc import Iterable
from difflib import SequenceMatcher


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name most like `name`, upper and lower case being the same."""
    return max(known, key=lambda candidate: SequenceMatcher(None, name.lower(), candidate.lower()).ratio())
