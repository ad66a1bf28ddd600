"""A run's figures as one JSON document, for programs; the keys are documented here and in docs/evaluation.md."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from .metrics import Latency
from .summary import Abstention, CostSummary, Difference, Figure, RunSummary, SystemSummary


def to_json(summary: RunSummary) -> str:
    """Return `to_document` as JSON text that ends in a newline."""
    return json.dumps(to_document(summary), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_document(summary: RunSummary) -> dict[str, object]:
    """Return a run as JSON values; rates are in per cent, 0 to 100, rounded to 2 decimals.

    - `protocol`: `RunProtocol`, key by key.
    - `baseline`: the first system; `baselines`: by unit, what the others of that unit are compared with.
    - `systems`: by name, as tables show it: `system`, `unit`; `metrics`, `intervals` (low and high of 95 %) and `n`
      by metric; `by_category`: the same three for each; `latency_ms`: p50 and p95 by stage; `cost`; `abstention`
      (null where it does not answer) and `abstention_by_category`; `failed`: questions without a result;
      `difference`: by metric, to the system's baseline, in percentage points (see below).
    - `excluded`, `excluded_from_answers`: questions left out, by reason; `problems`: what was skipped or went wrong.
    - `peak_rss_mib`: of the process, null where it was not looked at.

    A difference has `value`, `low`, `high` (95 %), `n` pairs, `p`, `significant` (0 is outside the interval) and
    `survives_holm` (significant still after correction for all metrics of the pair).
    """
    return {
        "protocol": asdict(summary.protocol),
        "baseline": summary.baseline,
        "baselines": dict(summary.baselines),
        "systems": {one.name: _system(one, summary.differences.get(one.name, ())) for one in summary.systems},
        "excluded": dict(summary.excluded),
        "excluded_from_answers": dict(summary.excluded_from_answers),
        "problems": [asdict(problem) for problem in summary.problems],
        "peak_rss_mib": None if summary.peak_rss_mib is None else round(summary.peak_rss_mib, 1),
    }


def difference_document(difference: Difference) -> dict[str, object]:
    """Return a difference as JSON values, in percentage points; its metric is the key it stands under."""
    return {
        "value": _percent(difference.value),
        "low": _percent(difference.low),
        "high": _percent(difference.high),
        "n": difference.n,
        "p": round(difference.p, 4),
        "significant": difference.is_significant,
        "survives_holm": difference.survives_holm,
    }


def _system(system: SystemSummary, differences: tuple[Difference, ...]) -> dict[str, object]:
    return {
        "system": system.system,
        "unit": system.unit,
        **_figures(system.figures),
        "by_category": {category: _figures(figures) for category, figures in system.by_category.items()},
        "latency_ms": {stage: _latency(taken) for stage, taken in system.latency.items()},
        "cost": _cost(system.cost),
        "abstention": _abstention(system.abstention),
        "abstention_by_category": {name: _abstention(one) for name, one in system.abstention_by_category.items()},
        "failed": system.failed,
        "difference": {one.metric: difference_document(one) for one in differences},
    }


def _figures(figures: Mapping[str, Figure]) -> dict[str, object]:
    return {
        "metrics": {metric: _percent(one.value) for metric, one in figures.items()},
        "intervals": {metric: [_percent(one.low), _percent(one.high)] for metric, one in figures.items()},
        "n": {metric: one.n for metric, one in figures.items()},
    }


def _latency(taken: Latency) -> dict[str, float]:
    return {"p50": round(taken.p50_ms, 3), "p95": round(taken.p95_ms, 3)}


def _cost(cost: CostSummary) -> dict[str, object]:
    """Return costs, means rounded to 2 decimals; `context_tokens` goes by budget, which JSON makes a string."""
    values = {name: round(value, 2) if isinstance(value, float) else value for name, value in asdict(cost).items()}
    return {**values, "context_tokens": {str(budget): round(n, 2) for budget, n in cost.context_tokens.items()}}


def _abstention(abstention: Abstention | None) -> dict[str, object] | None:
    if abstention is None:
        return None
    return {
        "precision": None if abstention.precision is None else _percent(abstention.precision),
        "recall": None if abstention.recall is None else _percent(abstention.recall),
        "asked": abstention.asked,
        "declined": abstention.declined,
        "unanswerable": abstention.unanswerable,
    }


def _percent(fraction: float) -> float:
    return round(100 * fraction, 2) + 0.0  # never -0.0
