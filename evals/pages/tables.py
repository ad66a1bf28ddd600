"""The tables of a page: all figures, answers, differences, categories, any and all, time and cost."""

from collections.abc import Mapping, Sequence

from ..scores import POOL
from ..summary import CostSummary, Figure, RunSummary, SystemSummary
from .choices import (
    answer_metrics,
    best_values,
    budgets_of,
    headline_budget,
    metrics_of,
    retrieval_metrics,
    telling_metrics,
)
from .grid import NO_CELL, NOTHING, Cell, Grid, Heading
from .latency_chart import TOTAL
from .words import (
    counted,
    difference_cell,
    figure_cell,
    metric_words,
    milliseconds,
    name_cell,
    number_cell,
    percent,
)

SYSTEM = Heading(text="System", is_name=True)
STARS = "* 0 is outside the 95 % interval; ** still so after Holm's correction for all metrics of the pair."
SPREAD = "Small numbers are 95 % intervals (bootstrap over conversations)."


def main_table(systems: Sequence[SystemSummary], *, unit: str = "") -> Grid | None:
    """Return retrieval over all questions, a row a system; None where nothing was retrieved.

    Units are told apart by `unit` in the title: gold differs from one to another, and so what is best.
    """
    names = [name for name in retrieval_metrics(systems) if name != POOL]
    if not names:
        return None
    budget = headline_budget(budgets_of(systems))
    tokens = [Heading(text="tokens", group="Cost", note=f"Mean length of a context of {budget}")] if budget else []
    time = Heading(text="p50", group="Cost", note="Median time of a question")
    rows: list[tuple[Cell, ...]] = []
    best = best_values(systems, names)
    for one in systems:
        length = [number_cell(one.cost.context_tokens.get(budget))] if budget else []
        cells = _figures(one.figures, names, best)
        rows.append((_system(one, one.system), *cells, *length, _time(one)))
    by = f", by {unit}" if unit else ""
    return Grid(
        title=f"Recall of gold evidence{by}, %",
        headings=(SYSTEM, *(_heading(name) for name in names), *tokens, time),
        rows=tuple(rows),
        note=f"{_asked(systems, names)} {SPREAD} The best of a column is bold; a system that sees the gold is never "
        "the best.",
    )


def answer_table(summary: RunSummary) -> Grid | None:
    """Return answers over all questions with declining, a row a system; None where nobody answered."""
    names = answer_metrics(summary.systems)
    answering = [(one, one.abstention) for one in summary.systems if one.abstention is not None]
    if not answering:
        return None
    best = best_values([one for one, _ in answering], names)
    rows = [
        (
            _system(one),
            *_figures(one.figures, names, best),
            number_cell(one.cost.answer_tokens),
            Cell(text=f"{told.declined:,} of {told.asked:,}", order=told.declined),
            Cell(text=percent(told.precision), order=told.precision),
            Cell(text=percent(told.recall), order=told.recall),
            _n(one.figures, names),
        )
        for one, told in answering
    ]
    declining = ("declined", "precision", "recall")
    return Grid(
        title="Answers, %",
        headings=(
            SYSTEM,
            *(_heading(name) for name in names),
            Heading(text="tokens", note="Mean length of an answer"),
            *(Heading(text=words, group="Declining") for words in declining),
            Heading(text="n", note="Questions"),
        ),
        rows=tuple(rows),
        note="Precision of declining: of the questions declined, how many have no answer. Recall: of the questions "
        f"without an answer, how many were declined. {SPREAD}",
    )


def difference_table(summary: RunSummary) -> Grid | None:
    """Return differences to the first system of the same unit, a row a system; None where there is one alone."""
    names = list(dict.fromkeys(one.metric for several in summary.differences.values() for one in several))
    names = [name for name in names if name in telling_metrics(summary.systems)] or names
    if not names:
        return None
    own = {one.name: one for one in summary.systems}
    rows: list[tuple[Cell, ...]] = []
    for name, several in summary.differences.items():
        found = {one.metric: one for one in several}
        system = own[name]
        against = f"against {summary.baselines[system.unit]}"
        cells = (difference_cell(found.get(metric)) for metric in names)
        rows.append((name_cell(name, system=system.system, detail=against), *cells))
    return Grid(
        title="Differences, percentage points",
        headings=(SYSTEM, *(_heading(name) for name in names)),
        rows=tuple(rows),
        note=f"Paired by question. {STARS}",
    )


def category_tables(summary: RunSummary) -> list[Grid]:
    """Return for every category the figures of all systems, without any and all."""
    shown = [*retrieval_metrics(summary.systems), *answer_metrics(summary.systems)]
    tables: list[Grid] = []
    for category in dict.fromkeys(name for one in summary.systems for name in one.by_category):
        held = {one.name: one.by_category.get(category, {}) for one in summary.systems}
        names = [name for name in shown if any(name in figures for figures in held.values())]
        rows = [
            (_system(one), *_figures(held[one.name], names, {}), _n(held[one.name], names))
            for one in summary.systems
            if held[one.name]
        ]
        headings = (SYSTEM, *(_heading(name) for name in names), Heading(text="n"))
        tables.append(Grid(title=category, headings=headings, rows=tuple(rows)))
    return tables


