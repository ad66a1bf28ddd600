"""Everything reports need of one system, a row a question, without its records."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .columns import Columns, Values
from .dataset import AnswerRule
from .metrics import Latency, percentile
from .problems import Problem
from .record import QuestionRecord, system_name
from .scores import (
    ANSWER_METRICS,
    DEFAULT_SCORING,
    POOL,
    Scoring,
    answer_metrics_of,
    answer_scores,
    metric_names,
    problems_of,
    retrieval_scores,
    why_not_answers,
    why_not_retrieval,
)
from .summary import Abstention

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One question of one system. `words` is the question's hash; `declined` is None where no answer was given.

    `left_out` and `left_out_of_answers` say why it is not scored; `missed` are the metrics of the answer that a
    failure cost.
    """

    conversation: str
    category: str
    words: int
    failed: bool
    unanswerable: bool
    declined: bool | None
    left_out: str | None
    left_out_of_answers: str | None
    missed: frozenset[str]
    problems: tuple[Problem, ...]


class SystemScores:
    """One system with one unit: scores, times and costs of its questions, and the problems it had.

    A question that comes twice counts once, the later record being the one that counts (a failure that was tried
    again). A question without a result scores 0 in every metric that the system has elsewhere and that the question
    is scored in, so that no system looks better for failing; so does a budget that was filled for other questions
    only. "pool" is over the questions with a result, as nothing is known of the others.
    """

    def __init__(self, system: str, unit: str, scoring: Scoring = DEFAULT_SCORING) -> None:
        self.system = system
        self.unit = unit
        self.places: dict[str, int] = {}
        self.rows: list[Row] = []
        self.amounts = Columns()
        self.scoring = scoring
        self._scores = Columns()
        self._timings = Columns()

    @property
    def name(self) -> str:
        """System and unit, as `SystemSummary.name`."""
        return system_name(self.system, self.unit)

    @property
    def answers(self) -> bool:
        """Whether it gave an answer to any question."""
        return any(row.declined is not None for row in self.rows)

    def add(self, record: QuestionRecord) -> None:
        """Score a record and keep what reports need of it."""
        place = self.places.setdefault(record.asked.question_id, len(self.rows))
        row = _row(record, self.scoring)
        if place == len(self.rows):
            self.rows.append(row)
        else:
            self.rows[place] = row
        self._scores.put(place, {**retrieval_scores(record, self.scoring), **answer_scores(record, self.scoring)})
        self._timings.put(place, {} if row.failed else record.timings_ms)
        self.amounts.put(place, {} if row.failed else _amounts(record, self.scoring))

    def metrics(self) -> dict[str, Values]:
        """Return the scores by metric, in the order in which they are shown, NaN for questions they leave out."""
        held = set(self._scores.names)
        is_retrieval = self.mask([row.left_out is None for row in self.rows])
        found: dict[str, Values] = {}
        for name in (name for name in metric_names(self.scoring) if name in held):
            values = self._scores.column(name, len(self.rows))
            if name in ANSWER_METRICS:
                values[self.mask([name in row.missed for row in self.rows])] = 0.0
            elif name != POOL:
                values[is_retrieval & np.isnan(values)] = 0.0
            found[name] = values
        return found

    def of_category(self, category: str) -> Mask:
        """Return which rows are of a category."""
        return self.mask([row.category == category for row in self.rows])

    def mask(self, is_in: Sequence[bool]) -> Mask:
        """Return one truth a row."""
        return np.array(is_in, dtype=np.bool_)

    def latency(self) -> dict[str, Latency]:
        """Return percentiles of every stage over the questions that went through it, stages as first seen."""
        return {stage: self._latency_of(stage) for stage in self._timings.names if self._taken(stage)}

    def _latency_of(self, stage: str) -> Latency:
        taken = self._taken(stage)
        return Latency(p50_ms=percentile(taken, 50), p95_ms=percentile(taken, 95))

    def _taken(self, stage: str) -> list[float]:
        values = self._timings.column(stage, len(self.rows))
        taken: list[float] = values[~np.isnan(values)].tolist()
        return taken

    def abstention(self, category: str | None = None) -> Abstention | None:
        """Return how well it declines, overall or in a category, None for a system that does not answer.

        A question without a result counts as one that was not declined.
        """
        if not self.answers:
            return None
        rows = [row for row in self.rows if category in (None, row.category)]
        rows = [row for row in rows if row.failed or row.declined is not None]
        declined = sum(row.declined is True for row in rows)
        unanswerable = sum(row.unanswerable for row in rows)
        right = sum(row.declined is True and row.unanswerable for row in rows)
        return Abstention(
            precision=right / declined if declined else None,
            recall=right / unanswerable if unanswerable else None,
            asked=len(rows),
            declined=declined,
            unanswerable=unanswerable,
        )


def tokens_name(budget: int) -> str:
    """Return what `SystemScores.amounts` calls the tokens of a context."""
    return f"tokens@{budget}"


def _row(record: QuestionRecord, scoring: Scoring) -> Row:
    asked, failed = record.asked, record.error is not None
    return Row(
        conversation=asked.conversation,
        category=asked.category,
        words=hash(asked.question),
        failed=failed,
        unanswerable=asked.rule is AnswerRule.ABSTAIN,
        declined=record.given.is_abstention if record.given is not None and not failed else None,
        left_out=why_not_retrieval(asked),
        left_out_of_answers=why_not_answers(asked),
        missed=frozenset(answer_metrics_of(asked, scoring) if failed else ()),
        problems=tuple(problems_of(record, scoring)),
    )


def _amounts(record: QuestionRecord, scoring: Scoring) -> dict[str, float]:
    cost, given = record.cost, record.given
    counted: dict[str, float | None] = {
        "reranker_tokens": cost.reranker_tokens,
        "reranker_flops": cost.reranker_flops,
        "llm_calls": cost.llm_calls,
        "prompt_tokens": cost.prompt_tokens,
        "completion_tokens": cost.completion_tokens,
        **{tokens_name(one.budget): one.tokens for one in record.contexts if one.budget in scoring.budgets},
    }
    amounts = {name: amount for name, amount in counted.items() if amount is not None}
    return amounts if given is None else {**amounts, "answer_tokens": given.tokens}
