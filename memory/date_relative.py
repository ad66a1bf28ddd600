"""Rules for expressions that hang on the day they were said: "yesterday", "last Friday", "two weeks ago"."""

import re
from datetime import date, timedelta
from typing import Literal

from .date_periods import (
    SEASONS,
    Amount,
    Period,
    divmod_month,
    of_day,
    of_month,
    of_season,
    of_year,
    rolling,
    shifted,
    week_beside,
    weekend_beside,
)
from .date_words import (
    AMOUNT,
    MONTH,
    PART_OF_DAY,
    WEEKDAY,
    WEEKDAYS,
    Reading,
    Resolver,
    amount_of,
    clause_of,
    closest,
    has_past_tense,
    has_wrong_number,
    is_preceded,
    tense_of,
    words,
)

_DAY = timedelta(days=1)
_HALF_A_YEAR = timedelta(days=180)
_DAY_STEPS = {"yesterday": -1, "today": 0, "tonight": 0, "tomorrow": 1, "last": -1, "this": 0}
_STEPS: dict[str, Literal[-1, 0, 1]] = {
    "last": -1,
    "past": -1,
    "this past": -1,
    "this last": -1,
    "this": 0,
    "next": 1,
    "coming": 1,
    "this coming": 1,
}
_WHICH = "(?P<which>this past|this last|this coming|last|past|this|next|coming)"

_AFTER_THE = re.compile(r"\bthe\s+$", re.IGNORECASE)
_AFTER_EVERY = re.compile(r"\b(?:every|each|most|any|other|black|good|a)\s+$", re.IGNORECASE)
_BEFORE_VERB = re.compile(
    r"\b(?:will|ll|can|could|would|should|may|might|to|not|t|did|does|do|only|usually)\s+$", re.IGNORECASE
)
_AHEAD = re.compile(r"\b(?:for|see\s+(?:you|ya))\s+$", re.IGNORECASE)
_BEFORE_PART = re.compile(r"\b(?:half|(?:hundred|thousand)(?:\s+and)?)\s+$", re.IGNORECASE)
_COUNTED_FROM = re.compile(r"\b(?:day|week|month|year)s?\s+from\s+$", re.IGNORECASE)
_WITHIN_THE = re.compile(r"\b(?:in|over|during|for|within|of)\s+the\s+$", re.IGNORECASE)
_BEFORE_WEEKDAY = re.compile(
    r"\b(?:on|by|until|till|since|before|after|for|see\s+(?:you|ya)|coming|early|late)\s+$", re.IGNORECASE
)
_NO_DEADLINE = re.compile(
    r"\b(?:haven|hasn|hadn|don|doesn|didn|never|not|no|been|first|only|once|twice|times?|best|worst"
    r"|every|each|usually|always|long)\b",
    re.IGNORECASE,
)


def _near_day(match: re.Match[str], reading: Reading) -> Period | None:
    if is_preceded(match, _COUNTED_FROM):
        return None
    step = _DAY_STEPS[match[0].split()[0].lower()]
    return of_day(reading.said + step * _DAY)


def _two_days_off(match: re.Match[str], reading: Reading) -> Period:
    return of_day(reading.said + (2 if match["after"] else -2) * _DAY)


def _other_day(match: re.Match[str], reading: Reading) -> Period:
    unit = "week" if match["unit"].lower() == "week" else "day"
    few = Amount(low=1, high=4 if unit == "week" else 14, unit=unit, phrase=f"a few {unit}s")
    return shifted(reading.said, few, -1)


def _counted(match: re.Match[str], reading: Reading) -> Period | None:
    sign: Literal[-1, 1] = -1 if match["when"].lower() in {"ago", "back"} else 1
    return (
        None
        if has_wrong_number(match) or is_preceded(match, _BEFORE_PART)
        else shifted(reading.said, amount_of(match), sign)
    )


