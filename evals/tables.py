"""A run's figures as tables for the terminal, each within 160 columns; the JSON has them all and more."""

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from .scores import ANSWER_METRICS, MRR, NDCG, POOL
from .summary import CostSummary, Difference, Figure, RunSummary, SystemSummary

NOTHING = "–"
HEADLINE_BUDGET = 854
"""The budget whose context tokens the main table shows, the field's usual one; the largest where it was not asked."""
MOST_DIFFERENCES = 8
ONE_LINE = 6
STARS = "* 0 is outside the interval · ** still so after Holm's correction for all metrics of the pair"


def all_tables(summary: RunSummary, *, caption: str = "") -> Iterator[Table]:
    """Yield every table that has something to show; `caption` is the protocol, under the first of them."""
    retrieval, answers = _columns(summary, of_answers=False), _columns(summary, of_answers=True)
    if retrieval:
        yield overall_table(summary, caption=caption)
    if answers or any(one.abstention for one in summary.systems):
        yield answer_table(summary, caption="" if retrieval else caption)
    for names in (retrieval, answers):
        if any(one.metric in names for several in summary.differences.values() for one in several):
            yield difference_table(summary, names)
    for names in (retrieval, answers):
        if names:
            yield category_table(summary, names)
    if retrieval:
        yield any_all_table(summary)
    yield latency_table(summary)
    yield cost_table(summary)


def overall_table(summary: RunSummary, *, caption: str = "") -> Table:
    """Return retrieval in per cent over all questions, a row a system: inside budgets, among the first k, ranks."""
    names = _columns(summary, of_answers=False)
    budget = _headline_budget(summary.systems)
    table = _table("Recall of gold evidence, %", "system", "n", *names, *_token_headings([budget] if budget else []))
    if caption:
        table.caption, table.caption_justify = Text(caption), "left"
    for one in summary.systems:
        tokens = [_number(one.cost.context_tokens.get(budget))] if budget else []
        table.add_row(_labelled(one), str(_n(one.figures, names)), *_cells(one.figures, names), *tokens)
    return table


def answer_table(summary: RunSummary, *, caption: str = "") -> Table:
    """Return answers in per cent over all questions, their length, and how well a system knows what it was not told.

    Of the questions it declined, how many have no answer (precision); of those, how many it declined (recall).
    """
    names = _columns(summary, of_answers=True)
    table = _table(
        "Answers, %", "system", "n", *names, "answer tokens", "declined", "declining precision", "declining recall"
    )
    if caption:
        table.caption, table.caption_justify = Text(caption), "left"
    for one in summary.systems:
        abstention = one.abstention
        if abstention is None:
            continue
        table.add_row(
            _labelled(one),
            str(_n(one.figures, names)),
            *_cells(one.figures, names),
            _number(one.cost.answer_tokens),
            f"{abstention.declined} of {abstention.asked}",
            _percent(abstention.precision),
            _percent(abstention.recall),
        )
    return table


def difference_table(summary: RunSummary, names: Sequence[str]) -> Table:
    """Return differences to the first system of the same unit in percentage points, with their intervals.

    Of `names` the columns that matter most are shown, as many as fit.
    """
    shown = _most_telling(names)
    baselines = [name for name in summary.baselines.values() if name in _compared_with(summary)]
    table = _table(f"Difference to {', '.join(baselines)}, points [95 % interval]", "system", *shown)
    first = next(one for several in summary.differences.values() for one in several)
    drawn = f"{first.conversations} conversations" if first.conversations > 1 else "questions of one conversation"
    table.caption, table.caption_justify = Text(f"Paired by question, bootstrap over {drawn} · {STARS}"), "left"
    for name, several in summary.differences.items():
        found = {one.metric: one for one in several}
        if any(metric in found for metric in shown):
            table.add_row(Text(name), *(shown_difference(found.get(metric)) for metric in shown))
    return table


def category_table(summary: RunSummary, names: Sequence[str]) -> Table:
    """Return figures in per cent by category, in each a row a system."""
    table = _table("By category, %", "category", "system", *names)
    for category in dict.fromkeys(name for one in summary.systems for name in one.by_category):
        n = max(_n(one.by_category.get(category, {}), names) for one in summary.systems)
        heading = Text(f"{category} ({n})")
        for one in summary.systems:
            figures = one.by_category.get(category, {})
            if any(name in figures for name in names):
                table.add_row(heading, _labelled(one), *_cells(figures, names))
                heading = Text("")
        table.add_section()
    return table


def any_all_table(summary: RunSummary) -> Table:
    """Return in how many per cent of the questions any, and all, of the gold is found, a row a system."""
    names = [name for one in summary.systems for name in one.figures if name.startswith("any@")]
    shown = [name.removeprefix("any@") for name in dict.fromkeys(names)]
    budgets = {str(budget) for one in summary.systems for budget in one.cost.context_tokens}
    headings = [f"{at} tokens" if at in budgets else f"first {at}" for at in shown]
    table = _table("Questions with any/all of their gold, %", "system", *headings)
    for one in summary.systems:
        found = [(one.figures.get(f"any@{at}"), one.figures.get(f"all@{at}")) for at in shown]
        table.add_row(_labelled(one), *(f"{_short(some)}/{_short(every)}" for some, every in found))
    return table


