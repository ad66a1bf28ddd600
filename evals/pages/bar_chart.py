"""Chart: one metric of every system as bars, for each category of questions one panel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..summary import Figure, SystemSummary
from .axes import PANEL, SIZE, WIDE_PANEL
from .choices import best_of
from .grid import Chart, Grid, Heading
from .looks import Look
from .svg import Scale, clipped, drawing, element, group, line, mark, text
from .words import counted, figure_cell, interval, metric_words, name_cell, percent

ROW = 21.0
NAMES = 118.0
VALUES = 44.0
TOP = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: a system, its look, its figure, None where it has none."""

    name: str
    look: Look
    figure: Figure | None


def category_charts(systems: Sequence[SystemSummary], looks: Mapping[str, Look], metric: str) -> list[Chart]:
    """Return a panel for each category that a metric is known for, of the systems of one unit."""
    categories = dict.fromkeys(name for one in systems for name in one.by_category)
    charts: list[Chart] = []
    for category in categories:
        held = {one.system: one.by_category.get(category, {}).get(metric) for one in systems}
        bars = [Bar(name=name, look=looks[name], figure=figure) for name, figure in held.items()]
        most = max((figure.n for figure in held.values() if figure), default=0)
        if most:
            charts.append(_chart(f"{category}", bars, metric, most))
    return charts


def _chart(category: str, bars: Sequence[Bar], metric: str, n: int) -> Chart:
    title = f"{category}: {metric_words(metric)}"
    return Chart(
        title=category,
        note=counted(n, "question"),
        wide=bars_drawn(title, bars, width=WIDE_PANEL),
        narrow=bars_drawn(title, bars, width=PANEL),
        table=_table(category, bars, metric),
    )


def bars_drawn(title: str, bars: Sequence[Bar], *, width: float, is_contest: bool = True) -> Markup:
    """Return bars from 0 to 100 %, one under the other, with names, values, intervals; in a contest one is best."""
    best = best_of({bar.name: bar.figure for bar in bars}) if is_contest else None
    scale = Scale(low=0.0, high=1.0, start=NAMES, end=width - VALUES)
    height = TOP + ROW * len(bars) + 4
    ends = [line((scale(edge), TOP - 4), (scale(edge), height - 4), kind="grid") for edge in (0.0, 0.5, 1.0)]
    rows = [_row(bar, TOP + ROW * (number + 0.5), scale, is_best=bar.name == best) for number, bar in enumerate(bars)]
    told = "; ".join(f"{bar.name} {percent(bar.figure.value)} %" for bar in bars if bar.figure)
    return drawing(width, height, title, *ends, *rows, described=f"{told}.")


def _row(bar: Bar, y: float, scale: Scale, *, is_best: bool) -> Markup:
    edge = scale.end + VALUES
    name = text(16, y + SIZE / 3, clipped(bar.name, 17), kind="label")
    sign = mark(7, y, bar.look, radius=4)
    if bar.figure is None:
        return group(sign, name, text(edge, y + SIZE / 3, "–", anchor="end", kind="tick"), look=bar.look)
    figure = bar.figure
    low, high = scale(figure.low), scale(figure.high)
    kind = "value best" if is_best else "value"
    return group(
        element("title", f"{bar.name}: {percent(figure.value)} % ({interval(figure)})"),
        sign,
        name,
        element(
            "rect", x=scale.start, y=y - 6, width=max(0.5, scale(figure.value) - scale.start), height=12, class_="bar"
        ),
        line((low, y), (high, y), kind="span"),
        text(edge, y + SIZE / 3, percent(figure.value), anchor="end", kind=kind),
        look=bar.look,
        kind="series",
    )


def _table(category: str, bars: Sequence[Bar], metric: str) -> Grid:
    return Grid(
        title=f"{category}: {metric_words(metric)}, %",
        headings=(Heading(text="System", is_name=True), Heading(text=metric)),
        rows=tuple((name_cell(bar.name, system=bar.name), figure_cell(bar.figure)) for bar in bars),
    )
