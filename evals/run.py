"""Runs an evaluation: every conversation is taken in once, every question is put to every system."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from ..memory.errors import DataFormatError, RecollectError
from .dataset import Conversation, Dataset, Question
from .problems import Problem
from .retrieval import (
    TOTAL,
    Asked,
    QuestionScore,
    Retrieval,
    RetrievalResult,
    RetrievalSettings,
    RetrievalSystem,
    score_question,
)

_log = logging.getLogger(__name__)

NO_EVIDENCE = "no_resolvable_evidence"
UNANSWERABLE = "unanswerable"
DEFAULT_SETTINGS = RetrievalSettings()

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Several systems on the same questions, at least one.

    `results` are in the order given, without the systems that failed, whose reasons are in `failures`; `pool` is
    what an ideal order of everything offered to the first of them would reach, None where it does not tell;
    `problems` are the file's.
    """

    results: Mapping[str, RetrievalResult]
    failures: Mapping[str, str]
    pool: RetrievalResult | None
    problems: tuple[Problem, ...]

    @property
    def baseline(self) -> str:
        """The system that the others are compared with: the first."""
        return next(iter(self.results))


def compare_retrieval(
    dataset: Dataset,
    systems: Mapping[str, RetrievalSystem],
    *,
    settings: RetrievalSettings = DEFAULT_SETTINGS,
    on_question: Callable[[Asked], object] | None = None,
    clock: Clock = time.perf_counter,
) -> Comparison:
    """Ingest each conversation and put its questions to every system, one conversation after the other.

    Left out and counted: questions of other categories ("category temporal"), those whose right answer is to abstain
    ("unanswerable") and those without one gold turn ("no_resolvable_evidence"). A system that raises a RecollectError is left out from then on, and its figures
    with it; the others go on. `on_question` hears of every question once all were asked; `clock` gives seconds.
    Raises DataFormatError where no question can be scored, and the first system's error where all of them failed.
    """
    runs = [_Run(name, system, settings) for name, system in systems.items()]
    for conversation in dataset.conversations:
        wanted = list(_asked(conversation, settings))
        if not wanted:
            continue
        _log.info("%s: %d turns, %d questions", conversation.id, len(conversation.turns), len(wanted))
        for run in runs:
            run.ingest(conversation)
        for asked in wanted:
            for run in runs:
                run.ask(asked, clock)
            if on_question is not None:
                on_question(asked)
    return _compared(dataset, runs, settings)


def count_excluded(dataset: Dataset, settings: RetrievalSettings = DEFAULT_SETTINGS) -> dict[str, int]:
    """Return how many questions `compare_retrieval` leaves out, by reason, reasons sorted."""
    reasons = Counter(
        reason
        for conversation in dataset.conversations
        for question in conversation.questions
        if (reason := _exclusion(question, settings)) is not None
    )
    return dict(sorted(reasons.items()))


def _exclusion(question: Question, settings: RetrievalSettings) -> str | None:
    if settings.categories is not None and question.category not in settings.categories:
        return f"category {question.category}"
    if question.is_unanswerable:
        return UNANSWERABLE
    return None if question.evidence else NO_EVIDENCE


def _asked(conversation: Conversation, settings: RetrievalSettings) -> Iterator[Asked]:
    unit_of = settings.unit.of(conversation)
    for question in conversation.questions:
        if _exclusion(question, settings) is None:
            yield Asked(
                conversation=conversation.id,
                question_id=question.id,
                question=question.question,
                category=question.category,
                gold=tuple(dict.fromkeys(unit_of[dia_id] for dia_id in question.evidence)),
            )


class _Run:
    """One system on its way through the questions, until it fails."""

    def __init__(self, name: str, system: RetrievalSystem, settings: RetrievalSettings) -> None:
        self.name = name
        self.error: RecollectError | None = None
        self.scores: list[QuestionScore] = []
        self.ideal: list[QuestionScore] = []
        self._system = system
        self._settings = settings

    def ingest(self, conversation: Conversation) -> None:
        if self.error is not None:
            return
        try:
            self._system.ingest(conversation)
        except RecollectError as error:
            self._fail(error, conversation.id)

    def ask(self, asked: Asked, clock: Clock) -> None:
        if self.error is not None:
            return
        limit, budget = max(self._settings.ks), self._settings.budget
        started = clock()
        try:
            found = self._system.retrieve(asked.conversation, asked.question, limit=limit, budget=budget)
        except RecollectError as error:
            self._fail(error, asked.question_id)
            return
        total_ms = (clock() - started) * 1000
        if TOTAL not in found.timings_ms:  # one that shares work with others knows better what all of it took
            found = replace(found, timings_ms={**found.timings_ms, TOTAL: total_ms})
        self.scores.append(score_question(asked, found, self._settings))
        if found.pool is not None:
            self.ideal.append(score_question(asked, _ideal(asked, found.pool), self._settings))

    def result(self, scores: list[QuestionScore], dataset: Dataset) -> RetrievalResult:
        return RetrievalResult(
            settings=self._settings,
            questions=tuple(scores),
            excluded=count_excluded(dataset, self._settings),
            problems=(*dataset.problems, *_problems(scores)),
        )

    def _fail(self, error: RecollectError, where: str) -> None:
        _log.warning("%s failed on %s and is left out: %s", self.name, where, error)
        self.error = error


def _ideal(asked: Asked, pool: Collection[str]) -> Retrieval:
    """Return what the best order of the pool would bring: the gold in it, first of all and in the context."""
    held = frozenset(pool)
    gold = tuple(unit for unit in asked.gold if unit in held)
    return Retrieval(ranked=gold, context=gold, context_tokens=0, timings_ms={})


def _problems(scores: list[QuestionScore]) -> Iterator[Problem]:
    return (problem for score in scores for problem in score.problems)


def _compared(dataset: Dataset, runs: list[_Run], settings: RetrievalSettings) -> Comparison:
    good = [run for run in runs if run.error is None]
    failed = {run.name: run.error for run in runs if run.error is not None}
    if failed and not good:
        raise next(iter(failed.values()))
    if not good or not good[0].scores:
        raise DataFormatError(f"{dataset.name} has no question to score; check categories and evidence.")
    first = good[0]
    offered = first.ideal if len(first.ideal) == len(first.scores) else None
    return Comparison(
        results={run.name: run.result(run.scores, dataset) for run in good},
        failures={name: str(error) for name, error in failed.items()},
        pool=None if offered is None else first.result(offered, dataset),
        problems=dataset.problems,
    )
