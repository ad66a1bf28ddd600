"""Chart: recall of gold evidence against the time of a question, a mark a system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from ..summary import Figure, SystemSummary
from .axes import NARROW, SIZE, WIDE, Field, caption_of, columns_of, heading_of, rows_of
from .grid import NO_CELL, Cell, Chart, Grid, Heading
from .labels import Box, around, place_beside
from .looks import Look, is_honest
from .scales import field_bounds, fraction_ticks, log_bounds, log_ticks
from .svg import Scale, clipped, drawing, element, group, line, mark, path, text, width_of
from .words import capitalised, figure_cell, metric_words, milliseconds, name_cell, percent

TOTAL = "total"
HEIGHT = 400.0


def latency_chart(systems: Sequence[SystemSummary], looks: Mapping[str, Look], metric: str) -> Chart | None:
    """Return a metric against the median time for the systems of one unit, None where fewer than two tell both."""
    dots = [dot for dot in (_dot(one, looks, metric) for one in systems) if dot is not None]
    references = [dot for dot in dots if dot.look.is_reference]
    ours = [dot for dot in dots if not dot.look.is_reference] or dots
    bounds = field_bounds(_values(ours), _values(references))
    below = [dot.name for dot in references if dot.figure.value < bounds[0]]
    shown = [dot for dot in dots if dot.name not in below]
    if sum(is_honest(dot.name) for dot in shown) < 2:
        return None
    note = (
        "Up and to the left is better: the dotted line joins the systems that none beats in both. Times are medians "
    )
    note += "on the machine of the protocol; lines up and down are 95 % intervals."
    if below:
        note += f" Lower than the chart reaches: {', '.join(below)}."
    return Chart(
        title="What recall costs in time",
        note=note,
        wide=_Sheet(WIDE, bounds, shown, metric).drawn(),
        narrow=_Sheet(NARROW, bounds, shown, metric).drawn(),
        table=_table(systems, metric),
        systems=tuple(dot.name for dot in shown),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dot:
    name: str
    look: Look
    time: float  # ms
    figure: Figure


def _values(dots: Sequence[_Dot]) -> list[float]:
    return [dot.figure.value for dot in dots]


def _dot(system: SystemSummary, looks: Mapping[str, Look], metric: str) -> _Dot | None:
    figure, taken = system.figures.get(metric), system.latency.get(TOTAL)
    if figure is None or taken is None or taken.p50_ms <= 0:
        return None
    return _Dot(name=system.system, look=looks[system.system], time=taken.p50_ms, figure=figure)


class _Sheet:
    """One width of the chart."""

    def __init__(self, width: float, bounds: tuple[float, float], dots: Sequence[_Dot], metric: str) -> None:
        self._width, self._metric = width, metric
        self._dots = sorted((dot for dot in dots if is_honest(dot.name)), key=lambda dot: dot.look.is_reference)
        self._ceilings = [dot for dot in dots if not is_honest(dot.name)]
        self._field = Field(left=44, top=34, right=width - 18, bottom=HEIGHT - 52)
        self._low, self._high = bounds
        times = log_bounds(dot.time for dot in self._dots)
        self._times = log_ticks(*times, most=9 if width > 500 else 5)
        self._x: Scale = self._field.across(times[0] * 0.8, times[1] * 1.25, is_log=True)
        self._y: Scale = self._field.upwards(self._low, self._high)

    def drawn(self) -> Markup:
        """Return the whole drawing."""
        told = "; ".join(_told(one) for one in (*self._dots, *self._ceilings))
        words = metric_words(self._metric)
        steps = self._frontier()
        return drawing(
            self._width,
            HEIGHT,
            f"{words} against time",
            rows_of(self._field, self._y, fraction_ticks(self._low, self._high), lambda tick: f"{100 * tick:.0f}"),
            columns_of(self._field, self._x, self._times, _tick),
            heading_of(self._field, f"{capitalised(words)}, %"),
            caption_of(self._field, "time of a question, median (log scale)"),
            path(steps, kind="frontier") if steps else Markup(),
            *(self._ceiling(dot) for dot in self._ceilings),
            *self._marks(steps),
            described=f"{told}.",
        )

    def _frontier(self) -> list[tuple[float, float]]:
        """Return steps along the systems that no other beats in both; references do not count."""
        kept: list[tuple[float, float]] = []
        best = -1.0
        for dot in sorted(self._dots, key=lambda dot: (dot.time, -dot.figure.value)):
            if dot.figure.value > best and not dot.look.is_reference:
                x, y = self._x(dot.time), self._y(dot.figure.value)
                kept += [(x, kept[-1][1]), (x, y)] if kept else [(x, y)]
                best = dot.figure.value
        return kept

    def _ceiling(self, dot: _Dot) -> Markup:
        """Return a line across: what sees the gold has no time worth telling."""
        field, y = self._field, self._y(dot.figure.value)
        return group(
            element("title", _told(dot)),
            path([(field.left, y), (field.right, y)], kind="line", dash=dot.look.dash),
            text(field.left + 8, y - 6, f"{dot.name} {percent(dot.figure.value)}", kind="label"),
            look=dot.look,
            kind="series",
        )

    def _marks(self, steps: Sequence[tuple[float, float]]) -> list[Markup]:
        field = self._field
        places = [(self._x(dot.time), self._y(dot.figure.value)) for dot in self._dots]
        names = [clipped(dot.name, 22) for dot in self._dots]
        boxes = place_beside(
            places,
            [width_of(name, size=SIZE) for name in names],
            height=SIZE + 3,
            taken=[around(start, end) for start, end in pairwise(steps)],
            bounds=Box(left=field.left, top=field.top - 6, right=field.right + 14, bottom=field.bottom),
        )
        return [
            self._mark(dot, place, name, box)
            for dot, place, name, box in zip(self._dots, places, names, boxes, strict=True)
        ]

    def _mark(self, dot: _Dot, place: tuple[float, float], name: str, box: Box) -> Markup:
        x, y = place
        # words end where the point is, so that a font wider or narrower than thought stays beside it
        anchor = "start" if box.left > x else "end" if box.right < x else "middle"
        at = {"start": box.left, "end": box.right, "middle": x}[anchor]
        return group(
            element("title", _told(dot)),
            line((x, self._y(dot.figure.low)), (x, self._y(dot.figure.high)), kind="whisker"),
            mark(x, y, dot.look, radius=6),
            text(at, box.bottom - 4, name, anchor=anchor, kind="label"),
            look=dot.look,
            kind="series",
        )


def _tick(time: float) -> str:
    return f"{time:,.10g} ms" if time < 1000 else f"{time / 1000:,.10g} s"


def _told(dot: _Dot) -> str:
    return f"{dot.name} {percent(dot.figure.value)} % in {milliseconds(dot.time)}"


def _table(systems: Sequence[SystemSummary], metric: str) -> Grid:
    rows: list[tuple[Cell, ...]] = []
    for one in systems:
        taken = one.latency.get(TOTAL)
        times = (taken.p50_ms, taken.p95_ms) if taken else ()
        cells = [Cell(text=milliseconds(time), order=time) for time in times] or [NO_CELL, NO_CELL]
        rows.append((name_cell(one.system, system=one.system), figure_cell(one.figures.get(metric)), *cells))
    return Grid(
        title=f"{metric_words(metric)}, %, and time of a question",
        headings=(
            Heading(text="System", is_name=True),
            Heading(text=metric),
            Heading(text="p50"),
            Heading(text="p95"),
        ),
        rows=tuple(rows),
    )
