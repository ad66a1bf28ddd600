"""A page as Markdown that GitHub renders: the tables, without the drawings."""

import re
from collections.abc import Iterable, Iterator

from .conditions import Fact
from .grid import Cell, Grid
from .insights import Hard
from .page import Page
from .words import counted, percent

_SPECIAL = re.compile(r"([\\`*_\[\]|~#$!<>&]|(?<!\w)@)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def to_markdown(page: Page) -> str:
    """Return a page as Markdown; whatever a file or a system is called is text and nothing else."""
    return "\n".join(_lines(page)).rstrip() + "\n"


def escaped(words: str) -> str:
    """Return words that Markdown shows as they are, on one line: no markup, no HTML, nobody mentioned."""
    flat = _CONTROL.sub(" ", words)
    return _SPECIAL.sub(lambda found: f"&#{ord(found[1])};" if found[1] in "<>&@|$" else f"\\{found[1]}", flat)


def _lines(page: Page) -> Iterator[str]:
    yield f"# {escaped(page.title)}\n\n{escaped(page.subtitle)}\n"
    for one in page.headlines:
        yield f"- **{escaped(one.label)}: {escaped(one.value)} {escaped(one.unit)}** {escaped(one.note)}"
    yield ""
    for table in (*(part.table for part in page.units), page.answers, page.differences):
        if table is not None:
            yield from _grid(table, level=2)
    yield from _protocol(page)
    if page.categories:
        yield from _folded("By category", page.categories)
    for table in page.more_tables:
        yield from _folded(table.title, [table])
    yield from _left_out(page)
    yield from _hardest(page.hardest)


def _folded(title: str, tables: Iterable[Grid]) -> Iterator[str]:
    """Yield tables that a click opens."""
    yield f"<details><summary>{escaped(title)}</summary>\n"
    for table in tables:
        yield from _grid(table, level=3)
    yield "</details>\n"


def _grid(table: Grid, *, level: int) -> Iterator[str]:
    yield f"{'#' * level} {escaped(table.title)}\n"
    names = [one.code or f"{one.group} {one.text}".strip() for one in table.headings]
    yield _row(escaped(name) for name in names)
    yield _row("---" if one.is_name else "---:" for one in table.headings)
    for row in table.rows:
        yield _row(_cell(cell) for cell in row)
    yield ""
    if table.note:
        yield f"{escaped(table.note)}\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    shown = f"**{escaped(cell.text)}**" if cell.is_best else escaped(cell.text)
    return f"{shown}<br><sub>{escaped(cell.detail)}</sub>" if cell.detail else shown


def _protocol(page: Page) -> Iterator[str]:
    yield "## Protocol\n"
    for group in page.protocol:
        yield f"**{escaped(group.title)}**\n"
        yield from (_fact(fact) for fact in group.facts)
        yield ""


def _fact(fact: Fact) -> str:
    return f"- {escaped(fact.label)}: {escaped(fact.value)}"


def _left_out(page: Page) -> Iterator[str]:
    if page.excluded:
        yield "## Left out\n"
        yield from (_fact(fact) for fact in page.excluded)
        yield ""
    if page.troubles:
        yield f"## {counted(page.problems, 'problem')}\n"
        for one in page.troubles:
            places = "; ".join(escaped(place) for place in one.places)
            more = f" and {one.count - len(one.places):,} more" if one.count > len(one.places) else ""
            yield f"- {escaped(one.reason)} ({one.count:,}): {places}{more}"
        yield ""


def _hardest(hardest: Iterable[Hard]) -> Iterator[str]:
    rows = list(hardest)
    if rows:
        yield "## Hardest questions\n"
        yield "| Question | Category | Mean recall | Systems that found none |"
        yield "| --- | --- | ---: | ---: |"
        for one in rows:
            found = f"{one.found_none} of {one.systems}"
            question = f"{escaped(one.asked.question)}<br><sub>{escaped(one.asked.question_id)}</sub>"
            yield _row((question, escaped(one.asked.category), percent(one.recall), found))