def latency_table(summary: RunSummary) -> Table:
    """Return milliseconds per question, a row a system; stages that systems share are counted for each."""
    stages = list(dict.fromkeys(stage for one in summary.systems for stage in one.latency))
    table = _table("Latency per question, ms, p50 / p95", "system", *stages)
    for one in summary.systems:
        taken = [one.latency.get(stage) for stage in stages]
        table.add_row(_labelled(one), *(f"{ms.p50_ms:.1f} / {ms.p95_ms:.1f}" if ms else NOTHING for ms in taken))
    return table


def cost_table(summary: RunSummary) -> Table:
    """Return what a question and the ingest cost, a row a system; columns without a cost are left out."""
    costs = [_costs(one.cost) for one in summary.systems]
    names = dict.fromkeys(name for cost in costs for name in cost)
    shown = [name for name in names if any(cost.get(name) for cost in costs)]
    memory = "" if summary.peak_rss_mib is None else f"Peak memory of the process: {summary.peak_rss_mib:,.0f} MiB"
    table = _table("Cost per question, and of ingest", "system", *shown)
    table.caption, table.caption_justify = memory or None, "left"
    for one, cost in zip(summary.systems, costs, strict=True):
        table.add_row(_labelled(one), *(_number(cost.get(name)) for name in shown))
    return table


def shown_difference(difference: Difference | None) -> str:
    """Return a difference in points over its interval, with a star where it is significant, two after Holm."""
    if difference is None:
        return NOTHING
    value, low, high = (round(100 * bound, 1) + 0.0 for bound in (difference.value, difference.low, difference.high))
    stars = ("**" if difference.survives_holm else "*") if difference.is_significant else ""
    return f"{value:+.1f}{stars}\n[{low:.1f}, {high:.1f}]"


def _table(title: str, *headings: str) -> Table:
    """Return an empty table; names stand left, numbers right, and no heading is read as markup.

    "recall@2048" goes over two lines, so that all budgets fit.
    """
    table = Table(title=Text(title))
    for heading in headings:
        is_name = heading in ("system", "category")
        shown = heading if len(heading) <= ONE_LINE else heading.replace("@", "\n@")
        # a narrow terminal takes from the numbers' columns: a row without its name says nothing
        table.add_column(
            Text(shown), justify="left" if is_name else "right", no_wrap=not is_name, min_width=9 if is_name else None
        )
    return table


def _columns(summary: RunSummary, *, of_answers: bool) -> list[str]:
    """Return the metrics that tables show, any and all left to their own."""
    names = dict.fromkeys(name for one in summary.systems for name in one.figures)
    shown = [name for name in names if not name.startswith(("any@", "all@"))]
    return [name for name in shown if (name in ANSWER_METRICS) == of_answers]


def _most_telling(names: Sequence[str]) -> list[str]:
    """Return as many of the metrics as fit, in the order given: budgets first, then ranks, the deepest k last."""
    budgets = [name for name in names if name.startswith("recall@")]
    ranks = [name for name in ("R@5", "R@10", MRR, NDCG, "R@1", "R@3") if name in names]
    others = [name for name in names if name not in (*budgets, *ranks, POOL)]
    chosen = [*budgets, *ranks, *others][:MOST_DIFFERENCES]
    return [name for name in names if name in chosen]


def _compared_with(summary: RunSummary) -> set[str]:
    return {summary.baselines[one.unit] for one in summary.systems if one.name in summary.differences}


def _headline_budget(systems: Sequence[SystemSummary]) -> int | None:
    budgets = {budget for one in systems for budget in one.cost.context_tokens}
    return HEADLINE_BUDGET if HEADLINE_BUDGET in budgets else max(budgets, default=None)


def _token_headings(budgets: Sequence[int]) -> list[str]:
    return [f"tokens@{budget}" for budget in budgets]


def _costs(cost: CostSummary) -> dict[str, float | None]:
    contexts = dict(zip(_token_headings(list(cost.context_tokens)), cost.context_tokens.values(), strict=True))
    return {
        **contexts,
        "reranker tokens": cost.reranker_tokens,
        "reranker GFLOPs": cost.reranker_gflops,
        "LLM calls": cost.llm_calls,
        "prompt tokens": cost.prompt_tokens,
        "completion tokens": cost.completion_tokens,
        "ingest turns/s": cost.ingest_turns_per_second,
        "ingest LLM calls": cost.ingest_llm_calls,
        "ingest LLM tokens": cost.ingest_llm_tokens,
    }


def _labelled(system: SystemSummary) -> Text:
    failed = f" ({system.failed} failed, as 0)" if system.failed else ""
    return Text(f"{system.name}{failed}")


def _n(figures: Mapping[str, Figure], names: Sequence[str]) -> int:
    return max((figures[name].n for name in names if name in figures), default=0)


def _cells(figures: Mapping[str, Figure], names: Sequence[str]) -> list[str]:
    return [_figure(figures.get(name)) for name in names]


def _figure(figure: Figure | None) -> str:
    return _percent(None if figure is None else figure.value)


def _short(figure: Figure | None) -> str:
    return NOTHING if figure is None else f"{100 * figure.value:.1f}"


def _percent(fraction: float | None) -> str:
    return NOTHING if fraction is None else f"{100 * fraction:.2f}"


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
