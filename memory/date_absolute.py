"""Rules for date expressions that name the calendar: "7 May 2023", "in May", "since 2016", "on Halloween"."""

import re
from collections.abc import Callable
from datetime import date
from typing import TypeAlias

from .date_periods import SEASONS, Period, divmod_month, of_day, of_decade, of_month, of_season, of_year
from .date_words import (
    MONTH,
    MONTHS,
    WEEKDAY,
    Reading,
    Resolver,
    Tense,
    closest,
    is_preceded,
    tense_of,
    words,
)

_YEAR = "(?P<year>(?:1[0-9]|20)[0-9]{2})"
_WHICH_YEAR = f"(?:,? (?:of |in )?{_YEAR}| (?:of )?(?P<which_year>last|this|next) year)"
_STEPS = {"last": -1, "this past": -1, "this": 0, "this coming": 1, "next": 1, "coming": 1}
_WHICH = "(?P<which>last|this past|this coming|this|next|coming)"
_HOLIDAYS = {
    "christmas eve": (12, 24),
    "christmas": (12, 25),
    "boxing day": (12, 26),
    "halloween": (10, 31),
    "new year's eve": (12, 31),
    "new year's day": (1, 1),
    "new year's": (1, 1),
    "valentine's": (2, 14),
}
_HOLIDAY = r"(?:christmas(?: eve)?|boxing day|halloween|new year['’]?s(?: eve| day)?|valentine['’]?s(?: day)?)"

# Month names that are also words or first names ask for a clearer context.
_WORD_MONTHS = {"may", "march", "mar"}
_NAME_MONTHS = {"april", "june", "august"}
_CLEAR_PREPOSITION = re.compile(r"\b(?:in|since|during|until|till)\s+$", re.IGNORECASE)
_PREPOSITION = re.compile(
    r"\b(?:in|since|during|until|till|of|by|through|between|early|late|mid)(?:\s+|-)$", re.IGNORECASE
)
_LOOSE_PREPOSITION = re.compile(r"\b(?:from|to|before|after|for|around|and)\s+$", re.IGNORECASE)
_BEFORE_YEAR = re.compile(
    r"\b(?:in|since|during|until|till|by|from|to|before|after|through|between|early|late|mid|year"
    r"|(?:end|start|beginning|middle|half|part|rest|class)\s+of)(?:\s+|-)$|\b(?:19|20)[0-9]{2}\s?[-–]\s?$",
    re.IGNORECASE,
)
_BEFORE_DAY = re.compile(r"\b(?:on|by|until|till|since|before|after)\s+$", re.IGNORECASE)
_BEFORE_HOLIDAY = re.compile(
    r"\b(?:on|at|over|for|during|since|until|till|by|before|after|around)\s+$", re.IGNORECASE
)
_ALL_YEARS = re.compile(r"\b(?:at|during|around)\s+$", re.IGNORECASE)
_MEASURED = (
    r"(?! ?(?:%|k\b|(?:dollars?|bucks|euros?|pounds?|people|men|women|kids|years?|days|weeks|months|hours|minutes"
    r"|steps|calories|miles|meters|metres|feet|pieces|words|points|times|degrees|pages|books|square)\b))"
)

Dated: TypeAlias = Callable[[int], Period]


def _closest(dated: Dated, said: date, tense: Tense | None) -> Period:
    """Return the yearly period the tense points at: not after `said`, not before it, or the nearest."""
    around: list[Period] = []
    for year in (said.year - 1, said.year, said.year + 1):
        try:
            around.append(dated(year))
        except ValueError:  # 29 February, or the calendar ends here
            continue
    return closest(around, said, tense)


def _stepped(dated: Dated, said: date, which: str) -> Period:
    """Return the yearly period that "last", "this" or "next" names."""
    step = _STEPS[" ".join(which.lower().split())]
    if step == 0:
        return dated(said.year)
    periods = [dated(said.year + years) for years in (0, step)]
    if step < 0:
        return next(period for period in periods if period.latest < said)
    return next(period for period in periods if period.earliest > said)


def _year_of(match: re.Match[str], reading: Reading) -> int | None:
    if match["year"]:
        return int(match["year"])
    return reading.said.year + _STEPS[match["which_year"].lower()] if match["which_year"] else None


def _day_of_month(match: re.Match[str], reading: Reading) -> Period | None:
    """Resolve "May 7th", "7 May 2023", "the 7th of May"; "you may 2" and "march 10 miles" are none."""
    name, day, year = match["month"], int(match["day"]), _year_of(match, reading)
    month = MONTHS[name[:3].lower()]
    if year is not None:
        return of_day(date(year, month, day))
    if name.lower() in _WORD_MONTHS and not (match["suffix"] or name[0].isupper()):
        return None
    return _closest(lambda year: of_day(date(year, month, day)), reading.said, tense_of(match, reading))


def _day_alone(match: re.Match[str], reading: Reading) -> Period | None:
    """Resolve "on the 15th" and "the 3rd of next month"; "on the 5th floor" is none."""
    day, said = int(match["day"]), reading.said
    if match["which"]:
        year, month = divmod_month(said, _STEPS[match["which"].lower()])
        return of_day(date(year, month, day))
    if not is_preceded(match, _BEFORE_DAY):
        return None
    months = [divmod_month(said, step) for step in (-1, 0, 1)]
    around = [of_day(date(year, month, day)) for year, month in months if day <= of_month(year, month).latest.day]
    return closest(around, said, tense_of(match, reading))


