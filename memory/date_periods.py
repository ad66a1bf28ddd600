"""Calendar arithmetic for date mentions: what stretch of days a resolved expression covers, and its label."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias

from .types import Granularity

MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
Season: TypeAlias = Literal["spring", "summer", "fall", "winter"]
SEASONS: dict[str, Season] = {
    "spring": "spring",
    "summer": "summer",
    "fall": "fall",
    "autumn": "fall",
    "winter": "winter",
}
"""What seasons are called."""
_SEASON_STARTS: dict[Season, int] = {"spring": 3, "summer": 6, "fall": 9, "winter": 12}
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """An inclusive stretch of days, and how a person would write it."""

    earliest: date
    latest: date
    granularity: Granularity
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How many units: 2 to 2 for "two weeks", 2 to 6 for "a few weeks"; `phrase` is the wording."""

    low: int
    high: int
    unit: str
    phrase: str


def format_day(day: date) -> str:
    """Write a day the way the labels do: "7 May 2023", no leading zero."""
    return f"{day.day} {MONTH_NAMES[day.month - 1]} {day.year}"


def format_month(day: date) -> str:
    """Write the month of a day: "May 2023"."""
    return f"{MONTH_NAMES[day.month - 1]} {day.year}"


def monday_of(day: date) -> date:
    """Return the Monday of the calendar week; raises OverflowError before 1 January of year 1."""
    return day - timedelta(days=day.weekday())


def add_months(day: date, months: int) -> date:
    """Shift by whole months, the day clipped to the month; raises ValueError outside years 1-9999."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, min(day.day, monthrange(years, month + 1)[1]))


def of_day(day: date) -> Period:
    """Return one day."""
    return Period(earliest=day, latest=day, granularity="day", label=format_day(day))


def of_month(year: int, month: int) -> Period:
    """Return a calendar month; raises ValueError outside years 1-9999."""
    first = date(year, month, 1)
    last = first.replace(day=monthrange(year, month)[1])
    return Period(earliest=first, latest=last, granularity="month", label=format_month(first))


def of_year(year: int) -> Period:
    """Return a calendar year; raises ValueError outside years 1-9999."""
    return Period(earliest=date(year, 1, 1), latest=date(year, 12, 31), granularity="year", label=str(year))


def of_decade(year: int) -> Period:
    """Return the ten years from `year` on; raises ValueError outside years 1-9999."""
    return Period(earliest=date(year, 1, 1), latest=date(year + 9, 12, 31), granularity="range", label=f"the {year}s")


def of_season(season: Season, year: int) -> Period:
    """Return a northern meteorological season: winter 2022 goes from December 2022 to February 2023."""
    first = date(year, _SEASON_STARTS[season], 1)
    last = of_month(*divmod_month(first, 2)).latest
    years = f"{year}/{last.year % 100:02}" if season == "winter" else str(year)
    return Period(earliest=first, latest=last, granularity="season", label=f"{season} {years}")


def divmod_month(day: date, months: int) -> tuple[int, int]:
    """Return year and month of the month `months` after the day's."""
    shifted = add_months(day.replace(day=1), months)
    return shifted.year, shifted.month


def of_weekend(saturday: date, label: str) -> Period:
    """Return a Saturday and its Sunday."""
    return Period(earliest=saturday, latest=saturday + timedelta(days=1), granularity="weekend", label=label)


def week_beside(said: date, step: int) -> Period:
    """Return last (-1), this (0) or next (1) week in every reading.

    That is the calendar week and the seven days beside `said` together. Calendar weeks start on Monday; somebody
    who starts them on Sunday is covered too.
    """
    monday = monday_of(said)
    if step < 0:
        earliest, latest, label = (
            monday - _WEEK,
            said - timedelta(days=1),
            f"the week before {format_day(said)}",
        )
    elif step > 0:
        earliest = said + timedelta(days=1)
        latest, label = monday + timedelta(days=13), f"the week after {format_day(said)}"
    else:
        is_sunday = said.weekday() == 6
        latest = said + timedelta(days=6) if is_sunday else monday + timedelta(days=6)
        earliest, label = monday, f"the week of {format_day(said)}"
    return Period(earliest=earliest, latest=latest, granularity="week", label=label)


