"""What a page shows and the summary does not hold: how surely systems answer, which questions nobody can find."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..dataset import AnswerRule
from ..record import Asked, QuestionRecord, Record, system_name
from ..scores import Scoring, retrieval_scores, why_not_retrieval
from .choices import headline_budget
from .looks import is_reference

HARDEST = 25
MOST_THRESHOLDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Declining:
    """What declining below a confidence would be worth.

    `precision`: of what would be declined, how much has no answer, None where nothing would be; `recall`: of what has
    no answer, how much would be declined. `declined` counts questions.
    """

    threshold: float
    precision: float | None
    recall: float
    declined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hard:
    """A question and how many of the systems that were asked found none, and all, of its evidence."""

    asked: Asked
    systems: int
    found_none: int
    found_all: int
    recall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """`declining` by `SystemSummary.name`, ascending by threshold, only of systems that tell a confidence.

    `hardest`: those on which systems did worst, worst first; references are left out. `asked` counts the questions
    that each system was asked so far, by the same names.
    """

    declining: Mapping[str, tuple[Declining, ...]] = field(default_factory=dict[str, tuple[Declining, ...]])
    hardest: tuple[Hard, ...] = ()
    asked: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What is known so far of one question."""

    asked: Asked
    recalls: dict[str, float] = field(default_factory=dict[str, float])


def insights_of(records: Iterable[Record], scoring: Scoring) -> Insights:
    """Look at every record of a run once; a question that comes twice counts as it was the last time.

    Questions are hard in recall within the headline budget, or among the first 10 where no contexts were filled.
    """
    observer = _Observer(scoring)
    for record in records:
        if isinstance(record, QuestionRecord):
            observer.look(record)
    return observer.insights()


class _Observer:
    """Keeps a few numbers of every record."""

    def __init__(self, scoring: Scoring) -> None:
        budget = headline_budget(scoring.budgets)
        self._metric = f"recall@{budget}" if budget else "R@10"
        self._scoring = Scoring(ks=(10,), budgets=(budget,) if budget else ())
        self._sure: dict[str, dict[str, tuple[float, bool]]] = {}  # confidence, has no answer
        self._questions: dict[str, _Seen] = {}
        self._asked: dict[str, set[str]] = {}

    def insights(self) -> Insights:
        """Return what was seen."""
        curves = {name: declining_curve(pairs.values()) for name, pairs in self._sure.items()}
        return Insights(
            declining={name: curve for name, curve in curves.items() if curve},
            hardest=tuple(self._hardest()),
            asked={name: len(questions) for name, questions in self._asked.items()},
        )

    def look(self, record: QuestionRecord) -> None:
        """Note how sure the system was, and how much of the gold it found."""
        name = system_name(record.system, record.unit)
        self._asked.setdefault(name, set()).add(record.asked.question_id)
        if record.error is None and record.given is not None and record.given.confidence is not None:
            told = record.given.confidence, record.asked.rule is AnswerRule.ABSTAIN
            self._sure.setdefault(name, {})[record.asked.question_id] = told
        if is_reference(record.system) or why_not_retrieval(record.asked) is not None:
            return
        score = 0.0 if record.error is not None else retrieval_scores(record, self._scoring).get(self._metric)
        if score is not None:
            seen = self._questions.setdefault(record.asked.question_id, _Seen(asked=record.asked))
            seen.recalls[name] = score

    def _hardest(self) -> list[Hard]:
        found = [_hard(seen) for seen in self._questions.values() if seen.recalls]
        found.sort(key=lambda one: (one.recall, -one.found_none))
        return [one for one in found if one.recall < 1][:HARDEST]


def declining_curve(pairs: Iterable[tuple[float, bool]]) -> tuple[Declining, ...]:
    """Return what declining below each confidence would be worth, from (confidence, has no answer) of questions.

    None of it where every question has an answer, or none has: then there is nothing to tell apart. At most
    `MOST_THRESHOLDS` thresholds are kept, spread evenly over the questions.
    """
    ordered = sorted(pairs)
    unanswerable = sum(is_empty for _, is_empty in ordered)
    if unanswerable in (0, len(ordered)):
        return ()
    curve: list[Declining] = []
    right = 0
    for declined, (confidence, is_empty) in enumerate(ordered):
        if declined == 0 or confidence > ordered[declined - 1][0]:
            precision = right / declined if declined else None
            curve.append(
                Declining(threshold=confidence, precision=precision, recall=right / unanswerable, declined=declined)
            )
        right += is_empty
    stride = -(-len(curve) // MOST_THRESHOLDS)
    return tuple(curve[::stride])


def _hard(seen: _Seen) -> Hard:
    recalls = list(seen.recalls.values())
    return Hard(
        asked=seen.asked,
        systems=len(recalls),
        found_none=sum(recall == 0 for recall in recalls),
        found_all=sum(recall == 1 for recall in recalls),
        recall=sum(recalls) / len(recalls),
    )
