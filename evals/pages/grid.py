"""Tables and charts as Markdown and HTML both show them: words and numbers, nothing of either's notation."""

from dataclasses import dataclass

from markupsafe import Markup

NOTHING = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One field of a table.

    `detail` is said smaller beneath it; `order` is what it is sorted by, None for nothing to sort; `system` names the
    system whose mark stands before it.
    """

    text: str
    detail: str = ""
    order: float | None = None
    is_best: bool = False
    system: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """One column; `group` stands above columns that belong together, `note` explains it in a sentence.

    `code` is the metric as programs name it, which says group and text at once.
    """

    text: str
    group: str = ""
    code: str = ""
    note: str = ""
    is_name: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table: every row has a cell for each heading."""

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing for wide screens and one for narrow ones, with its figures as a table.

    `systems` are those that can be picked out in it, `focus` the one that is at first, "" for none.
    """

    title: str
    note: str
    wide: Markup
    narrow: Markup
    table: Grid
    systems: tuple[str, ...] = ()
    focus: str = ""


NO_CELL = Cell(text=NOTHING)
