"""Renders a retrieval run: JSON for programs, tables for people, the protocol beside both."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from .protocol import RunProtocol
from .retrieval import RetrievalResult, RetrievalSettings, Scores


def to_json(protocol: RunProtocol, result: RetrievalResult, *, pool: RetrievalResult | None = None) -> str:
    """Return the run as a JSON object: protocol, n, metrics, by_category, latency_ms, pool if given, problems.

    Recall is in per cent, 0 to 100, rounded to 2 decimals; `n` and `by_category` go by category,
    `n` also by "overall". `pool` is
    what an ideal order of the candidates would reach, its recall inside the budget being that of the whole pool.
    """
    document: dict[str, object] = {"protocol": asdict(protocol), "n": counts(result), **figures(result)}
    if pool is not None:
        document["pool"] = {"metrics": metrics(pool.overall(), pool.settings), "by_category": by_category(pool)}
    document["problems"] = [asdict(problem) for problem in result.problems]
    return rendered(document)


def counts(result: RetrievalResult) -> dict[str, int]:
    """Return how many questions were scored, by category asked for and overall."""
    scored = result.by_category()
    return {**{category: scores.n for category, scores in scored.items()}, "overall": result.overall().n}


def figures(result: RetrievalResult) -> dict[str, object]:
    """Return what a JSON says of one system: metrics, by_category, latency_ms."""
    return {
        "metrics": metrics(result.overall(), result.settings),
        "by_category": by_category(result),
        "latency_ms": {
            stage: {"p50": round(taken.p50_ms, 3), "p95": round(taken.p95_ms, 3)}
            for stage, taken in result.latency().items()
        },
    }


def by_category(result: RetrievalResult) -> dict[str, Mapping[str, float]]:
    """Return the metrics of each category with a scored question."""
    return {category: metrics(scores, result.settings) for category, scores in result.by_category().items()}


def rendered(document: Mapping[str, object]) -> str:
    """Return a document as JSON text."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def retrieval_table(protocol: RunProtocol, result: RetrievalResult, *, pool: RetrievalResult | None = None) -> Table:
    """Return recall in per cent by category and overall, with n, and the protocol line beneath.

    With `pool` a last column says how much of the gold is among the candidates at all.
    """
    table = recall_table(protocol, result.settings)
    table.add_column("category")
    for name in ("n", *metric_columns(result.settings), *(["pool"] if pool is not None else [])):
        table.add_column(name, justify="right")
    held: Mapping[str, Scores] = {} if pool is None else pool.by_category()
    for category, scores in result.by_category().items():
        table.add_row(category, str(scores.n), *cells(scores, result.settings), *_held(held.get(category)))
    table.add_section()
    overall = result.overall()
    ceiling = None if pool is None else pool.overall()
    table.add_row("overall", str(overall.n), *cells(overall, result.settings), *_held(ceiling), style="bold")
    return table


def recall_table(protocol: RunProtocol, settings: RetrievalSettings) -> Table:
    """Return an empty table of recall, under its title and above its protocol."""
    return Table(
        title=f"Recall of gold evidence {settings.unit.name}s, %",
        caption=Text(protocol_line(protocol)),
        caption_justify="left",
    )


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


def metrics(scores: Scores, settings: RetrievalSettings) -> Mapping[str, float]:
    """Return recall inside the budget and at each k in per cent, and the mean tokens of the context."""
    return {**recalls(scores, settings), _TOKENS: round(scores.context_tokens, 2)}


def recalls(scores: Scores, settings: RetrievalSettings) -> dict[str, float]:
    """Return recall inside the budget and at each k in per cent."""
    return {
        f"recall@{settings.budget}": _percent(scores.context_recall),
        **{f"R@{k}": _percent(scores.recall_at[k]) for k in settings.ks},
    }


def metric_columns(settings: RetrievalSettings) -> list[str]:
    """Return the headings of `cells`."""
    return [f"recall@{settings.budget}", *(f"R@{k}" for k in settings.ks), "context tokens"]


def cells(scores: Scores, settings: RetrievalSettings) -> list[str]:
    """Return the metrics as a table shows them."""
    return [f"{value:.2f}" for value in metrics(scores, settings).values()]


def _held(pool: Scores | None) -> list[str]:
    return [] if pool is None else [f"{_percent(pool.context_recall):.2f}"]


def _percent(fraction: float) -> float:
    return round(fraction * 100, 2)