def _month(match: re.Match[str], reading: Reading) -> Period | None:
    name, year = match["month"], _year_of(match, reading)
    month = MONTHS[name[:3].lower()]
    if year is not None:
        return of_month(year, month)
    if not _is_month(match):
        return None
    if match["which"]:
        return _stepped(lambda year: of_month(year, month), reading.said, match["which"])
    return _closest(lambda year: of_month(year, month), reading.said, tense_of(match, reading))


def _is_month(match: re.Match[str]) -> bool:
    """Tell a month without day and year from a word or a first name."""
    name = match["month"]
    is_word = name.lower() in _WORD_MONTHS or (len(name) <= 4 and name.lower() not in {"june", "july"})
    if is_word and not name[0].isupper():
        return name.lower() in {"may", "march"} and not match["which"] and is_preceded(match, _CLEAR_PREPOSITION)
    if match["which"] or is_preceded(match, _PREPOSITION):
        return True
    return not is_word and name.lower() not in _NAME_MONTHS and is_preceded(match, _LOOSE_PREPOSITION)


def _season_of_year(match: re.Match[str], reading: Reading) -> Period | None:
    year = _year_of(match, reading)
    return None if year is None else of_season(SEASONS[match["season"].lower()], year)


def _year(match: re.Match[str], reading: Reading) -> Period | None:
    return of_year(int(match["year"])) if is_preceded(match, _BEFORE_YEAR) else None


def _decade(match: re.Match[str], reading: Reading) -> Period:
    return of_decade(int(match["decade"]))


def _iso(match: re.Match[str], reading: Reading) -> Period:
    return of_day(date(int(match["year"]), int(match["month"]), int(match["day"])))


def _slashed(match: re.Match[str], reading: Reading) -> Period:
    """Resolve 5/7/2023 as the American 7 May, unless only the other order makes a date."""
    first, second, year = (int(match[name]) for name in ("first", "second", "year"))
    year += 2000 if year < 100 else 0
    month, day = (second, first) if first > 12 else (first, second)
    return of_day(date(year, month, day))


def _holiday(match: re.Match[str], reading: Reading) -> Period | None:
    name = " ".join(match["holiday"].lower().replace("’", "'").split())
    name = name.replace("years", "year's").replace("valentines", "valentine's").removeprefix("the ")
    month, day = _HOLIDAYS["valentine's" if name.startswith("valentine") else name]
    year = _year_of(match, reading)
    if year is not None:
        return of_day(date(year, month, day))

    def dated(year: int) -> Period:
        return of_day(date(year, month, day))

    if match["which"]:
        is_this = match["which"].lower() == "this"
        tense = tense_of(match, reading)
        return _closest(dated, reading.said, tense) if is_this else _stepped(dated, reading.said, match["which"])
    tense = tense_of(match, reading)
    is_habit = tense is None and is_preceded(match, _ALL_YEARS)
    return None if is_habit or not is_preceded(match, _BEFORE_HOLIDAY) else _closest(dated, reading.said, tense)


_DAY = "(?P<day>0?[1-9]|[12][0-9]|3[01])(?P<suffix>st|nd|rd|th)?"
_NO_CLOCK = r"(?![:/.-]?[0-9])(?! ?(?:am|pm|a\.m|p\.m|%))"

ABSOLUTE_RULES: tuple[tuple[re.Pattern[str], Resolver], ...] = (
    (
        words(rf"(?:{WEEKDAY},? )?(?P<month>{MONTH})\.? (?:the )?{_DAY}{_NO_CLOCK}(?:{_WHICH_YEAR}(?![0-9]))?"),
        _day_of_month,
    ),
    (
        words(rf"(?:{WEEKDAY},? )?(?:the )?{_DAY} (?:of )?(?P<month>{MONTH})(?:\.?{_WHICH_YEAR}(?![0-9]))?"),
        _day_of_month,
    ),
    (
        words(
            r"the (?P<day>[1-9]|[12][0-9]|3[01])(?:st|nd|rd|th)(?: of (?P<which>last|this|next) month"
            r"|(?! (?!(?:and|or|at|for|with|to|but|after|before|in|when|so|if|we|i|because)\b)\w))"
        ),
        _day_alone,
    ),
    (
        words(rf"(?:{_WHICH} )?(?P<month>{MONTH})(?:\.?{_WHICH_YEAR}{_MEASURED})?"),
        _month,
    ),
    (words(f"(?P<season>spring|summer|fall|autumn|winter){_WHICH_YEAR}{_MEASURED}"), _season_of_year),
    (words(rf"(?P<year>(?:1[89]|20)[0-9]{{2}})(?![/.:,]?[0-9]|-[0-9]{{1,2}}(?![0-9])){_MEASURED}"), _year),
    (words(r"(?P<decade>(?:1[89]|20)[0-9]0)['’]?s"), _decade),
    (words(r"(?<![-0-9])(?P<year>[12][0-9]{3})-(?P<month>[01][0-9])-(?P<day>[0-3][0-9])(?!-)"), _iso),
    (
        words(r"(?<![/.])(?P<first>[0-9]{1,2})/(?P<second>[0-9]{1,2})/(?P<year>[0-9]{2}|[12][0-9]{3})(?!/)"),
        _slashed,
    ),
    (words(f"(?:{_WHICH} )?(?P<holiday>{_HOLIDAY})(?:{_WHICH_YEAR}{_MEASURED})?"), _holiday),
)