def _deadline(match: re.Match[str], reading: Reading) -> Period | None:
    """Resolve "in two weeks"; "not in two weeks", "did it in two weeks", "two in one day" are durations."""
    clause, amount = clause_of(match), amount_of(match)
    is_one_day = amount.unit == "day" and amount.high == 1
    if is_one_day or has_wrong_number(match) or has_past_tense(clause) or _NO_DEADLINE.search(clause):
        return None
    return shifted(reading.said, amount, 1)


def _rolling(match: re.Match[str], reading: Reading) -> Period | None:
    """Resolve "the last two days"; "it will last two days", "could not last one day" are durations."""
    sign: Literal[-1, 1] = -1 if match["way"].lower() in {"last", "past"} else 1
    amount = amount_of(match)
    is_verb = amount.phrase.startswith(("a ", "an ", "one ")) or is_preceded(match, _BEFORE_VERB)
    return None if is_verb else rolling(reading.said, amount, sign)


def _beside(match: re.Match[str], reading: Reading) -> Period | None:
    """Resolve last, this, next week, weekend, month, year."""
    which, unit = " ".join(match["which"].lower().split()), match["unit"].lower()
    step = 0 if unit == "weekend" and which.endswith("coming") else _STEPS[which]
    if unit in {"month", "year"} or step > 0:
        if step > 0 and is_preceded(match, _AFTER_THE) and not is_preceded(match, _WITHIN_THE):
            return None  # "the next week we left": counted from the story, not from today
        if is_preceded(match, _AFTER_THE) or which in {"past", "this past"}:
            one = Amount(low=1, high=1, unit=unit, phrase=unit)
            return rolling(reading.said, one, -1 if step < 0 else 1) if step else None
    return _calendar_unit(reading.said, unit, step)


def _calendar_unit(said: date, unit: str, step: Literal[-1, 0, 1]) -> Period:
    if unit == "week":
        return week_beside(said, step)
    if unit == "weekend":
        return weekend_beside(said, step)
    return of_month(*divmod_month(said, step)) if unit == "month" else of_year(said.year + step)


def _before_last(match: re.Match[str], reading: Reading) -> Period:
    """Resolve "the week before last" and "the year after next"."""
    sign: Literal[-1, 1] = 1 if match["next"] else -1
    unit = match["unit"].lower()
    if unit in {"night", "day"}:
        return of_day(reading.said + 2 * sign * _DAY)
    return shifted(reading.said, Amount(low=2, high=2, unit=unit, phrase=f"two {unit}s"), sign)


def _unit_before(match: re.Match[str], reading: Reading) -> Period | None:
    """Resolve "the week before" against the mention before it, else against today (a day needs a mention)."""
    unit = match["unit"].lower()
    is_day = unit in {"day", "night", "evening"}
    if reading.previous is None:
        return None if is_day else _calendar_unit(reading.said, unit, -1)
    anchor = reading.previous.earliest
    return of_day(anchor - _DAY) if is_day else _calendar_unit(anchor, unit, -1)


def _weekday(match: re.Match[str], reading: Reading) -> Period | None:
    name, said = match["weekday"], reading.said
    which = " ".join((match["which"] or "").lower().split())
    is_named = bool(which) or is_preceded(match, _BEFORE_WEEKDAY)
    is_short = not name.lower().endswith("day")
    if is_preceded(match, _AFTER_EVERY) or (is_short and not (which and name[0].isupper())):
        return None
    if not (is_named or match["part"] or match["week"]):
        return None
    index = WEEKDAYS[name[:3].lower()]
    monday = said - said.weekday() * _DAY
    if match["week"]:
        return of_day(monday + (7 * _STEPS[match["week"].lower()] + index) * _DAY)
    if which == "next":
        return of_day(monday + (7 + index) * _DAY)
    if _is_past_weekday(match, which, reading):
        return of_day(said - ((said.weekday() - index - 1) % 7 + 1) * _DAY)
    return of_day(said + (index - said.weekday()) % 7 * _DAY)


