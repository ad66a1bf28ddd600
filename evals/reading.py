"""What the readers of data sets share: a log of problems, unique names, neighbours' dates, photos in words."""

from collections.abc import Container, Sequence
from datetime import datetime

from .problems import Problem


class ProblemLog:
    """Notes what was skipped or repaired in one conversation."""

    def __init__(self, conversation: str) -> None:
        self._conversation = conversation
        self._problems: list[Problem] = []

    def note(self, where: str, raw: str, reason: str) -> None:
        """Add a problem; the fields are those of `Problem`."""
        self._problems.append(Problem(conversation=self._conversation, where=where, raw=raw, reason=reason))

    def problems(self) -> tuple[Problem, ...]:
        """Return what was noted, in order."""
        return tuple(self._problems)


def unique_name(name: str, taken: Container[str]) -> str:
    """Return `name`, or where it is taken "name#2", "name#3" and so on."""
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}#{number}", number + 1
    return unique


def neighbouring_dates(dates: Sequence[datetime | None]) -> list[datetime]:
    """Return a date for each place: its own, else the nearest one before, else the first one after.

    The list is empty where there is no date at all.
    """
    known = next((date for date in dates if date is not None), None)
    if known is None:
        return []
    filled: list[datetime] = []
    for date in dates:
        known = date or known
        filled.append(known)
    return filled


def with_photo(text: str, caption: str, *, has_image: bool = True) -> str:
    """Return a turn's text followed by ` [shares a photo: CAPTION]`, if there is a caption or an image."""
    if caption.strip():
        photo = f"[shares a photo: {caption.strip()}]"
    elif has_image:
        photo = "[shares a photo]"
    else:
        return text
    return f"{text} {photo}" if text.strip() else photo
