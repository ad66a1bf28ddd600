"""Makes the figures of a run from its records, which are read once and not kept."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from ..memory.errors import DataFormatError
from .bootstrap import Resamples
from .columns import Values
from .compare import differences, pair
from .figures import figures_of
from .problems import Problem
from .protocol import RunProtocol
from .record import IngestRecord, Record
from .scores import DEFAULT_SCORING, AnswerScorer, Scoring
from .summary import CostSummary, Difference, RunSummary, SystemSummary
from .system_scores import SystemScores, tokens_name

Names = tuple[str, str]
"""System and unit."""
Ingested = tuple[str, str | None, str]
"""System, unit and conversation of an ingest."""


def summarise(
    protocol: RunProtocol,
    records: Iterable[Record],
    *,
    order: Sequence[Names] | None = None,
    ks: Sequence[int] = DEFAULT_SCORING.ks,
    budgets: Sequence[int] = DEFAULT_SCORING.budgets,
    problems: Iterable[Problem] = (),
    peak_rss_mib: float | None = None,
    score_answer: AnswerScorer | None = None,
) -> RunSummary:
    """Return every figure of a run; the same records give the same ones.

    `order` is that of the systems, by name and unit; those it does not name come after, as first seen. The first of
    each unit is what the others of that unit are compared with. `problems` are the data set's, those of the records
    follow. Memory grows with the number of questions times systems, about 1.6 kB each, not with the records.
    Raises DataFormatError where there is no question, InvalidInput for ks and budgets as `Scoring` does.
    """
    scoring = Scoring(ks=tuple(ks), budgets=tuple(budgets), score_answer=score_answer)
    systems, ingests = _scored(records, scoring)
    if not systems:
        raise DataFormatError(f"The run over {protocol.dataset} has no question to score; check what it asks.")
    first = [names for names in order or () if names in systems]
    ordered = [systems[names] for names in dict.fromkeys((*first, *systems))]
    resamples = Resamples()
    return RunSummary(
        protocol=protocol,
        systems=tuple(_summary(one, _ingests_of(one, ordered, ingests), protocol, resamples) for one in ordered),
        baseline=ordered[0].name,
        differences=_differences(ordered, resamples),
        excluded=_excluded(protocol, ordered, of_answers=False),
        problems=(*problems, *_problems(ordered)),
        peak_rss_mib=peak_rss_mib,
        excluded_from_answers=_excluded(protocol, ordered, of_answers=True),
    )


def _scored(
    records: Iterable[Record], scoring: Scoring
) -> tuple[dict[Names, SystemScores], dict[Ingested, IngestRecord]]:
    """Return the systems by name and unit, as first seen, and the latest ingest of each system and conversation."""
    systems: dict[Names, SystemScores] = {}
    ingests: dict[Ingested, IngestRecord] = {}
    for record in records:
        if isinstance(record, IngestRecord):
            ingests[record.key] = record
            continue
        names = record.system, record.unit
        if names not in systems:
            systems[names] = SystemScores(*names, scoring)
        systems[names].add(record)
    return systems, ingests


def _summary(
    scores: SystemScores, ingests: Sequence[IngestRecord], protocol: RunProtocol, resamples: Resamples
) -> SystemSummary:
    columns = scores.metrics()
    conversations = [row.conversation for row in scores.rows]
    found = {row.category for row in scores.rows}
    categories = [name for name in protocol.categories if name in found]
    categories += sorted(found.difference(categories))
    by_category = {
        category: figures_of(_within(columns, scores, category), conversations, resamples) for category in categories
    }
    abstentions = {category: scores.abstention(category) for category in categories}
    return SystemSummary(
        system=scores.system,
        unit=scores.unit,
        figures=figures_of(columns, conversations, resamples),
        by_category={category: figures for category, figures in by_category.items() if figures},
        latency=scores.latency(),
        cost=_cost(scores, ingests),
        abstention=scores.abstention(),
        failed=sum(row.failed for row in scores.rows),
        abstention_by_category={name: one for name, one in abstentions.items() if one is not None and one.asked},
    )


def _within(columns: Mapping[str, Values], scores: SystemScores, category: str) -> dict[str, Values]:
    is_in = scores.of_category(category)
    return {name: np.where(is_in, values, np.nan) for name, values in columns.items()}


def _ingests_of(
    scores: SystemScores, ordered: Sequence[SystemScores], ingests: Mapping[Ingested, IngestRecord]
) -> list[IngestRecord]:
    """Return a system's own ingests, or those of the store that is shared: nobody's name is on them."""
    # earlier versions told no unit
    own = [one for one in ingests.values() if one.system == scores.system and one.unit in (None, scores.unit)]
    named = {one.system for one in ordered}
    return own or [one for one in ingests.values() if one.system not in named]


def _cost(scores: SystemScores, ingests: Sequence[IngestRecord]) -> CostSummary:
    rows, amounts = len(scores.rows), scores.amounts
    tokens = {budget: amounts.mean(tokens_name(budget), rows) for budget in scores.scoring.budgets}
    seconds = math.fsum(one.seconds for one in ingests)
    flops = amounts.mean("reranker_flops", rows)
    spent = [tokens for one in ingests for tokens in (one.cost.prompt_tokens, one.cost.completion_tokens)]
    return CostSummary(
        context_tokens={budget: mean for budget, mean in tokens.items() if mean is not None},
        reranker_tokens=amounts.mean("reranker_tokens", rows),
        reranker_gflops=None if flops is None else flops / 1e9,
        llm_calls=amounts.mean("llm_calls", rows) or 0.0,
        prompt_tokens=amounts.mean("prompt_tokens", rows),
        completion_tokens=amounts.mean("completion_tokens", rows),
        answer_tokens=amounts.mean("answer_tokens", rows),
        ingest_llm_calls=sum(one.cost.llm_calls for one in ingests),
        ingest_llm_tokens=None if None in spent else sum(tokens or 0 for tokens in spent),
        ingest_turns_per_second=sum(one.turns for one in ingests) / seconds if seconds > 0 else None,
    )


def _differences(ordered: Sequence[SystemScores], resamples: Resamples) -> dict[str, tuple[Difference, ...]]:
    baselines = {one.unit: one for one in reversed(ordered)}
    return {
        one.name: differences(pair(baselines[one.unit], one), resamples=resamples)
        for one in ordered
        if one is not baselines[one.unit]
    }


def _excluded(protocol: RunProtocol, ordered: Sequence[SystemScores], *, of_answers: bool) -> dict[str, int]:
    """Return how many questions are left out, by reason: those never asked, then those of the run, each once."""
    reasons: dict[str, str] = {}
    for scores in ordered:
        if of_answers and not scores.answers:
            continue
        for question, place in scores.places.items():
            row = scores.rows[place]
            reason = row.left_out_of_answers if of_answers else row.left_out
            if reason is not None:
                reasons[question] = reason
    if of_answers and not any(scores.answers for scores in ordered):
        return {}
    counts = Counter(protocol.excluded) + Counter(reasons.values())
    return dict(sorted(counts.items()))


def _problems(ordered: Iterable[SystemScores]) -> Iterator[Problem]:
    return (problem for scores in ordered for row in scores.rows for problem in row.problems)