def _is_past_weekday(match: re.Match[str], which: str, reading: Reading) -> bool:
    if which in {"last", "past", "this past", "this last"}:
        return True
    is_open = which in {"", "this"} and not is_preceded(match, _AHEAD)
    return is_open and tense_of(match, reading) == "past"


def _weekend(match: re.Match[str], reading: Reading) -> Period | None:
    """Resolve "over the weekend" by tense: the latest one that has begun, or this week's."""
    tense = "future" if match["way"].lower() == "for" else tense_of(match, reading)
    is_over = tense == "past" and reading.said.weekday() < 5
    return None if tense is None else weekend_beside(reading.said, -1 if is_over else 0)


def _season(match: re.Match[str], reading: Reading) -> Period:
    """Resolve last (ended before today), this (by tense) and next (not begun yet) season."""
    season, said = SEASONS[match["season"].lower()], reading.said
    step = _STEPS[" ".join(match["which"].lower().split())]
    around = [of_season(season, said.year + years) for years in (-2, -1, 0, 1)]
    if step < 0:
        return [period for period in around if period.latest < said][-1]
    if "coming" in match["which"].lower():
        return next(period for period in around if period.latest >= said)
    if step > 0:
        return next(period for period in around if period.earliest > said)
    recent = [period for period in around if said - period.latest < _HALF_A_YEAR]
    return closest(recent, said, tense_of(match, reading))


_UNIT = "(?P<unit>weekend|week|month|year)"
_SUFFIX = r"(?! (?:of|old|[0-9])\b)"
_NAME = f"{WEEKDAY}|{MONTH}|spring|summer|fall|autumn|winter|christmas|halloween|new year|valentine|week|month|year"
_NO_NAME = rf"(?! (?:{_NAME})\b)"  # "the week before last Friday" is counted from that Friday

RELATIVE_RULES: tuple[tuple[re.Pattern[str], Resolver], ...] = (
    (
        words(
            rf"(?:yesterday|tomorrow)(?: {PART_OF_DAY})?|today|tonight|last (?:night|evening)"
            "|this (?:morning|afternoon|evening)"
        ),
        _near_day,
    ),
    (words("(?:the )?day (?:before yesterday|(?P<after>after tomorrow))"), _two_days_off),
    (words("the other (?P<unit>day|night|evening|morning|afternoon|week)"), _other_day),
    (words(AMOUNT + " (?P<when>ago|back(?! (?:to|home|and forth)\\b)|from (?:now|today))"), _counted),
    (words("in " + AMOUNT + "(?:['’] time)?"), _deadline),
    (words("(?P<way>last|past|next|coming) " + AMOUNT), _rolling),
    (words(f"{_WHICH} {_UNIT}{_SUFFIX}"), _beside),
    (
        words(rf"the (?P<unit>night|weekend|week|month|year) (?:before last|(?P<next>after next)){_NO_NAME}"),
        _before_last,
    ),
    (
        words(
            r"the (?P<unit>day|night|evening|weekend|week|month|year) before"
            r"(?=[\s\u00a0]*(?:$|[.,!?;:)]|and\b|but\b))"
        ),
        _unit_before,
    ),
    (
        words(
            rf"(?:{_WHICH} )?(?P<weekday>{WEEKDAY}|mon|tues?|wed|thurs?|thur|fri|sat|sun)"
            rf"(?! {PART_OF_DAY}s|['’]s\b)(?P<part> {PART_OF_DAY})?"
            rf"(?: (?:of )?(?P<week>last|this|next) week)?{_SUFFIX}"
        ),
        _weekday,
    ),
    (words("(?P<way>over|for) the weekend"), _weekend),
    (words(f"{_WHICH} (?P<season>spring|summer|fall|autumn|winter){_SUFFIX}"), _season),
)