def weekend_beside(said: date, step: int) -> Period:
    """Return the weekend of the last (-1), this (0) or next (1) calendar week, weeks starting on Monday."""
    saturday = monday_of(said) + timedelta(days=5) + step * _WEEK
    is_before = step == -1
    return of_weekend(
        saturday,
        f"the weekend {'before' if is_before else 'of'} {format_day(said if is_before else saturday)}",
    )


def shifted(said: date, amount: Amount, sign: Literal[-1, 1]) -> Period:
    """Return "two weeks ago" (sign -1) or "in two weeks" (sign 1); raises where the calendar ends."""
    if amount.low != amount.high:
        return _shifted_loosely(said, amount, sign)
    count = sign * amount.low
    if amount.unit == "day":
        return of_day(said + timedelta(days=count))
    if amount.unit == "month":
        return of_month(*divmod_month(said, count))
    if amount.unit == "year" and amount.low > 1:
        return of_year(said.year + count)
    label = f"{amount.phrase} {_side(sign)} {format_day(said)}"
    if amount.unit == "weekend":
        return of_weekend(monday_of(said) + timedelta(days=5) + count * _WEEK, label)
    if amount.unit == "week":
        return _around_week(said, count, label)
    return _around_year(said, amount, sign)


def _around_week(said: date, weeks: int, label: str) -> Period:
    """Cover both readings: the calendar week, and the day itself give or take three."""
    day, monday = said + weeks * _WEEK, monday_of(said + weeks * _WEEK)
    earliest = min(monday, day - timedelta(days=3))
    latest = max(monday + timedelta(days=6), day + timedelta(days=3))
    return Period(earliest=earliest, latest=latest, granularity="week", label=label)


def _around_year(said: date, amount: Amount, sign: int) -> Period:
    """Return "a year ago" (around that month) and "two decades ago" (around that year)."""
    if amount.unit == "decade":
        year = said.year + sign * 10 * amount.low
        earliest, latest, label = date(year - 5, 1, 1), date(year + 5, 12, 31), f"around {year}"
    else:
        centre = add_months(said, sign * 12)
        earliest = of_month(*divmod_month(centre, -3)).earliest
        latest = of_month(*divmod_month(centre, 3)).latest
        label = f"around {format_month(centre)}"
    return Period(earliest=earliest, latest=latest, granularity="range", label=label)


def _shifted_loosely(said: date, amount: Amount, sign: int) -> Period:
    near, far = (_stretch(said, sign * count, amount.unit) for count in (amount.low, amount.high))
    return Period(
        earliest=min(near[0], far[0]),
        latest=max(near[1], far[1]),
        granularity="range",
        label=f"{amount.phrase} {_side(sign)} {_anchor(said, amount.unit)}",
    )


def _stretch(said: date, count: int, unit: str) -> tuple[date, date]:
    if unit == "day":
        day = said + timedelta(days=count)
        return day, day
    if unit in {"week", "weekend"}:
        day = said + count * _WEEK
        return day - timedelta(days=3), day + timedelta(days=3)
    if unit == "month":
        period = of_month(*divmod_month(said, count))
    else:
        period = of_year(said.year + count * (10 if unit == "decade" else 1))
    return period.earliest, period.latest


def rolling(said: date, amount: Amount, sign: Literal[-1, 1]) -> Period:
    """Return "the last two weeks" (sign -1) or "the next few days" (sign 1), `said` included."""
    months = {"month": 1, "year": 12, "decade": 120}.get(amount.unit)
    if months is None:
        days = amount.high * (1 if amount.unit == "day" else 7)
        end = said + timedelta(days=sign * days)
    else:
        end = add_months(said, sign * months * amount.high)
    label = f"the {amount.phrase} {_side(sign)} {_anchor(said, 'day')}"
    return Period(earliest=min(said, end), latest=max(said, end), granularity="range", label=label)


def _side(sign: int) -> str:
    return "before" if sign < 0 else "after"


def _anchor(said: date, unit: str) -> str:
    if unit in {"year", "decade"}:
        return str(said.year)
    return format_month(said) if unit == "month" else format_day(said)
