"""What the readers of data sets share: a log of problems, unique names, neighbours' dates, photos in words."""

from collections.abc import Container, Sequence

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


def dated_neighbours(has_date: Sequence[bool]) -> list[int]:
    """Return for each place whose date it takes: its own, else the nearest one's before, else the first one's after.

    The list is empty where nothing has a date.
    """
    if not any(has_date):
        return []
    source = has_date.index(True)
    sources: list[int] = []
    for place, is_dated in enumerate(has_date):
        source = place if is_dated else source
        sources.append(source)
    return sources


def with_photo(text: str, caption: str, *, has_image: bool = True) -> str:
    """Return a turn's text followed by ` [shares a photo: CAPTION]`, if there is a caption or an image."""
    if caption.strip():
        photo = f"[shares a photo: {caption.strip()}]"
    elif has_image:
        photo = "[shares a photo]"
    else:
        return text
    return f"{text} {photo}" if text.strip() else photo
