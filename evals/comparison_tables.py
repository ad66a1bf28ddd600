"""Compared systems as tables for the terminal and as JSON: every metric overall and by category."""

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from .compare import Comparison
from .run_pairs import RunComparison
from .summary import Difference
from .summary_json import difference_document
from .tables import STARS, shown_difference

TELLING = ("recall@", "R@5", "MRR", "nDCG@10", "F1", "EM", "judge", "F1 audited")
"""Metrics that are shown first, by how they begin."""


def comparison_table(comparison: Comparison, *, every_metric: bool = False) -> Table:
    """Return a row a metric and a column a category, in percentage points; `any` and `all` only on demand."""
    columns: dict[str, Mapping[str, Difference]] = {"all questions": _by_metric(comparison.overall)}
    columns |= {name: _by_metric(found) for name, found in comparison.by_category.items() if found}
    table = Table(title=Text(f"{comparison.b} minus {comparison.a}, points [95 % interval]"))
    table.add_column("metric", no_wrap=True)
    for name, found in columns.items():
        pairs = max((one.n for one in found.values()), default=0)
        table.add_column(Text(f"{name} ({pairs:,})"), justify="right")
    for metric in _shown(comparison, every_metric=every_metric):
        table.add_row(Text(metric), *(Text(shown_difference(found.get(metric))) for found in columns.values()))
    table.caption, table.caption_justify = Text(_caption(comparison)), "left"
    return table


def comparison_document(compared: RunComparison) -> dict[str, object]:
    """Return compared runs as JSON values, in percentage points.

    `warnings`: what of the protocols differs; `comparisons`: `a` and `b`, systems, b minus a; `pairs` of questions,
    `only_in_a`, `only_in_b`, `failed`; `overall` by metric and `by_category` the same for each, a difference being
    as in `summary_json.to_document`.
    """
    return {
        "warnings": list(compared.warnings),
        "comparisons": [_document(comparison) for comparison in compared.comparisons],
    }


def _document(comparison: Comparison) -> dict[str, object]:
    return {
        "a": comparison.a,
        "b": comparison.b,
        "pairs": comparison.pairs,
        "conversations": comparison.conversations,
        "only_in_a": comparison.only_in_a,
        "only_in_b": comparison.only_in_b,
        "failed": comparison.failed,
        "overall": _documents(comparison.overall),
        "by_category": {name: _documents(found) for name, found in comparison.by_category.items()},
    }


def _documents(differences: Sequence[Difference]) -> dict[str, object]:
    return {one.metric: difference_document(one) for one in differences}


def _by_metric(differences: Sequence[Difference]) -> dict[str, Difference]:
    return {one.metric: one for one in differences}


def _shown(comparison: Comparison, *, every_metric: bool) -> list[str]:
    metrics = list(dict.fromkeys(one.metric for one in comparison.overall))
    telling = [name for name in metrics if name == "R@5" or name.startswith(TELLING)]
    return metrics if every_metric or not telling else telling


def _caption(comparison: Comparison) -> str:
    drawn = f"{comparison.conversations} conversations" if comparison.conversations > 1 else "questions"
    parts = [f"{comparison.pairs:,} pairs of questions, bootstrap over {drawn}", STARS]
    outside = {
        f"only in {comparison.a}": comparison.only_in_a,
        f"only in {comparison.b}": comparison.only_in_b,
        "failed in either": comparison.failed,
    }
    parts += [f"{count:,} {where}" for where, count in outside.items() if count]
    return " · ".join(parts)