def any_all_table(summary: RunSummary) -> Grid | None:
    """Return in how many questions any, and all, of the gold is found, a row a system."""
    pairs = [name.removeprefix("any@") for name in metrics_of(summary.systems) if name.startswith("any@")]
    if not pairs:
        return None
    budgets = budgets_of(summary.systems)
    headings = [
        Heading(text=kind, group=f"{int(at):,} tokens" if int(at) in budgets else f"first {at}", code=f"{kind}@{at}")
        for at in pairs
        for kind in ("any", "all")
    ]
    names = [heading.code for heading in headings]
    if POOL in metrics_of(summary.systems):
        names.append(POOL)
        headings.append(Heading(text=POOL, note=metric_words(POOL)))
    rows = [(_system(one), *(figure_cell(one.figures.get(name)) for name in names)) for one in summary.systems]
    return Grid(
        title="Questions with any, and with all, of their evidence, %",
        headings=(SYSTEM, *headings),
        rows=tuple(rows),
        note="Pool: how much of the evidence was among all that a reranker had to choose from."
        if POOL in names
        else "",
    )


def latency_table(summary: RunSummary) -> Grid | None:
    """Return the time of a question by stage, a row a system."""
    stages = list(dict.fromkeys(stage for one in summary.systems for stage in one.latency))
    if not stages:
        return None
    rows: list[tuple[Cell, ...]] = []
    for one in summary.systems:
        taken = [one.latency.get(stage) for stage in stages]
        cells = (
            Cell(text=milliseconds(ms.p50_ms), detail=milliseconds(ms.p95_ms), order=ms.p50_ms) if ms else NO_CELL
            for ms in taken
        )
        rows.append((_system(one), *cells))
    return Grid(
        title="Time of a question, by stage",
        headings=(SYSTEM, *(Heading(text=stage) for stage in stages)),
        rows=tuple(rows),
        note="Medians; small numbers are the 95th percentile. A stage that systems share is counted for each.",
    )


def cost_table(summary: RunSummary) -> Grid:
    """Return what a question and the ingest cost, a row a system; columns without a cost are left out."""
    costs = {one.name: _costs(one.cost) for one in summary.systems}
    headings = [heading for heading in _COSTS if any(cost[heading.note] for cost in costs.values())]
    contexts = sorted({budget for one in summary.systems for budget in one.cost.context_tokens})
    spans = [Heading(text=f"{budget:,}", group="Tokens of context", note=str(budget)) for budget in contexts]
    rows = [
        (
            _system(one),
            *(number_cell(one.cost.context_tokens.get(budget)) for budget in contexts),
            *(number_cell(costs[one.name][heading.note]) for heading in headings),
        )
        for one in summary.systems
    ]
    peak = summary.peak_rss_mib
    note = "Means per question." + ("" if peak is None else f" Peak memory of the process: {peak:,.0f} MiB.")
    return Grid(title="Cost", headings=(SYSTEM, *spans, *headings), rows=tuple(rows), note=note)


_COSTS = (
    Heading(text="tokens read", group="Reranker", note="reranker_tokens"),
    Heading(text="GFLOPs", group="Reranker", note="reranker_gflops"),
    Heading(text="calls", group="Language models", note="llm_calls"),
    Heading(text="prompt", group="Language models", note="prompt_tokens"),
    Heading(text="completion", group="Language models", note="completion_tokens"),
    Heading(text="turns/s", group="Ingest", note="ingest_turns_per_second"),
    Heading(text="LLM calls", group="Ingest", note="ingest_llm_calls"),
    Heading(text="LLM tokens", group="Ingest", note="ingest_llm_tokens"),
)


def _costs(cost: CostSummary) -> dict[str, float | None]:
    return {heading.note: getattr(cost, heading.note) for heading in _COSTS}


def _heading(metric: str) -> Heading:
    kind, sign, at = metric.partition("@")
    note = metric_words(metric)
    if sign and kind == "recall":
        return Heading(text=f"{int(at):,}", group="In a context of … tokens", code=metric, note=note)
    if sign and kind == "R":
        return Heading(text=at, group="Among the first …", code=metric, note=note)
    return Heading(text=metric, note="" if note == metric else note)


def _system(system: SystemSummary, name: str | None = None) -> Cell:
    failed = f"{system.failed:,} failed, as 0" if system.failed else ""
    return name_cell(name or system.name, system=system.system, detail=failed)


def _figures(figures: Mapping[str, Figure], names: Sequence[str], best: Mapping[str, float]) -> list[Cell]:
    held = [(name, figures.get(name)) for name in names]
    return [figure_cell(one, is_best=one is not None and one.value == best.get(name)) for name, one in held]


def _time(system: SystemSummary) -> Cell:
    taken = system.latency.get(TOTAL)
    return Cell(text=milliseconds(taken.p50_ms), order=taken.p50_ms) if taken else Cell(text=NOTHING)


def _asked(systems: Sequence[SystemSummary], names: Sequence[str]) -> str:
    """Return how many questions figures are means of: a system that was stopped has fewer."""
    counts = {one.system: _most_asked(one.figures, names) for one in systems}
    if len(set(counts.values())) == 1:
        return f"Means over {counted(next(iter(counts.values())), 'question')}."
    return f"Means over questions: {', '.join(f'{name} {n:,}' for name, n in counts.items())}."


def _most_asked(figures: Mapping[str, Figure], names: Sequence[str]) -> int:
    return max((figures[name].n for name in names if name in figures), default=0)


def _n(figures: Mapping[str, Figure], names: Sequence[str]) -> Cell:
    asked = _most_asked(figures, names)
    return Cell(text=f"{asked:,}", order=asked)
