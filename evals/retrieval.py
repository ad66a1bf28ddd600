"""Does the evidence come back? What a system under test brings, and how one question of it is scored.

Scores are fractions from 0.0 to 1.0 per question and are averaged over questions (micro average).
What is ranked are units: turns, or chunks of them. Only turns that exist can be gold, so a wrong id in
the file costs no system anything; such ids are in the problems. A context above the budget scores
nothing and is reported.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from .dataset import Conversation
from .metrics import Latency, mean, percentile, recall_at_k, recall_of
from .problems import Problem
from .units import TURNS, Unit

TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """What a system brought back for one question; ids are those of units (a turn's is its dia_id).

    `ranked`: best first; `context`: units in the context as rendered, in any order; `context_tokens`:
    its length with every header; `timings_ms`: milliseconds by stage, with "total" if the system knows
    better than its caller what the whole took; `problems`: in words, what failed on the way without costing
    the result; `pool`: everything there was to rank, in any order, None where the system does not tell.
    """

    ranked: tuple[str, ...]
    context: tuple[str, ...]
    context_tokens: int
    timings_ms: Mapping[str, float]
    problems: tuple[str, ...] = ()
    pool: tuple[str, ...] | None = None


class RetrievalSystem(Protocol):
    """A system under test. Conversations are strangers to each other: a question sees its own only."""

    def ingest(self, conversation: Conversation) -> None:
        """Take in every turn of a conversation, once, before its questions are asked."""
        ...

    def retrieve(self, conversation_id: str, question: str, *, limit: int, budget: int) -> Retrieval:
        """Return up to `limit` units, best first, and a context of at most `budget` tokens."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalSettings:
    """What is asked and measured: categories (None for all), ranks k, the context's budget in tokens, what is ranked."""

    categories: tuple[str, ...] | None = None
    ks: tuple[int, ...] = (1, 3, 5, 10, 25)
    budget: int = 854
    unit: Unit = TURNS


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionScore:
    """One question's scores (fractions of its gold) and the milliseconds each stage took.

    `gold` are units; `recall_at` is by k.
    """

    conversation: str
    question_id: str
    category: str
    gold: tuple[str, ...]
    recall_at: Mapping[int, float]
    context_recall: float
    context_tokens: int
    timings_ms: Mapping[str, float]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Averages over `n` questions: fractions for recall, tokens for the context."""

    n: int
    recall_at: Mapping[int, float]
    context_recall: float
    context_tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalResult:
    """All scored questions, never none; `excluded` counts the others by reason."""

    settings: RetrievalSettings
    questions: tuple[QuestionScore, ...]
    excluded: Mapping[str, int]
    problems: tuple[Problem, ...]

    def overall(self) -> Scores:
        """Average over all questions."""
        return _average(self.questions)

    def by_category(self) -> Mapping[str, Scores]:
        """Average within each category that has a scored question, in the order of the first of each."""
        categories = list(dict.fromkeys(score.category for score in self.questions))
        return {
            category: _average([score for score in self.questions if score.category == category])
            for category in categories
        }

    def latency(self) -> Mapping[str, Latency]:
        """Percentiles of every stage over the questions that went through it, stages as first seen."""
        stages = dict.fromkeys(stage for score in self.questions for stage in score.timings_ms)
        return {stage: self._latency_of(stage) for stage in stages}

    def _latency_of(self, stage: str) -> Latency:
        taken = [score.timings_ms[stage] for score in self.questions if stage in score.timings_ms]
        return Latency(p50_ms=percentile(taken, 50), p95_ms=percentile(taken, 95))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question as it is put to every system: where it comes from and the units that hold its evidence."""

    conversation: str
    question_id: str
    question: str
    category: str
    gold: tuple[str, ...]


def score_question(asked: Asked, retrieval: Retrieval, settings: RetrievalSettings) -> QuestionScore:
    """Score what came back for one question."""
    within_budget = retrieval.context_tokens <= settings.budget
    problems = [
        Problem(conversation=asked.conversation, where=asked.question_id, raw="", reason=reason)
        for reason in retrieval.problems
    ]
    if not within_budget:
        reason = f"the context is above the budget of {settings.budget}; its recall counts as 0"
        raw = f"{retrieval.context_tokens} tokens"
        problems.append(Problem(conversation=asked.conversation, where=asked.question_id, raw=raw, reason=reason))
    return QuestionScore(
        conversation=asked.conversation,
        question_id=asked.question_id,
        category=asked.category,
        gold=asked.gold,
        recall_at={k: recall_at_k(asked.gold, retrieval.ranked, k) for k in settings.ks},
        context_recall=recall_of(asked.gold, retrieval.context) if within_budget else 0.0,
        context_tokens=retrieval.context_tokens,
        timings_ms=retrieval.timings_ms,
        problems=tuple(problems),
    )


def _average(scores: Iterable[QuestionScore]) -> Scores:
    collected = tuple(scores)
    tokens = mean(score.context_tokens for score in collected)
    return Scores(
        n=tokens.n,
        recall_at={k: mean(score.recall_at[k] for score in collected).value for k in collected[0].recall_at},
        context_recall=mean(score.context_recall for score in collected).value,
        context_tokens=tokens.value,
    )
