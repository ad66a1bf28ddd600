"""A page as one HTML file that needs no other: styles, script and drawings are inside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .grid import Heading
from .looks import Look
from .page import Page
from .svg import element, mark
from .words import counted, percent

MARK = 16.0


def to_html(page: Page) -> str:
    """Return a page as HTML: what comes from files or names is escaped, and nothing is loaded from anywhere."""
    here = __package__ or ""
    environment = Environment(
        loader=PackageLoader(here, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("page.html.j2")
    written = template.render(
        page=page,
        percent=percent,
        counted=counted,
        grouped=grouped,
        marks={system: legend_mark(look) for system, look in page.looks.items()},
        numbers=_numbers(page.looks),
        style=Markup(_text("page.css")),
        script=Markup(_text("page.js")),
    )
    return written.lstrip()  # macros stand before the first line


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What stands above columns that belong together; without words above a column of its own."""

    words: str
    size: int


def grouped(headings: Sequence[Heading]) -> list[Span]:
    """Return what stands above the columns, neighbours with the same words as one."""
    return [Span(words=words, size=len(list(several))) for words, several in groupby(headings, lambda one: one.group)]


def legend_mark(look: Look) -> Markup:
    """Return a small drawing of how a system looks; it says nothing to screen readers, its name stands beside it."""
    middle = MARK / 2
    return element(
        "svg",
        mark(middle, middle, look, radius=5),
        viewBox=f"0 0 {MARK:.0f} {MARK:.0f}",
        width=MARK,
        height=MARK,
        class_=f"key {look.colour}",
        aria_hidden="true",
    )


def _numbers(looks: Mapping[str, Look]) -> dict[str, int]:
    return {system: look.number for system, look in looks.items()}


def _text(name: str) -> str:
    return files(__package__ or "").joinpath(name).read_text(encoding="utf-8")
