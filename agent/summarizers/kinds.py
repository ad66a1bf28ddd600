"""What kind of event a text tells, and when it happened: by rule, where no model says it."""

import re
from collections.abc import Sequence
from datetime import datetime

from ...memory.types import DateMention, EventKind

MOST_EVENTS = 3
"""Events of a session (METHODS section 8)."""

_LASTING = re.compile(
    r"\b(?:born|birth|married|marry|wedding|engaged|divorc\w+|pregnan\w+|baby|adopt\w+|died|passed away"
    r"|lost my|funeral"
    r"|moved|moving|immigra\w+|graduat\w+|degree|enrolled|promot\w+|hired|fired|laid off|retire\w*|quit"
    r"|new job|first job"
    r"|bought a (?:house|home|car)|diagnos\w+|surgery|allerg\w+|came out|transition\w*|my name is|grew up"
    r"|i am a|i'm an?"
    r"|my (?:wife|husband|son|daughter|kids|children|mom|mother|dad|father|brother|sister|job|career|business)"
    r"|own (?:business|shop|store|studio|company)|for the first time|since i was|years ago"
    r"|always (?:wanted|dreamed))\b",
    re.IGNORECASE,
)


def moment_of(dates: Sequence[DateMention], said_at: datetime) -> datetime:
    """Return the first day that is named, at the time of day it was said; else when it was said.

    Weeks, months and years are no day: the text names them in brackets.
    """
    days = [mention.earliest for mention in dates if mention.granularity in ("day", "weekend")]
    return said_at.replace(year=days[0].year, month=days[0].month, day=days[0].day) if days else said_at


def kind_of(text: str) -> EventKind:
    """Return "anchor" for what lasts or is rare (family, home, work, health, firsts), else "ephemeral"."""
    return "anchor" if _LASTING.search(text.replace("’", "'")) else "ephemeral"
