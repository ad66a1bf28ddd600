"""What differs between two systems, and what of it may be chance: paired by question, overall and by category."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..memory.errors import InvalidInput
from .bootstrap import Resamples, survive_holm
from .columns import Values
from .figures import intervals_of
from .record import QuestionRecord, system_name
from .scores import DEFAULT_SCORING, Scoring
from .summary import Difference
from .system_scores import SystemScores


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How `b` differs from `a`: b minus a, over the `pairs` of questions that both have a result for.

    `overall` by metric, in the order in which metrics are shown; `by_category` the same within each category.
    `only_in_a` and `only_in_b` count questions that the other was not asked, or was asked in other words; `failed`
    counts those that one of them, or both, failed on. All of these are outside the pairs.
    """

    a: str
    b: str
    overall: tuple[Difference, ...]
    by_category: Mapping[str, tuple[Difference, ...]]
    pairs: int
    only_in_a: int
    only_in_b: int
    failed: int
    conversations: int


def compare(
    a: Sequence[QuestionRecord],
    b: Sequence[QuestionRecord],
    *,
    scoring: Scoring = DEFAULT_SCORING,
    resamples: Resamples | None = None,
) -> Comparison:
    """Pair the records of two systems, of one run or of two, by question id.

    A question that either failed on is in no pair: a crash says nothing of how well the other does, and a difference
    of 0 there would. What failures cost a system is in its own figures (`SystemScores`). Raises InvalidInput where
    one side has no records or those of several systems, or where no question is in both.
    """
    first, second = _only_system(a, "first", scoring), _only_system(b, "second", scoring)
    pairing = pair(first, second)
    if not len(pairing.a_rows):
        raise InvalidInput(
            f"{first.name} and {second.name} have no question in common that both have a result for; "
            "compare runs over the same data set."
        )
    drawn = resamples or Resamples()
    categories = dict.fromkeys(first.rows[row].category for row in pairing.a_rows)
    return Comparison(
        a=first.name,
        b=second.name,
        overall=differences(pairing, resamples=drawn),
        by_category={name: differences(pairing, resamples=drawn, category=name) for name in categories},
        pairs=len(pairing.a_rows),
        only_in_a=pairing.only_in_a,
        only_in_b=pairing.only_in_b,
        failed=pairing.failed,
        conversations=len({first.rows[row].conversation for row in pairing.a_rows}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Which rows of two systems are the same question; `a_rows` and `b_rows` run parallel."""

    a: SystemScores
    b: SystemScores
    a_rows: tuple[int, ...]
    b_rows: tuple[int, ...]
    only_in_a: int
    only_in_b: int
    failed: int


def pair(a: SystemScores, b: SystemScores) -> Pairing:
    """Find the questions that both systems have a result for, by id and words."""
    common = [
        (row, b.places[question])
        for question, row in a.places.items()
        if question in b.places and a.rows[row].words == b.rows[b.places[question]].words
    ]
    good = [(left, right) for left, right in common if not (a.rows[left].failed or b.rows[right].failed)]
    return Pairing(
        a=a,
        b=b,
        a_rows=tuple(left for left, _ in good),
        b_rows=tuple(right for _, right in good),
        only_in_a=len(a.rows) - len(common),
        only_in_b=len(b.rows) - len(common),
        failed=len(common) - len(good),
    )


def differences(pairing: Pairing, *, resamples: Resamples, category: str | None = None) -> tuple[Difference, ...]:
    """Return b minus a in every metric that both have for some pair, overall or within one category of a."""
    rows = pairing.a.rows
    chosen = [place for place, row in enumerate(pairing.a_rows) if category in (None, rows[row].category)]
    lefts, rights = [pairing.a_rows[place] for place in chosen], [pairing.b_rows[place] for place in chosen]
    ours, theirs = pairing.a.metrics(), pairing.b.metrics()
    changes = {name: theirs[name][rights] - values[lefts] for name, values in ours.items() if name in theirs}
    found = _intervals(changes, [rows[row].conversation for row in lefts], resamples)
    survivors = survive_holm([one.p for one in found])
    return tuple(replace(one, survives_holm=good) for one, good in zip(found, survivors, strict=True))


def _intervals(changes: Mapping[str, Values], clusters: Sequence[str], resamples: Resamples) -> list[Difference]:
    return [
        Difference(
            metric=metric,
            value=one.value,
            low=one.low,
            high=one.high,
            n=n,
            p=one.p,
            conversations=one.clusters,
        )
        for metric, (one, n) in intervals_of(changes, clusters, resamples).items()
    ]


def _only_system(records: Sequence[QuestionRecord], side: str, scoring: Scoring) -> SystemScores:
    if not records:
        raise InvalidInput(f"The {side} side has no records; give the run's records of one system.")
    scores = SystemScores(records[0].system, records[0].unit, scoring)
    for record in records:
        if (record.system, record.unit) != (scores.system, scores.unit):
            other = system_name(record.system, record.unit)
            raise InvalidInput(f"The {side} side has records of {scores.name} and of {other}; choose one system.")
        scores.add(record)
    return scores
