"""When things happened: date expressions of a turn, resolved against the day the turn was said.

No model and no library is asked; every rule is a compiled regular expression and some calendar arithmetic.
The examples were said on Friday 9 June 2023. Ranges are inclusive and contain every common reading.

| expression                            | granularity | label                           | days                       |
| ------------------------------------- | ----------- | ------------------------------- | -------------------------- |
| yesterday, tonight, last night        | day         | 8 June 2023                     | that day                   |
| the day before yesterday              | day         | 7 June 2023                     | that day                   |
| last Friday, this past Friday         | day         | 2 June 2023                     | the last before today      |
| on Friday, this Friday                | day         | 9 June 2023                     | the coming one, or today;  |
|                                       |             |                                 | past tense: the last one   |
| next Tuesday, Tuesday next week       | day         | 13 June 2023                    | in the next calendar week  |
| last week                             | week        | the week before 9 June 2023     | its Monday to yesterday    |
| this week                             | week        | the week of 9 June 2023         | Monday to Sunday           |
| next week                             | week        | the week after 9 June 2023      | tomorrow to its Sunday     |
| last weekend, over the weekend (past) | weekend     | the weekend before 9 June 2023  | Saturday and Sunday        |
| this, next weekend                    | weekend     | the weekend of 10, 17 June 2023 | Saturday and Sunday        |
| last, this, next month, year          | month, year | May 2023, 2022                  | the calendar month, year   |
| last, this, next summer               | season      | summer 2022, 2023, 2024         | over; by tense; not begun  |
| 2 days ago, in 3 days                 | day         | 7 June 2023                     | that day                   |
| two weeks ago, in two weeks           | week        | two weeks before 9 June 2023    | the day +-3 and its week   |
| two months ago, 3 years ago           | month, year | April 2023, 2020                | the calendar month, year   |
| a year ago, two decades ago           | range       | around June 2022, around 2003   | +-3 months, +-5 years      |
| a few years ago, 2 or 3 years ago     | range       | a few years before 2023         | nearest to farthest (*)    |
| the other day                         | range       | a few days before 9 June 2023   | 1 to 14 days before        |
| last two days, the past month         | range       | the two days before 9 June 2023 | to today ("next": from)    |
| the week before (nothing follows)     | the unit's  | the week before 9 June 2023     | before a mention or today  |
| 7 May 2023, 2023-05-07, 5/7/2023      | day         | 7 May 2023                      | that day (month first)     |
| May 7th, on the 15th, on Halloween    | day         | 7 May 2023                      | by tense, else the nearest |
| in May                                | month       | May 2023                        | by tense, else the nearest |
| in 2022, summer 2022, the 1990s       | year, …     | 2022                            | year, season, ten years    |

(*) a couple 2-3, a few 2-6, several 3-9. Nearest: the past counts double.
Weeks run from Monday to Sunday. Seasons are northern and whole months: spring March-May, summer June-August,
fall September-November, winter December-February. Prepositions stay outside a mention, except in "in two weeks".
Not dates: clock times, durations ("for two weeks"), habits ("on Fridays", "every May"), bare numbers, and whatever
leaves the calendar (years 1-9999).
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from .date_absolute import ABSOLUTE_RULES
from .date_periods import Period, format_day
from .date_relative import RELATIVE_RULES
from .date_words import MONTH, Reading, Resolver, Tense
from .errors import InvalidInput
from .types import DateMention

__all__ = ["annotate", "format_day", "question_window", "resolve_dates"]

_RULES = (*RELATIVE_RULES, *ABSOLUTE_RULES)
_HINT = re.compile(
    r"(?:day|tonight|tomorrow|night|morning|afternoon|evening|week|weekend|month|year|decade)s?\b"
    r"|spring|summer|fall|autumn|winter"
    rf"|\b(?:{MONTH}|mon|tues?|wed|thurs?|thur|fri|sat|sun)\b"
    r"|[12][0-9]{3}|[0-9](?:/[0-9]|(?:st|nd|rd|th)\b)|christmas|halloween|valentine",
    re.IGNORECASE | re.ASCII,
)
_BORDER = re.compile(r"\b(since|after|before|until|till|by)\s+(?:the\s+)?$", re.IGNORECASE)


def resolve_dates(text: str, said_at: datetime) -> tuple[DateMention, ...]:
    """Return the date mentions of a turn, by start offset, never overlapping.

    `said_at` counts as the day it shows in its own time zone. Any text is fine; expressions that cannot be
    resolved, or that leave the calendar, are left out. The rules are in the table of this module.
    """
    return _resolve(text, said_at.date(), None)


def annotate(text: str, dates: Sequence[DateMention]) -> str:
    """Return the text with each mention's label behind it: "yesterday [7 May 2023]".

    A mention that already names its year gets none. Raises InvalidInput for a mention of another text.
    """
    pieces: list[str] = []
    position = 0
    for mention in sorted(dates, key=lambda mention: mention.end):
        if text[mention.start : mention.end] != mention.text:
            raise InvalidInput(
                f"{mention.text!r} is not at {mention.start}:{mention.end} of the text; "
                "pass dates resolved from this very text"
            )
        pieces.append(text[position : mention.end])
        position = max(position, mention.end)
        if str(mention.earliest.year) not in mention.text:
            pieces.append(f" [{mention.label}]")
    return "".join((*pieces, text[position:]))


def question_window(question: str, asked_at: datetime) -> tuple[date, date] | None:
    """Return the inclusive days a question asks about ("in May 2023", "since last week"); None if it names none.

    Expressions without a year point to the past unless the question speaks of the future. Several mentions
    ("between May and July") are spanned; "since" and "after" reach to `asked_at`, "before", "by" and "until" to
    the calendar's start.
    """
    asked = asked_at.date()
    windows = [_bordered(question, mention, asked) for mention in _resolve(question, asked, "past")]
    windows = [window for window in windows if window[0] <= window[1]]
    if not windows:
        return None
    return min(first for first, _ in windows), max(last for _, last in windows)


def _bordered(question: str, mention: DateMention, asked: date) -> tuple[date, date]:
    """Open the mention's days to the side that "since", "after", "before", "until" name."""
    border = _BORDER.search(question, max(0, mention.start - 24), mention.start)
    word = border[1].lower() if border else ""
    if word == "since":
        return mention.earliest, max(asked, mention.latest)
    if word == "after":
        return min(mention.latest, date.max - timedelta(days=1)) + timedelta(days=1), max(asked, mention.latest)
    if word == "before":
        return date.min, max(mention.earliest, date.min + timedelta(days=1)) - timedelta(days=1)
    return (date.min if word in {"until", "till", "by"} else mention.earliest), mention.latest


def _resolve(text: str, said: date, tense: Tense | None) -> tuple[DateMention, ...]:
    """Resolve from left to right; where expressions overlap, the first and longest that resolves wins."""
    if not _HINT.search(text):
        return ()
    found = [(match, resolver) for pattern, resolver in _RULES for match in pattern.finditer(text)]
    found.sort(key=lambda item: (item[0].start(), -item[0].end()))
    mentions: list[DateMention] = []
    previous: Period | None = None
    for match, resolver in found:
        if mentions and match.start() < mentions[-1].end:
            continue
        period = _period(match, resolver, Reading(said=said, tense=tense, previous=previous))
        if period is not None:
            previous = period
            mentions.append(_mention(match, period))
    return tuple(mentions)


def _period(match: re.Match[str], resolver: Resolver, reading: Reading) -> Period | None:
    """Apply a rule; None where it declines, names no day (31 February) or leaves the calendar."""
    try:
        return resolver(match, reading)
    except (OverflowError, ValueError):
        return None


def _mention(match: re.Match[str], period: Period) -> DateMention:
    return DateMention(
        start=match.start(),
        end=match.end(),
        text=match[0],
        earliest=period.earliest,
        latest=period.latest,
        granularity=period.granularity,
        label=period.label,
    )
