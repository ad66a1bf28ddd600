"""From one record to its scores: evidence in contexts and among the first k, ranks, answers.

Scores are fractions from 0.0 to 1.0 per question; figures are their means over questions (micro average). Only turns
that exist can be gold, so a wrong id in the file costs no system anything.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from ..memory.errors import InvalidInput
from .dataset import AnswerRule
from .metrics import ndcg_at_k, recall_at_k, recall_of, reciprocal_rank
from .problems import Problem
from .record import Asked, Given, QuestionRecord, system_name

UNANSWERABLE = "unanswerable"
NO_EVIDENCE = "no_resolvable_evidence"
NO_ANSWER = "no_accepted_answer"
MRR = "MRR"
NDCG_AT = 10
NDCG = f"nDCG@{NDCG_AT}"
POOL = "pool"
JUDGE = "judge"
ANSWER_METRICS = ("F1", "EM", JUDGE, "F1 audited")


class AnswerScorer(Protocol):
    """Scores an answer as `answer_rules.score_answer` does, an audit being settled beforehand."""

    def __call__(self, asked: Asked, given: Given, /) -> Mapping[str, float]:
        """Return scores from 0.0 to 1.0 by metric, names being among `ANSWER_METRICS`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """What is measured: ranks k, budgets in tokens, and what scores answers, None for no figures of answers.

    Raises InvalidInput for a k or a budget below 1, and for a number that is both: "any@5" would be two things.
    """

    ks: tuple[int, ...] = (1, 3, 5, 10, 25)
    budgets: tuple[int, ...] = (256, 512, 854, 2048)
    score_answer: AnswerScorer | None = None

    def __post_init__(self) -> None:
        low = [number for number in (*self.ks, *self.budgets) if number < 1]
        if low:
            raise InvalidInput(f"Nothing can be measured at {low[0]}; k and budgets must be at least 1.")
        if both := sorted({*self.ks} & {*self.budgets}):
            raise InvalidInput(f"{both[0]} is both a k and a budget, whose figures would share a name; change one.")


DEFAULT_SCORING = Scoring()


def why_not_retrieval(asked: Asked) -> str | None:
    """Return why a question is not put to retrieval, None where it is: it has no answer, or no gold."""
    if asked.rule is AnswerRule.ABSTAIN:
        return UNANSWERABLE
    return None if asked.gold else NO_EVIDENCE


def why_not_answers(asked: Asked) -> str | None:
    """Return why an answer is not scored, None where it is: to decline is right (see `Abstention`), or no key."""
    if asked.rule is AnswerRule.ABSTAIN:
        return UNANSWERABLE
    return None if asked.answers else NO_ANSWER


def metric_names(scoring: Scoring) -> tuple[str, ...]:
    """Return every metric there can be, in the order in which they are shown."""
    spans = [name for budget in scoring.budgets for name in budget_names(budget)]
    ranks = [name for k in scoring.ks for name in rank_names(k)]
    return (*spans, *ranks, MRR, NDCG, POOL, *ANSWER_METRICS)


def budget_names(budget: int) -> tuple[str, str, str]:
    """Return what recall inside a context is called, as fraction, any and all."""
    return f"recall@{budget}", f"any@{budget}", f"all@{budget}"


def rank_names(k: int) -> tuple[str, str, str]:
    """Return what recall among the first k is called, as fraction, any and all."""
    return f"R@{k}", f"any@{k}", f"all@{k}"


def retrieval_scores(record: QuestionRecord, scoring: Scoring = DEFAULT_SCORING) -> dict[str, float]:
    """Return the scores of what came back, by metric; none where there is nothing to score.

    That is so for questions left out (`why_not_retrieval`), for records of a failure, and for an answer alone,
    without ranks or contexts. A context above its budget scores 0; a budget without a context has no score. Ranks
    beyond those the system told count as not found.
    """
    asked = record.asked
    only_answers = record.given is not None and not record.ranked and not record.contexts
    if record.error is not None or only_answers or why_not_retrieval(asked) is not None:
        return {}
    scores: dict[str, float] = {}
    for context in record.contexts:
        if context.budget in scoring.budgets:
            units = context.units if context.tokens <= context.budget else ()
            scores.update(_three(budget_names(context.budget), recall_of(asked.gold, units)))
    for k in scoring.ks:
        scores.update(_three(rank_names(k), recall_at_k(asked.gold, record.ranked, k)))
    scores[MRR] = reciprocal_rank(asked.gold, record.ranked)
    scores[NDCG] = ndcg_at_k(asked.gold, record.ranked, NDCG_AT)
    if record.pool is not None:
        scores[POOL] = recall_of(asked.gold, record.pool)
    return scores


def answer_scores(record: QuestionRecord, scoring: Scoring = DEFAULT_SCORING) -> dict[str, float]:
    """Return the scores of the answer, by metric; none without an answer or where it is not scored."""
    score, given = scoring.score_answer, record.given
    if score is None or given is None or record.error is not None or why_not_answers(record.asked) is not None:
        return {}
    return dict(score(record.asked, given))


def answer_metrics_of(asked: Asked, scoring: Scoring = DEFAULT_SCORING) -> Collection[str]:
    """Return the metrics that an answer to this question would have, a judge's included."""
    if scoring.score_answer is None or why_not_answers(asked) is not None:
        return ()
    return {*scoring.score_answer(asked, Given(text="", is_abstention=True)), JUDGE}


def problems_of(record: QuestionRecord, scoring: Scoring = DEFAULT_SCORING) -> Iterator[Problem]:
    """Yield what went wrong with a record: its failure, what it tells itself, contexts above their budget."""
    if record.error is not None:
        yield _problem(record, f"no result, scored as 0: {record.error}")
    for reason in record.problems:
        yield _problem(record, reason)
    for context in record.contexts:
        if context.budget in scoring.budgets and context.tokens > context.budget:
            reason = f"the context is above the budget of {context.budget}; its recall counts as 0"
            yield _problem(record, reason, raw=f"{context.tokens} tokens")


def _problem(record: QuestionRecord, reason: str, *, raw: str = "") -> Problem:
    asked = record.asked
    said = f"{system_name(record.system, record.unit)}: {reason}"
    return Problem(conversation=asked.conversation, where=asked.question_id, raw=raw, reason=said)


def _three(names: tuple[str, str, str], recall: float) -> Mapping[str, float]:
    return dict(zip(names, (recall, float(recall > 0), float(recall == 1)), strict=True))
