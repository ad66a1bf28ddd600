"""Renders a retrieval run: JSON for programs, tables for people, the protocol beside both."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from .locomo import CATEGORY_NAMES
from .protocol import RunProtocol
from .retrieval import RetrievalResult, RetrievalSettings, Scores


def to_json(protocol: RunProtocol, result: RetrievalResult) -> str:
    """Return the run as a JSON object: protocol, n, metrics, by_category, latency_ms, problems.

    Recall is in per cent, 0 to 100, rounded to 2 decimals; `n` and `by_category` go by category ("1"),
    `n` also by "overall"; a category asked for without a scored question has n 0 and no metrics.
    """
    by_category = result.by_category()
    counts = {str(c): by_category[c].n if c in by_category else 0 for c in result.settings.categories}
    document = {
        "protocol": asdict(protocol),
        "n": {**counts, "overall": result.overall().n},
        "metrics": _metrics(result.overall(), result.settings),
        "by_category": {str(category): _metrics(scores, result.settings) for category, scores in by_category.items()},
        "latency_ms": {
            stage: {"p50": round(taken.p50_ms, 3), "p95": round(taken.p95_ms, 3)}
            for stage, taken in result.latency().items()
        },
        "problems": [asdict(problem) for problem in result.problems],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def retrieval_table(protocol: RunProtocol, result: RetrievalResult) -> Table:
    """Return recall in per cent by category and overall, with n, and the protocol line beneath."""
    table = Table(
        title="Recall of gold evidence turns, %",
        caption=Text(protocol_line(protocol)),
        caption_justify="left",
    )
    table.add_column("category")
    names = list(_metrics(result.overall(), result.settings))
    for name in ("n", *(name if name != _TOKENS else "context tokens" for name in names)):
        table.add_column(name, justify="right")
    for category, scores in result.by_category().items():
        table.add_row(f"{category} {CATEGORY_NAMES[category]}", *_cells(scores, result.settings))
    table.add_section()
    table.add_row("overall", *_cells(result.overall(), result.settings), style="bold")
    return table


def latency_table(result: RetrievalResult) -> Table:
    """Return milliseconds per question by stage, p50 and p95."""
    table = Table(title="Latency per question, ms")
    table.add_column("stage")
    table.add_column("p50", justify="right")
    table.add_column("p95", justify="right")
    for stage, taken in result.latency().items():
        table.add_row(Text(stage), f"{taken.p50_ms:.2f}", f"{taken.p95_ms:.2f}")
    return table


def protocol_line(protocol: RunProtocol) -> str:
    """Return the protocol as one line, so that no figure stands alone."""
    system, machine = protocol.system, protocol.machine
    excluded = ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in protocol.excluded.items())
    parts = (
        f"{protocol.dataset} (sha256 {protocol.sha256[:12]})",
        f"{protocol.conversations} conversations",
        f"{protocol.turns} turns",
        f"{sum(protocol.questions.values())} questions",
        f"categories {', '.join(map(str, protocol.categories))}",
        f"excluded: {excluded or 'none'}",
        f"unit {protocol.unit}",
        f"context {protocol.budget} tokens by {system.tokenizer}",
        f"embedder {system.embedder} ({system.embedder_fingerprint[:12]})",
        f"fusion {system.fusion or 'not told'}",
        f"reranker {system.reranker}",
        f"recollect {system.recollect_version}",
        f"seed {'none' if system.seed is None else system.seed}",
        f"{machine.cpus} CPUs, Python {machine.python}, torch {machine.torch or 'not loaded'}",
        protocol.date,
    )
    return " · ".join(parts)


_TOKENS = "context_tokens_mean"


def _metrics(scores: Scores, settings: RetrievalSettings) -> Mapping[str, float]:
    return {
        f"recall@{settings.budget}": _percent(scores.context_recall),
        **{f"R@{k}": _percent(scores.recall_at[k]) for k in settings.ks},
        _TOKENS: round(scores.context_tokens, 2),
    }


def _cells(scores: Scores, settings: RetrievalSettings) -> list[str]:
    metrics = _metrics(scores, settings)
    return [str(scores.n), *(f"{value:.2f}" for value in metrics.values())]


def _percent(fraction: float) -> float:
    return round(fraction * 100, 2)
