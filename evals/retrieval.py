"""Does the evidence come back? Asks a system under test and scores it by gold turns.

Scores are fractions from 0.0 to 1.0 per question and are averaged over questions (micro average).
Only turns that exist can be gold, so a wrong id in the file costs no system anything; such ids are
in the problems. A context above the budget scores nothing and is reported.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from ..memory.errors import DataFormatError
from .locomo import LocomoConversation, LocomoDataset, LocomoQuestion
from .metrics import mean, percentile, recall_at_k, recall_of
from .problems import Problem

_log = logging.getLogger(__name__)

NO_EVIDENCE = "no_resolvable_evidence"
TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """What a system brought back for one question.

    `ranked`: dia_ids, best first; `context`: dia_ids of the turns in the context as rendered, in any
    order; `context_tokens`: its length with every header; `timings_ms`: milliseconds by stage;
    `problems`: in words, what failed on the way without costing the result.
    """

    ranked: tuple[str, ...]
    context: tuple[str, ...]
    context_tokens: int
    timings_ms: Mapping[str, float]
    problems: tuple[str, ...] = ()


class RetrievalSystem(Protocol):
    """A system under test. Conversations are strangers to each other: a question sees its own only."""

    def ingest(self, conversation: LocomoConversation) -> None:
        """Take in every turn of a conversation, once, before its questions are asked."""
        ...

    def retrieve(self, conversation_id: str, question: str, *, limit: int, budget: int) -> Retrieval:
        """Return up to `limit` turns, best first, and a context of at most `budget` tokens."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalSettings:
    """What is asked and measured: LoCoMo categories, ranks k, the context's budget in tokens."""

    categories: tuple[int, ...] = (1, 2, 3, 4)
    ks: tuple[int, ...] = (1, 3, 5, 10, 25)
    budget: int = 854


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionScore:
    """One question's scores (fractions of its gold) and the milliseconds each stage took.

    `recall_at` is by k; `timings_ms["total"]` is the whole call, measured from outside.
    """

    conversation: str
    question_id: str
    category: int
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
class Latency:
    """Milliseconds per question."""

    p50_ms: float
    p95_ms: float


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

    def by_category(self) -> Mapping[int, Scores]:
        """Average within each category that has a scored question, in ascending order."""
        categories = sorted({score.category for score in self.questions})
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


DEFAULT_SETTINGS = RetrievalSettings()


def evaluate_retrieval(
    dataset: LocomoDataset,
    system: RetrievalSystem,
    *,
    settings: RetrievalSettings = DEFAULT_SETTINGS,
    on_score: Callable[[QuestionScore], object] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> RetrievalResult:
    """Ingest each conversation and ask its questions, one conversation after the other.

    Left out and counted: questions of other categories ("category_5") and those without one gold
    turn ("no_resolvable_evidence"). `on_score` hears of every scored question; `clock` gives seconds.
    Raises DataFormatError where no question can be scored; errors of the system pass through.
    """
    scores: list[QuestionScore] = []
    for conversation in dataset.conversations:
        wanted = [one for one in conversation.questions if _exclusion(one, settings) is None]
        if not wanted:
            continue
        _log.info("%s: %d turns, %d questions", conversation.id, len(conversation.turns), len(wanted))
        system.ingest(conversation)
        for question in wanted:
            retrieval = _ask(system, conversation.id, question, settings, clock)
            scores.append(_score(conversation.id, question, retrieval, settings))
            if on_score is not None:
                on_score(scores[-1])
    if not scores:
        raise DataFormatError(f"{dataset.name} has no question to score; check categories and evidence.")
    return RetrievalResult(
        settings=settings,
        questions=tuple(scores),
        excluded=count_excluded(dataset, settings),
        problems=(*dataset.problems, *(problem for score in scores for problem in score.problems)),
    )


def count_excluded(dataset: LocomoDataset, settings: RetrievalSettings = DEFAULT_SETTINGS) -> dict[str, int]:
    """Return how many questions `evaluate_retrieval` leaves out, by reason, reasons sorted."""
    reasons = Counter(
        reason
        for conversation in dataset.conversations
        for question in conversation.questions
        if (reason := _exclusion(question, settings)) is not None
    )
    return dict(sorted(reasons.items()))


def _exclusion(question: LocomoQuestion, settings: RetrievalSettings) -> str | None:
    if question.category not in settings.categories:
        return f"category_{question.category}"
    return None if question.evidence else NO_EVIDENCE


def _ask(
    system: RetrievalSystem,
    conversation: str,
    question: LocomoQuestion,
    settings: RetrievalSettings,
    clock: Callable[[], float],
) -> Retrieval:
    started = clock()
    retrieval = system.retrieve(conversation, question.question, limit=max(settings.ks), budget=settings.budget)
    total_ms = (clock() - started) * 1000
    return replace(retrieval, timings_ms={**retrieval.timings_ms, TOTAL: total_ms})


def _score(
    conversation: str, question: LocomoQuestion, retrieval: Retrieval, settings: RetrievalSettings
) -> QuestionScore:
    gold = question.evidence
    within_budget = retrieval.context_tokens <= settings.budget
    problems = [
        Problem(conversation=conversation, where=question.id, raw="", reason=reason) for reason in retrieval.problems
    ]
    if not within_budget:
        reason = f"the context is above the budget of {settings.budget}; its recall counts as 0"
        raw = f"{retrieval.context_tokens} tokens"
        problems.append(Problem(conversation=conversation, where=question.id, raw=raw, reason=reason))
    return QuestionScore(
        conversation=conversation,
        question_id=question.id,
        category=question.category,
        gold=gold,
        recall_at={k: recall_at_k(gold, retrieval.ranked, k) for k in settings.ks},
        context_recall=recall_of(gold, retrieval.context) if within_budget else 0.0,
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
