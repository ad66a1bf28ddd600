"""Chart: recall of gold evidence against the budget of the context, a line a system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..summary import Figure, SystemSummary
from .axes import NARROW, SIZE, WIDE, Field, caption_of, columns_of, heading_of, rows_of
from .choices import best_system, budgets_of, headline_metric
from .grid import Chart, Grid, Heading
from .labels import spread
from .looks import Look
from .scales import field_bounds, fraction_ticks
from .svg import Scale, clipped, drawing, element, group, line, mark, path, text
from .words import figure_cell, interval, name_cell, percent

GAP = 15.0


def budget_chart(systems: Sequence[SystemSummary], looks: Mapping[str, Look]) -> Chart | None:
    """Return recall against the budget for the systems of one unit, None with fewer than two budgets."""
    budgets = budgets_of(systems)
    if len(budgets) < 2:
        return None
    lines = [one for one in (_Line.of(system, looks, budgets) for system in systems) if one.points]
    references = [one for one in lines if one.look.is_reference]
    ours = [one for one in lines if not one.look.is_reference] or lines
    bounds = field_bounds(_values(ours), _values(references))
    below = [one.name for one in references if min(_values([one])) < bounds[0]]
    shown = [one for one in lines if one.name not in below]
    best = best_system([one for one in systems if one.system not in below], headline_metric(systems))
    note = "How much of the evidence fits into a small context. The band is the 95 % interval of the system in focus."
    if below:
        note += f" Lower than the chart reaches: {', '.join(below)}."
    return Chart(
        title="Recall against the size of the context",
        note=note,
        wide=_Sheet(WIDE, 420.0, bounds, budgets).drawn(shown),
        narrow=_Sheet(NARROW, 380.0, bounds, budgets).drawn(shown),
        table=_table(systems, budgets),
        systems=tuple(one.name for one in shown),
        focus=best.system if best else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    name: str
    look: Look
    points: tuple[tuple[int, Figure], ...]

    @classmethod
    def of(cls, system: SystemSummary, looks: Mapping[str, Look], budgets: Sequence[int]) -> "_Line":
        held = ((budget, system.figures.get(f"recall@{budget}")) for budget in budgets)
        points = tuple((budget, figure) for budget, figure in held if figure is not None)
        return cls(name=system.system, look=looks[system.system], points=points)


def _values(lines: Sequence[_Line]) -> list[float]:
    return [figure.value for one in lines for _, figure in one.points]


class _Sheet:
    """One width of the chart."""

    def __init__(self, width: float, height: float, bounds: tuple[float, float], budgets: Sequence[int]) -> None:
        self._width, self._height = width, height
        self._is_wide = width > 500
        room = 190.0 if self._is_wide else 132.0
        self._field = Field(left=44, top=34, right=width - room, bottom=height - 52)
        self._bounds, self._budgets = bounds, budgets
        self._x: Scale = self._field.across(budgets[0], budgets[-1], is_log=True)
        self._y: Scale = self._field.upwards(*bounds)

    def drawn(self, lines: Sequence[_Line]) -> Markup:
        """Return the whole drawing."""
        ends = spread(
            [self._y(one.points[-1][1].value) for one in lines],
            gap=GAP,
            low=self._field.top,
            high=self._field.bottom,
        )
        told = "; ".join(f"{one.name} {percent(one.points[-1][1].value)} %" for one in lines)
        return drawing(
            self._width,
            self._height,
            "Recall against the size of the context",
            rows_of(self._field, self._y, fraction_ticks(*self._bounds), lambda tick: f"{100 * tick:.0f}"),
            columns_of(self._field, self._x, self._budgets, lambda tick: f"{tick:,.0f}"),
            heading_of(self._field, "Recall of gold evidence, %"),
            caption_of(self._field, "tokens of context, at most (log scale)"),
            *(self._band(one) for one in lines),
            *(self._line(one, end) for one, end in zip(lines, ends, strict=True)),
            described=f"At {self._budgets[-1]:,} tokens: {told}.",
        )

    def _band(self, one: _Line) -> Markup:
        lower = [(self._x(budget), self._y(figure.low)) for budget, figure in one.points]
        upper = [(self._x(budget), self._y(figure.high)) for budget, figure in one.points]
        return group(path([*lower, *reversed(upper)], kind="area", is_closed=True), look=one.look, kind="band")

    def _line(self, one: _Line, end: float) -> Markup:
        places = [(self._x(budget), self._y(figure.value)) for budget, figure in one.points]
        last, edge = places[-1], self._field.right
        return group(
            path(places, kind="hit"),
            path(places, kind="line", dash=one.look.dash),
            *(
                element("g", element("title", _told(one, budget, figure)), mark(*place, one.look))
                for place, (budget, figure) in zip(places, one.points, strict=True)
            ),
            line((last[0] + 6, last[1]), (edge + 14, end), kind="leader"),
            text(edge + 18, end + SIZE / 3, self._label(one), kind="label"),
            look=one.look,
            kind="series",
        )

    def _label(self, one: _Line) -> str:
        value = percent(one.points[-1][1].value)
        return f"{clipped(one.name, 22 if self._is_wide else 11)} {value}"


def _told(one: _Line, budget: int, figure: Figure) -> str:
    return f"{one.name}, {budget:,} tokens: {percent(figure.value)} % ({interval(figure)}), {figure.n} questions"


def _table(systems: Sequence[SystemSummary], budgets: Sequence[int]) -> Grid:
    rows = [
        (
            name_cell(one.system, system=one.system),
            *(figure_cell(one.figures.get(f"recall@{budget}")) for budget in budgets),
        )
        for one in systems
    ]
    headings = [Heading(text=f"{budget:,} tokens") for budget in budgets]
    return Grid(
        title="Recall of gold evidence by budget, %",
        headings=(Heading(text="System", is_name=True), *headings),
        rows=tuple(rows),
    )
