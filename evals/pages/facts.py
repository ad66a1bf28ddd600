"""What a page says in words: the figures told first, what was left out and what went wrong."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..problems import Problem
from ..summary import Difference, RunSummary, SystemSummary
from .choices import best_system, headline_metric, units_of
from .conditions import Fact
from .latency_chart import TOTAL
from .words import capitalised, counted, interval, metric_words, milliseconds, percent, points

PLACES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """One figure told large: what it is above it, what it means below."""

    label: str
    value: str
    unit: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Problems of one kind: how many there are and where the first of them stand."""

    reason: str
    count: int
    places: tuple[str, ...]


def headlines(summary: RunSummary) -> list[Headline]:
    """Return three or four figures to begin with: the best system, what it gains, its time, and answers.

    The best is one of the first unit, as figures of different units cannot be compared.
    """
    first = next(iter(units_of(summary).values()))
    metric = headline_metric(first)
    best = best_system(first, metric)
    told: list[Headline] = []
    if best is not None and metric is not None:
        told.append(_best(best, metric))
        told += _gain(summary, best, metric)
        if TOTAL in best.latency:
            told.append(_time(best))
    answering = best_system(summary.systems, "F1")
    if answering is not None and metric != "F1":
        told.append(_best(answering, "F1"))
    return told


def _best(system: SystemSummary, metric: str) -> Headline:
    figure = system.figures[metric]
    return Headline(
        label=capitalised(metric_words(metric)),
        value=percent(figure.value),
        unit="%",
        note=f"{system.name}, the best here; 95 % interval {interval(figure)}, {counted(figure.n, 'question')}",
    )


def _gain(summary: RunSummary, best: SystemSummary, metric: str) -> list[Headline]:
    """Return what the best is ahead of its unit's baseline by; nothing where it is the baseline."""
    found = [one for one in summary.differences.get(best.name, ()) if one.metric == metric]
    return [
        Headline(
            label=f"Against {summary.baselines[best.unit]}",
            value=points(one),
            unit="points",
            note=f"95 % interval {interval(one)}; {certainty(one)}",
        )
        for one in found
    ]


def _time(system: SystemSummary) -> Headline:
    taken = system.latency[TOTAL]
    value, unit = milliseconds(taken.p50_ms).split(" ")
    return Headline(
        label="Time of a question",
        value=value,
        unit=unit,
        note=f"{system.name}, median; 95 % of questions take at most {milliseconds(taken.p95_ms)}",
    )


def certainty(difference: Difference) -> str:
    """Return in words whether a difference may be chance."""
    if not difference.is_significant:
        return "it may be chance"
    return (
        "significant, after Holm's correction too" if difference.survives_holm else "significant, but not after Holm"
    )


REASONS = {
    "unanswerable": "they have no answer; to decline is right (see declining)",
    "no_resolvable_evidence": "the file names no turn that exists as their evidence",
    "no_accepted_answer": "the file has no answer to compare with",
}


def excluded_facts(summary: RunSummary) -> list[Fact]:
    """Return how many questions figures leave out, and why."""
    facts: list[Fact] = []
    for of, excluded in (("retrieval", summary.excluded), ("answers", summary.excluded_from_answers)):
        for reason, count in excluded.items():
            words = REASONS.get(reason, reason.replace("_", " "))
            facts.append(Fact(label=f"{counted(count, 'question')} not scored in {of}", value=words))
    return facts


def troubles(problems: Iterable[Problem]) -> list[Trouble]:
    """Return problems by kind, the most frequent first, with the first places of each."""
    places: dict[str, list[str]] = {}
    for problem in problems:
        raw = f": {problem.raw}" if problem.raw else ""
        places.setdefault(problem.reason, []).append(f"{problem.conversation}, {problem.where}{raw}")
    found = [
        Trouble(reason=reason, count=len(several), places=tuple(several[:PLACES]))
        for reason, several in places.items()
    ]
    return sorted(found, key=lambda one: -one.count)
