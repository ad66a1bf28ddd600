"""What a list of sessions tells about each."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """One session with turns: `title` is what somebody named it, `opening` what was said first in it."""

    id: int
    conversation: str
    name: str
    title: str | None
    opening: str
    turns: int
    begun_at: datetime
    last_at: datetime

    @property
    def label(self) -> str:
        """What to call the session in a list, on one line."""
        return " ".join((self.title or self.opening).split()) or f"Session {self.name}"
