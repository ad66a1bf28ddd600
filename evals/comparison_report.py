"""Renders several systems beside each other: one row each, their differences to the first, what the pool holds."""

from collections.abc import Mapping
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from .bootstrap import Interval, paired_difference
from .protocol import RunProtocol
from .report import by_category, cells, counts, figures, metric_columns, metrics, recall_table, recalls, rendered
from .retrieval import RetrievalResult, Scores
from .run import Comparison

POOL_ROW = "pool, ideal order"
_NOTHING = "–"


def comparison_json(protocol: RunProtocol, comparison: Comparison) -> str:
    """Return all of a comparison as a JSON object: protocol, n, baseline, systems, pool, failures, problems.

    Each of `systems` has the keys that a run of its own has (see `report.to_json`), its own problems, and
    `difference`: by metric the mean difference to the baseline in percentage points with its 95 % interval.
    """
    differences = all_differences(comparison)
    pool = comparison.pool
    systems = {
        name: {
            **figures(result),
            "difference": {metric: _rounded(found) for metric, found in differences.get(name, {}).items()},
            "problems": [asdict(problem) for score in result.questions for problem in score.problems],
        }
        for name, result in comparison.results.items()
    }
    document: dict[str, object] = {
        "protocol": asdict(protocol),
        "n": counts(comparison.results[comparison.baseline]),
        "baseline": comparison.baseline,
        "systems": systems,
        "pool": None
        if pool is None
        else {"metrics": metrics(pool.overall(), pool.settings), "by_category": by_category(pool)},
        "failures": dict(comparison.failures),
        "problems": [asdict(problem) for problem in comparison.problems],
    }
    return rendered(document)


def all_differences(comparison: Comparison) -> dict[str, dict[str, Interval]]:
    """Return by system and metric the difference to the baseline, a fraction, clustered by conversation."""
    baseline = comparison.results[comparison.baseline]
    clusters = [score.conversation for score in baseline.questions]
    base = _values(baseline)
    return {
        name: {
            metric: paired_difference(values, base[metric], clusters) for metric, values in _values(result).items()
        }
        for name, result in comparison.results.items()
        if name != comparison.baseline
    }


def _values(result: RetrievalResult) -> dict[str, list[float]]:
    """Return every question's recall by metric, in the order asked."""
    settings = result.settings
    return {
        f"recall@{settings.budget}": [score.context_recall for score in result.questions],
        **{f"R@{k}": [score.recall_at[k] for score in result.questions] for k in settings.ks},
    }


def comparison_table(protocol: RunProtocol, comparison: Comparison) -> Table:
    """Return recall in per cent over all questions, a row a system, then the pool's."""
    baseline = comparison.results[comparison.baseline]
    table = recall_table(protocol, baseline.settings)
    table.add_column(f"{baseline.overall().n} questions")
    for name in metric_columns(baseline.settings):
        table.add_column(name, justify="right")
    for name, result in comparison.results.items():
        table.add_row(Text(name), *cells(result.overall(), result.settings), style="bold")
    _add_pool(table, comparison.pool, None if comparison.pool is None else comparison.pool.overall())
    return table


def category_table(comparison: Comparison) -> Table:
    """Return recall in per cent by category, in each a row a system, then the pool's."""
    baseline = comparison.results[comparison.baseline]
    table = Table(title=f"By category: recall of gold evidence {baseline.settings.unit.name}s, %")
    table.add_column("category")
    table.add_column("")
    for name in metric_columns(baseline.settings):
        table.add_column(name, justify="right")
    for category, scores in baseline.by_category().items():
        heading = f"{category} ({scores.n})"
        for name, result in comparison.results.items():
            table.add_row(heading, Text(name), *cells(result.by_category()[category], result.settings))
            heading = ""
        if comparison.pool is not None:
            _add_pool(table, comparison.pool, comparison.pool.by_category()[category], "")
        table.add_section()
    return table


def _add_pool(table: Table, pool: RetrievalResult | None, scores: Scores | None, *before: str) -> None:
    if pool is not None and scores is not None:
        ceiling = [f"{value:.2f}" for value in recalls(scores, pool.settings).values()]
        table.add_row(*before, POOL_ROW, *ceiling, _NOTHING, style="dim")


def difference_table(comparison: Comparison) -> Table:
    """Return the differences to the first system in percentage points, with their intervals."""
    baseline = comparison.results[comparison.baseline]
    conversations = len({score.conversation for score in baseline.questions})
    table = Table(
        title=f"Difference to {comparison.baseline}, points [95 % interval]",
        caption=f"Paired by question, bootstrap over {conversations} conversations",
        caption_justify="left",
    )
    table.add_column("")
    for name in _values(baseline):
        table.add_column(name, justify="right")
    for name, intervals in all_differences(comparison).items():
        table.add_row(Text(name), *(_shown(interval) for interval in intervals.values()))
    return table


def compared_latency_table(comparison: Comparison) -> Table:
    """Return milliseconds per question by stage, a column a system; what all share is counted for each."""
    table = Table(title="Latency per question, ms, p50 / p95")
    table.add_column("stage")
    taken = {name: result.latency() for name, result in comparison.results.items()}
    for name in taken:
        table.add_column(Text(name), justify="right")
    for stage in dict.fromkeys(stage for stages in taken.values() for stage in stages):
        row = [stages.get(stage) for stages in taken.values()]
        table.add_row(Text(stage), *(f"{one.p50_ms:.1f} / {one.p95_ms:.1f}" if one else _NOTHING for one in row))
    return table


def _shown(interval: Interval) -> str:
    points = {bound: round(100 * value, 1) + 0.0 for bound, value in asdict(interval).items()}
    return f"{points['value']:+.1f}\n[{points['low']:.1f}, {points['high']:.1f}]"


def _rounded(interval: Interval) -> Mapping[str, float]:
    return {bound: round(100 * value, 2) + 0.0 for bound, value in asdict(interval).items()}
