"""Chart: how far every system is from the baseline of its unit, with intervals; a panel a metric."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from ..summary import Difference
from .axes import PANEL, SIZE, WIDE_PANEL
from .grid import Chart, Grid, Heading
from .looks import Look
from .scales import symmetric_bound
from .svg import Scale, clipped, drawing, element, group, line, mark, text
from .words import capitalised, difference_cell, interval, metric_words, name_cell, points, signed

ROW = 24.0
NAMES = 118.0
VALUES = 58.0
TOP = 22.0

Differences = Mapping[str, Sequence[Difference]]
"""By system, without its unit."""


def forest_charts(
    differences: Differences, looks: Mapping[str, Look], metrics: Sequence[str], *, baseline: str
) -> list[Chart]:
    """Return a panel for each metric, of the systems of one unit against its baseline."""
    charts: list[Chart] = []
    for metric in metrics:
        held = {system: one for system, several in differences.items() for one in several if one.metric == metric}
        if held:
            charts.append(_chart(held, looks, metric, baseline))
    return charts


def _chart(held: Mapping[str, Difference], looks: Mapping[str, Look], metric: str, baseline: str) -> Chart:
    words = metric_words(metric)
    title = f"{words} against {baseline}"
    n = max(one.n for one in held.values())
    return Chart(
        title=capitalised(words),
        note=f"Points above or below {baseline}, {n:,} pairs",
        wide=_drawn(held, looks, title, width=WIDE_PANEL),
        narrow=_drawn(held, looks, title, width=PANEL),
        table=_table(held, metric, baseline),
    )


def _drawn(held: Mapping[str, Difference], looks: Mapping[str, Look], title: str, *, width: float) -> Markup:
    ours = [one for system, one in held.items() if not looks[system].is_reference]
    bound = symmetric_bound(edge for one in ours or held.values() for edge in (one.low, one.high))
    scale = Scale(low=-bound, high=bound, start=NAMES + 6, end=width - VALUES)
    height = TOP + ROW * len(held) + 6
    frame: list[Markup] = []
    for edge in (-bound, 0.0, bound):
        x = scale(edge)
        frame.append(line((x, TOP - 4), (x, height - 4), kind="zero" if edge == 0 else "grid"))
        frame.append(text(x, TOP - 9, signed(edge), anchor="middle", kind="tick"))
    rows = [
        _row(system, one, looks[system], scale, TOP + ROW * (number + 0.5))
        for number, (system, one) in enumerate(held.items())
    ]
    told = "; ".join(f"{system} {points(one)} ({interval(one)})" for system, one in held.items())
    return drawing(width, height, title, *frame, *rows, described=f"{told}.")


def _row(system: str, one: Difference, look: Look, scale: Scale, y: float) -> Markup:
    is_inside = scale.low <= one.value <= scale.high
    strength = "holm" if one.survives_holm and one.is_significant else "sure" if one.is_significant else "open"
    stars = {"holm": "**", "sure": "*", "open": ""}[strength]
    x = scale(one.value)
    beyond = text(x, y + SIZE / 3, "◂" if one.value < 0 else "▸", anchor="middle", kind="label")
    return group(
        element("title", f"{system}: {points(one)} points ({interval(one)}), p = {one.p:.3g}"),
        mark(7, y, look, radius=4),
        text(16, y + SIZE / 3, clipped(system, 17), kind="label"),
        line((scale(one.low), y), (scale(one.high), y), kind="span"),
        mark(x, y, look, radius=5, kind=f"mark {strength}") if is_inside else beyond,
        text(scale.end + VALUES, y + SIZE / 3, f"{points(one)}{stars}", anchor="end", kind=f"value {strength}"),
        look=look,
        kind="series",
    )


def _table(held: Mapping[str, Difference], metric: str, baseline: str) -> Grid:
    return Grid(
        title=f"Difference to {baseline}, points of {metric}",
        headings=(Heading(text="System", is_name=True), Heading(text=metric)),
        rows=tuple((name_cell(name, system=name), difference_cell(one)) for name, one in held.items()),
    )
