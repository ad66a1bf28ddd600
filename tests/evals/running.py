"""What tests of runs share: systems that need no models, and a sink that keeps records in a list."""

import threading
from collections.abc import Callable, Sequence

from recollect.evals.dataset import Conversation, Question
from recollect.evals.found import Found, Indexed
from recollect.evals.record import FilledContext, IngestRecord, QuestionRecord, Record
from recollect.memory.errors import EndpointUnreachable


class LastTurns:
    """Ranks the newest turns first; counts what it was asked, and fails on the questions it is told to."""

    unit = "turn"

    def __init__(self, name: str = "last", *, fails: Callable[[str], bool] = lambda _: False) -> None:
        self.name = name
        self.asked: list[str] = []
        self.ingested: list[str] = []
        self.released: list[str] = []
        self.warmed = 0
        self._fails = fails

    def warm_up(self) -> None:
        self.warmed += 1

    def ingest(self, conversation: Conversation) -> Indexed | None:
        self.ingested.append(conversation.id)
        return None

    def release(self, conversation: str) -> None:
        self.released.append(conversation)

    def ask(self, conversation: Conversation, question: Question, *, limit: int, budgets: Sequence[int]) -> Found:
        self.asked.append(question.id)
        if self._fails(question.id):
            raise EndpointUnreachable(f"No answer to {question.id}.")
        turns = tuple(turn.id for turn in reversed(conversation.turns))
        contexts = tuple(FilledContext(budget=budget, units=turns[:2], tokens=20) for budget in budgets)
        return Found(ranked=turns[:limit], contexts=contexts, pool=turns)


class Memo:
    """A sink in memory."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self.records: list[Record] = list(records)
        self._lock = threading.Lock()

    @property
    def answered(self) -> set[tuple[str, str, str]]:
        return {one.key for one in self.questions if one.error is None}

    @property
    def ingested(self) -> set[tuple[str, str | None, str]]:
        return {one.key for one in self.records if isinstance(one, IngestRecord)}

    @property
    def questions(self) -> list[QuestionRecord]:
        return [one for one in self.records if isinstance(one, QuestionRecord)]

    def append(self, record: Record) -> None:
        with self._lock:
            self.records.append(record)
