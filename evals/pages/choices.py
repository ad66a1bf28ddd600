"""What of a run is shown first: its headline metric, its best system, and systems unit by unit."""

from collections.abc import Iterable, Mapping, Sequence

from ..scores import ANSWER_METRICS, MRR, NDCG, POOL
from ..summary import Figure, RunSummary, SystemSummary
from .looks import is_honest, is_reference

HEADLINE_BUDGET = 854
"""The budget that the field reports most; the largest one where it was not asked."""


def metrics_of(systems: Iterable[SystemSummary]) -> list[str]:
    """Return every metric of some system, in the order in which they are shown."""
    return list(dict.fromkeys(name for one in systems for name in one.figures))


def retrieval_metrics(systems: Iterable[SystemSummary]) -> list[str]:
    """Return the metrics of retrieval, any and all left to their own table."""
    shown = [name for name in metrics_of(systems) if not name.startswith(("any@", "all@"))]
    return [name for name in shown if name not in ANSWER_METRICS]


def answer_metrics(systems: Iterable[SystemSummary]) -> list[str]:
    """Return the metrics of answers."""
    return [name for name in metrics_of(systems) if name in ANSWER_METRICS]


def budgets_of(systems: Iterable[SystemSummary]) -> list[int]:
    """Return the budgets that recall is known for, ascending."""
    names = metrics_of(systems)
    return sorted(int(name.removeprefix("recall@")) for name in names if name.startswith("recall@"))


def headline_budget(budgets: Sequence[int]) -> int | None:
    """Return the budget that is told first, None where there is none."""
    return HEADLINE_BUDGET if HEADLINE_BUDGET in budgets else max(budgets, default=None)


def headline_metric(systems: Sequence[SystemSummary]) -> str | None:
    """Return the metric that is told first: recall at the headline budget, or what comes nearest to it.

    None where no system has any figure.
    """
    names, budget = metrics_of(systems), headline_budget(budgets_of(systems))
    if budget is not None:
        return f"recall@{budget}"
    return next((name for name in ("R@5", "R@10", MRR, *names) if name in names), None)


def telling_metrics(systems: Sequence[SystemSummary]) -> list[str]:
    """Return the few metrics that differences are drawn for: the headline, the first 5, ranks, and answers."""
    names = metrics_of(systems)
    wanted = dict.fromkeys((headline_metric(systems) or "", "R@5", MRR, NDCG, "F1", "judge"))
    return [name for name in wanted if name in names][:4]


def best_of(figures: Mapping[str, Figure | None]) -> str | None:
    """Return the name with the highest figure, the first of equals, those that see the gold left out."""
    held = {name: figure.value for name, figure in figures.items() if figure is not None and is_honest(name)}
    return max(held, key=lambda name: held[name]) if held else None


def best_system(systems: Iterable[SystemSummary], metric: str | None) -> SystemSummary | None:
    """Return the system that is best in a metric, None where none has it."""
    able = [one for one in systems if metric in one.figures and is_honest(one.system)]
    return max(able, key=lambda one: one.figures[metric or ""].value, default=None)


def best_values(systems: Sequence[SystemSummary], metrics: Iterable[str]) -> dict[str, float]:
    """Return the highest figure of each metric among the systems that do not see the gold, where they are several."""
    able = [one for one in systems if is_honest(one.system)]
    found = {name: [one.figures[name].value for one in able if name in one.figures] for name in metrics}
    return {name: max(values) for name, values in found.items() if len(values) > 1 and name != POOL}


def units_of(summary: RunSummary) -> dict[str, list[SystemSummary]]:
    """Return the systems by unit, both in the order of the run, references last."""
    units: dict[str, list[SystemSummary]] = {one.unit: [] for one in summary.systems}
    for one in sorted(summary.systems, key=lambda system: is_reference(system.system)):
        units[one.unit].append(one)
    return units
