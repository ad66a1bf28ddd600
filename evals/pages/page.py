"""A whole page before it is written down: everything Markdown and HTML show, in the order in which they show it."""

from dataclasses import dataclass

from ..summary import RunSummary, SystemSummary
from .bar_chart import category_charts
from .budget_chart import budget_chart
from .calibration_chart import calibration_charts
from .choices import headline_metric, telling_metrics, units_of
from .conditions import Fact, FactGroup, protocol_groups
from .facts import Headline, Trouble, excluded_facts, headlines, troubles
from .forest_chart import forest_charts
from .grid import Chart, Grid
from .insights import Hard, Insights
from .latency_chart import latency_chart
from .looks import Look, looks_of
from .tables import (
    answer_table,
    any_all_table,
    category_tables,
    cost_table,
    difference_table,
    latency_table,
    main_table,
)
from .words import counted, metric_words


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPart:
    """The charts of systems that rank the same unit; `metric` is what bars show, in words."""

    unit: str
    table: Grid | None
    metric: str
    baseline: str
    charts: tuple[Chart, ...]
    categories: tuple[Chart, ...]
    forest: tuple[Chart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a report shows of one run."""

    title: str
    subtitle: str
    headlines: tuple[Headline, ...]
    protocol: tuple[FactGroup, ...]
    answers: Grid | None
    differences: Grid | None
    units: tuple[UnitPart, ...]
    declining: tuple[Chart, ...]
    categories: tuple[Grid, ...]
    more_tables: tuple[Grid, ...]
    excluded: tuple[Fact, ...]
    troubles: tuple[Trouble, ...]
    problems: int
    hardest: tuple[Hard, ...]
    looks: dict[str, Look]


def page_of(summary: RunSummary, insights: Insights | None = None) -> Page:
    """Return the page of a run; without `insights` it has no curves of declining and no hardest questions."""
    seen = insights or Insights()
    looks = looks_of(summary)
    protocol = summary.protocol
    more = (any_all_table(summary), latency_table(summary), cost_table(summary))
    return Page(
        title=f"Evaluation of {protocol.dataset}",
        subtitle=_subtitle(summary, seen),
        headlines=tuple(headlines(summary)),
        protocol=tuple(protocol_groups(protocol)),
        answers=answer_table(summary),
        differences=difference_table(summary),
        units=tuple(
            part
            for unit, systems in units_of(summary).items()
            if (part := _unit_part(summary, unit, systems, looks)) is not None
        ),
        declining=tuple(calibration_charts(summary, seen)),
        categories=tuple(category_tables(summary)),
        more_tables=tuple(table for table in more if table is not None),
        excluded=tuple(excluded_facts(summary)),
        troubles=tuple(troubles(summary.problems)),
        problems=len(summary.problems),
        hardest=seen.hardest,
        looks=looks,
    )


def _subtitle(summary: RunSummary, seen: Insights) -> str:
    protocol = summary.protocol
    done = min(seen.asked.values(), default=protocol.asked)
    so_far = f"{done:,} of {counted(protocol.asked, 'question')} so far"
    return " · ".join(
        (
            so_far if done < protocol.asked else counted(protocol.asked, "question"),
            counted(protocol.conversations, "conversation"),
            counted(protocol.turns, "turn"),
            counted(len(summary.systems), "system"),
            protocol.date[:10],
        )
    )


def _unit_part(
    summary: RunSummary, unit: str, systems: list[SystemSummary], looks: dict[str, Look]
) -> UnitPart | None:
    """Return the charts of one unit, None where there is nothing to draw."""
    metric = headline_metric(systems)
    if metric is None:
        return None
    baseline = summary.baselines[unit]
    several = {one.system: summary.differences.get(one.name, ()) for one in systems if one.name != baseline}
    charts = (budget_chart(systems, looks), latency_chart(systems, looks, metric))
    return UnitPart(
        unit=unit,
        table=main_table(systems, unit=unit if len(summary.baselines) > 1 else ""),
        metric=metric_words(metric),
        baseline=baseline,
        charts=tuple(chart for chart in charts if chart is not None),
        categories=tuple(category_charts(systems, looks, metric)),
        forest=tuple(forest_charts(several, looks, telling_metrics(systems), baseline=baseline)),
    )
