"""Chart: what declining to answer is worth, against the confidence below which a system would; a panel a system."""

from collections.abc import Sequence

from markupsafe import Markup

from ..summary import Abstention, Figure, RunSummary, SystemSummary
from .axes import PANEL, SIZE, WIDE_PANEL, Field, caption_of, columns_of, rows_of
from .bar_chart import Bar, bars_drawn
from .grid import NO_CELL, Cell, Chart, Grid, Heading
from .insights import Declining, Insights
from .looks import Look
from .scales import fraction_ticks
from .svg import Scale, drawing, element, group, mark, path, text
from .words import counted, number, percent

PRECISION = Look(number=0, colour="s0", shape="square")
RECALL = Look(number=1, colour="s1", shape="circle", dash="7 3")
HEIGHT = 236.0
ROWS = 12


def calibration_charts(summary: RunSummary, insights: Insights) -> list[Chart]:
    """Return a panel for each system that answers: a curve where it tells how sure it is, else a pair of bars.

    There is none where no question lacks an answer: then to decline is never right.
    """
    answering = [(one, one.abstention) for one in summary.systems if one.abstention is not None]
    return [_chart(one, told, insights.declining.get(one.name, ())) for one, told in answering if told.unanswerable]


def _chart(system: SystemSummary, told: Abstention, curve: Sequence[Declining]) -> Chart:
    title = system.name
    precision = "" if told.precision is None else f"precision {percent(told.precision)}\u00a0%, "
    note = (
        f"As it runs it declined {told.declined:,} of {counted(told.asked, 'question')}, {told.unanswerable:,} of "
        f"which have no answer: {precision}recall {percent(told.recall)}\u00a0%."
    )
    return Chart(
        title=title,
        note=note,
        wide=_drawn(title, told, curve, WIDE_PANEL),
        narrow=_drawn(title, told, curve, PANEL),
        table=_table(title, told, curve),
    )


def _drawn(title: str, told: Abstention, curve: Sequence[Declining], width: float) -> Markup:
    """Return a curve where there is one to draw, else both rates of the run."""
    return _curve(f"{title}: declining by confidence", curve, width) if len(curve) > 1 else _pair(title, told, width)


def _pair(title: str, told: Abstention, width: float) -> Markup:
    """Return both rates as bars; they have no intervals."""
    rates = (
        ("precision", PRECISION, told.precision, told.declined),
        ("recall", RECALL, told.recall, told.unanswerable),
    )
    bars = [
        Bar(name=name, look=look, figure=None if rate is None else Figure(value=rate, low=rate, high=rate, n=n))
        for name, look, rate, n in rates
    ]
    return bars_drawn(f"{title}: declining", bars, width=width, is_contest=False)


def _curve(name: str, curve: Sequence[Declining], width: float) -> Markup:
    field = Field(left=36, top=14, right=width - 70, bottom=HEIGHT - 48)
    low, high = curve[0].threshold, curve[-1].threshold
    x, y = field.across(low, high), field.upwards(0.0, 1.0)
    ticks = [low + (high - low) * part / 4 for part in range(5)]
    middle = curve[len(curve) // 2]
    return drawing(
        width,
        HEIGHT,
        name,
        rows_of(field, y, fraction_ticks(0.0, 1.0, most=4), lambda tick: f"{100 * tick:.0f}"),
        columns_of(field, x, ticks, lambda tick: f"{tick:.2f}" if high - low >= 0.1 else f"{tick:.3g}"),
        caption_of(field, "declines below this confidence"),
        _line("precision", PRECISION, [(one.threshold, one.precision) for one in curve], (x, y)),
        _line("recall", RECALL, [(one.threshold, one.recall) for one in curve], (x, y)),
        described=f"Below {middle.threshold:.2g}: precision {percent(middle.precision)} %, "
        f"recall {percent(middle.recall)} %.",
    )


def _line(name: str, look: Look, values: Sequence[tuple[float, float | None]], scales: tuple[Scale, Scale]) -> Markup:
    x, y = scales
    places = [(x(threshold), y(value)) for threshold, value in values if value is not None]
    end = places[-1]
    # the two ends can meet: precision's name goes below, recall's is at the top by then
    down = SIZE / 3
    return group(
        element("title", name),
        path(places, kind="line", dash=look.dash),
        mark(*end, look),
        text(end[0] + 9, end[1] + down, name, kind="label"),
        look=look,
        kind="series",
    )


def _table(title: str, told: Abstention, curve: Sequence[Declining]) -> Grid:
    headings = ("Declines below", "Declined", "Precision", "Recall")
    own = (Cell(text="as it runs"), Cell(text=number(told.declined)), _rate(told.precision), _rate(told.recall))
    shown = curve[:: max(1, len(curve) // ROWS)]
    rows = [
        (Cell(text=f"{one.threshold:.3g}"), Cell(text=number(one.declined)), _rate(one.precision), _rate(one.recall))
        for one in shown
    ]
    return Grid(
        title=f"{title}: declining, %",
        headings=tuple(Heading(text=words, is_name=words == headings[0]) for words in headings),
        rows=(own, *rows),
    )


def _rate(rate: float | None) -> Cell:
    return NO_CELL if rate is None else Cell(text=percent(rate), order=rate)
