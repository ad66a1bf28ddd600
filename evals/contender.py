"""One system on its way through the questions: what it brings back or why it does not, as records."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..memory.errors import RecollectError
from .dataset import Conversation, Question
from .found import Found, System
from .record import Asked, IngestRecord, QuestionRecord

_log = logging.getLogger(__name__)

TOTAL = "total"
MOST_FAILURES = 5
"""In a row; then the system is left out, as it would fail on the rest, too."""
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How much a system is asked for: `limit` units, and a context for each of `budgets` in tokens."""

    limit: int
    budgets: tuple[int, ...]


class Contender:
    """A system under test that fails in words: an error of ours costs a question its result, not the run.

    After `most_failures` questions in a row without one it is asked no more and `left_out` says why; its other
    questions are recorded as failed, so that it does not look better for having been asked the first ones only.
    Threads may ask at once where `is_hosted`. `clock` gives seconds.
    """

    def __init__(
        self,
        system: System,
        *,
        is_hosted: bool = False,
        most_failures: int = MOST_FAILURES,
        clock: Clock = time.perf_counter,
    ) -> None:
        self.is_hosted = is_hosted
        self.left_out: str | None = None
        self._system = system
        self._clock = clock
        self._most_failures = most_failures
        self._failures = 0
        self._is_warm = False
        self._lock = threading.Lock()
        self._not_ingested: dict[str, str] = {}

    @property
    def key(self) -> tuple[str, str]:
        """The system's name and its unit."""
        return self._system.name, self._system.unit

    def warm_up(self) -> None:
        """Let the system load what it needs, once; where that fails, its questions do, and say why."""
        if self._is_warm:
            return
        self._is_warm = True
        try:
            self._system.warm_up()
        except RecollectError as error:
            _log.info("%s could not be made ready: %s", self._system.name, error)

    def ingest(self, conversation: Conversation) -> IngestRecord | None:
        """Let the system take in a conversation; the record tells what its own index took, None without one.

        Where that fails, its questions about the conversation do.
        """
        if self.left_out is not None:
            return None
        try:
            taken = self._system.ingest(conversation)
        except RecollectError as error:
            _log.warning("%s took in nothing of %s: %s", self._system.name, conversation.id, error)
            self._not_ingested[conversation.id] = f"the conversation was not taken in: {error}"
            return None
        if taken is None:
            return None
        return IngestRecord(
            system=self._system.name,
            unit=self._system.unit,
            conversation=conversation.id,
            turns=taken.turns,
            seconds=round(taken.seconds, 6),
            cost=taken.cost,
        )

    def release(self, conversation: str) -> None:
        """Let the system drop a conversation whose questions are asked."""
        self._system.release(conversation)
        self._not_ingested.pop(conversation, None)

    def ask(self, conversation: Conversation, question: Question, asked: Asked, wanted: Wanted) -> QuestionRecord:
        """Return the record of one question, whatever became of it."""
        error = self.left_out or self._not_ingested.get(conversation.id)
        if error is None:
            started = self._clock()
            try:
                found = self._system.ask(conversation, question, limit=wanted.limit, budgets=wanted.budgets)
            except RecollectError as failure:
                error = str(failure)
            else:
                self._failures = 0
                return self._record(asked, found, 1000.0 * (self._clock() - started))
        self._count_failure(error, asked.question_id)
        return QuestionRecord(system=self._system.name, unit=self._system.unit, asked=asked, error=error)

    def _record(self, asked: Asked, found: Found, took_ms: float) -> QuestionRecord:
        # a system that shares work with others knows better what all of it took
        timings = {**found.timings_ms, TOTAL: found.timings_ms.get(TOTAL, took_ms)}
        return QuestionRecord(
            system=self._system.name,
            unit=self._system.unit,
            asked=asked,
            ranked=found.ranked,
            contexts=tuple(sorted(found.contexts, key=lambda context: context.budget)),
            pool=found.pool,
            given=found.given,
            timings_ms={stage: round(taken, 3) for stage, taken in timings.items()},
            cost=found.cost,
            problems=found.problems,
        )

    def _count_failure(self, error: str, where: str) -> None:
        with self._lock:
            self._failures += 1
            if self.left_out is None and self._failures >= self._most_failures:
                self.left_out = f"left out after {self._failures} failures in a row, the last on {where}: {error}"
