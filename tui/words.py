"""How dates, numbers and stored text read on the screen."""

import re
from datetime import date, datetime, timedelta

from textual.content import Content
from textual.style import Style

from ..agent.types import Mark

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SOFT_BREAK = re.compile(r"(?<=\S)\n(?=\S)")


def visible(text: str) -> str:
    """Return stored text that cannot steer the terminal: control characters become U+FFFD, tabs blanks."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\t", "    "))


def one_line(text: str) -> str:
    """Return stored text on one line."""
    return visible(" ".join(text.split()))


def moment(when: datetime) -> str:
    """Return a day and a time, without a midnight that only means "that day": "2 Mar 2026 18:00"."""
    day = f"{when.day} {when:%b %Y}"
    return f"{day} {when:%H:%M}" if when.hour or when.minute else day


def age(day: date, today: date) -> str:
    """Return under which heading a day is listed: "Today", "Yesterday", "This week", "March 2026"."""
    if day >= today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    return "This week" if today - day < timedelta(days=7) else f"{day:%B %Y}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: "1 turn", "2,760 turns"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def sized(size: int) -> str:
    """Return bytes as people read them: "412 KB"."""
    amount, units = float(size), iter(("B", "KB", "MB", "GB"))
    unit = next(units)
    for larger in units:
        if amount < 1000.0:
            break
        amount, unit = amount / 1000.0, larger
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"


def took(milliseconds: float) -> str:
    """Return how long something took: "85 ms", "1.2 s"."""
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def linked(text: str, marks: tuple[Mark, ...]) -> str:
    """Return a reply as Markdown in which every citation is a link: `[2]` leads to `cite:2`; lines stay lines."""
    pieces: list[str] = []
    position = 0
    for mark in marks:
        pieces.append(text[position : mark.start])
        pieces.append(" ".join(rf"[\[{number}\]](cite:{number})" for number in mark.numbers))
        position = mark.end
    pieces.append(text[position:])
    return as_lines("".join(pieces))


def with_links(text: str, marks: tuple[Mark, ...]) -> Content:
    """Return a text that is no Markdown, character by character, in which every citation is a link to `cite(2)`."""
    pieces: list[Content] = []
    position = 0
    for mark in marks:
        pieces.append(Content(visible(text[position : mark.start])))
        pieces.append(Content(" ").join(map(_link, mark.numbers)))
        position = mark.end
    return Content("").join([*pieces, Content(visible(text[position:]))])


def _link(number: int) -> Content:
    return Content.styled(f"[{number}]", Style.from_meta({"@click": f"cite({number})"}))


def figure(score: float) -> str:
    """Return a score in at most three digits, which nobody has to decipher: "0.00", "0.42", "12.3", "1,230"."""
    size = abs(score)
    if size < 0.005:
        return "0.00"
    if size < 9.995:
        return f"{score:.2f}"
    return f"{score:.1f}" if size < 99.95 else f"{float(f'{score:.3g}'):,.0f}"


def as_lines(markdown: str) -> str:
    """Return Markdown in which a line break is a line break, as it is in a chat."""
    return _SOFT_BREAK.sub("  \n", markdown)
