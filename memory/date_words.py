"""What the date rules share: patterns of words, the tense of a clause, and what stands before a match."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from .date_periods import Amount, Period

Tense: TypeAlias = Literal["past", "future"]

WEEKDAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
WEEKDAY = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
PART_OF_DAY = "(?:morning|afternoon|evening|night)"
_ONES = "one two three four five six seven eight nine"
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {
    "a": 1,
    "an": 1,
    **{name: number for number, name in enumerate(f"{_ONES} {_TEENS}".split(), start=1)},
    **{name: 10 * number for number, name in enumerate(_TENS.split(), start=2)},
}
_NUMBER = (
    f"(?:[0-9]{{1,4}}|(?:{'|'.join(_TENS.split())})(?:(?: |-)(?:{'|'.join(_ONES.split())}))?"
    f"|{'|'.join(_TEENS.split())}|{'|'.join(_ONES.split())}|an?)"
)
_VAGUE = {"few": (2, 6), "couple": (2, 3), "several": (3, 9), "some": (2, 9)}
AMOUNT = (
    rf"(?P<amount>(?:(?P<low>{_NUMBER})(?:(?: or | to |-)(?P<high>{_NUMBER})| and a (?P<half>half))?"
    r"|(?P<vague>(?:a )?few|several|some|(?:a )?couple(?: of)?))"
    r" (?P<unit>day|week|weekend|month|year|decade)(?P<plural>s)?"
    r"(?: and a (?P<half_unit>half)| or (?P<or_two>two|so))?)"
)

_FUTURE = re.compile(
    r"\b(?:will|won['’]?t|ll|gonna|going to|let['’]?s|shall|should|can|see (?:you|ya)|planning|plans? (?:to|for|on)"
    r"|looking forward|excited (?:about|for|to)|upcoming|coming up|scheduled|hop(?:e|ing) to|want(?:s|ing)? to|wanna"
    r"|thinking (?:of|about)|are you (?:free|doing)|gets? married|getting married|takes? place|is due"
    r"|(?:is|are|am|['’]?m|['’]?re|['’]?s) (?:flying|leaving|moving|starting|travell?ing|visiting|meeting|hosting"
    r"|attending|throwing))\b",
    re.IGNORECASE | re.ASCII,
)
_PAST = re.compile(
    r"\b(?:was|were|wasn|weren|did|didn|had|went|got|saw|came|made|took|gave|met|found|told|said|bought|won|lost"
    r"|left|ran|ate|thought|felt|heard|spent|held|began|kept|brought|taught|caught|flew|drove|wrote|sang|built|grew|fell|broke|chose"
    r"|wore|sent|paid|slept|became|been|ago"
    r"|(?!(?:need|feed|speed|seed|weed|indeed|excited|tired|interested|supposed|hundred"
    r"|naked|sacred|scared|bored|stressed)\b)\w{2,}[^e\W]ed|agreed)\b",
    re.IGNORECASE | re.ASCII,
)
_CLAUSE_END = re.compile(r"[.!?;\n]| [-–—] ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a rule knows besides the words.

    That is the day they were said, the tense to assume where the clause shows none, and the mention before.
    """

    said: date
    tense: Tense | None
    previous: Period | None


Resolver: TypeAlias = Callable[[re.Match[str], Reading], Period | None]


def words(pattern: str) -> re.Pattern[str]:
    """Compile a rule between word borders; a blank in it stands for one to three white-space characters.

    White space is bounded so that no text can make a rule slow; digits and letters are ASCII.
    """
    spaced = pattern.replace(" ", r"(?:[\s\u00a0]{1,3})")
    return re.compile(rf"(?<![\w$€£])(?:{spaced})(?!\w)", re.IGNORECASE | re.ASCII)


def is_preceded(match: re.Match[str], before: re.Pattern[str]) -> bool:
    """Tell whether `before` (anchored with `$`) ends right where the match starts."""
    return before.search(match.string, max(0, match.start() - 24), match.start()) is not None


def clause_of(match: re.Match[str]) -> str:
    """Return the clause around a match, at most about 150 characters to each side."""
    left = match.string[max(0, match.start() - 150) : match.start()]
    right = match.string[match.end() : match.end() + 150]
    return _CLAUSE_END.split(left)[-1] + " " + _CLAUSE_END.split(right, maxsplit=1)[0]


def tense_of(match: re.Match[str], reading: Reading) -> Tense | None:
    """Return the tense of the clause around a match, from a few telling words; else the reading's own."""
    clause = clause_of(match)
    if _FUTURE.search(clause):
        return "future"
    return "past" if _PAST.search(clause) else reading.tense


def has_past_tense(clause: str) -> bool:
    """Tell whether a clause holds a word in the past tense."""
    return _PAST.search(clause) is not None


def amount_of(match: re.Match[str]) -> Amount:
    """Read the groups of `AMOUNT`."""
    phrase = " ".join(match["amount"].lower().split())
    unit = match["unit"].lower()
    if match["vague"]:
        low, high = next(spread for word, spread in _VAGUE.items() if word in match["vague"].lower())
    else:
        low = _number(match["low"])
        high = _number(match["high"]) if match["high"] else low
        if match["half"] or match["half_unit"] or (match["or_two"] or "").lower() == "two":
            high += 1
    return Amount(low=min(low, high), high=max(low, high), unit=unit, phrase=phrase)


def has_wrong_number(match: re.Match[str]) -> bool:
    """Tell "I had one years ago" (one of them) from "one year ago", by the groups of `AMOUNT`."""
    is_one = bool(match["low"]) and not match["high"] and not match["half"] and _number(match["low"]) == 1
    return is_one and match["plural"] is not None


def closest(around: list[Period], said: date, tense: Tense | None) -> Period:
    """Choose among yearly periods, in order, by tense: begun, not over, or nearest (the past counts double)."""
    past = [period for period in around if period.earliest <= said]
    future = [period for period in around if period.latest >= said]
    if tense == "past" and past:
        return past[-1]
    if tense == "future" and future:
        return future[0]
    return min(around, key=lambda period: max(period.earliest - said, 2 * (said - period.latest)))


def _number(word: str) -> int:
    """Read "25", "twenty-five" or "a"."""
    if word.isdecimal():
        return int(word)
    return sum(_NUMBERS[part] for part in word.lower().replace("-", " ").split())
