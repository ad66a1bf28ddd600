"""What a data set holds, and an account of what was skipped or repaired in it and why."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .dataset import Dataset
from .problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemGroup:
    """All problems with one reason, in file order."""

    reason: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetAccount:
    """Counts of a data set.

    `without_questions` counts conversations; `questions` are all by category, `unanswerable` those whose right reply
    is to abstain, `without_answer` those of the others that have no accepted answer; `evidence` counts questions by
    how many turns are their gold.
    """

    conversations: int
    without_questions: int
    sessions: int
    turns: int
    questions: Mapping[str, int]
    unanswerable: int
    without_answer: int
    evidence: Mapping[int, int]
    problems: tuple[ProblemGroup, ...]


def account_of(dataset: Dataset) -> DatasetAccount:
    """Count what a data set holds."""
    questions = [question for one in dataset.conversations for question in one.questions]
    by_category = Counter(question.category for question in questions)
    by_evidence = Counter(len(question.evidence) for question in questions)
    return DatasetAccount(
        conversations=len(dataset.conversations),
        without_questions=sum(not one.questions for one in dataset.conversations),
        sessions=sum(len({turn.session for turn in one.turns}) for one in dataset.conversations),
        turns=sum(len(one.turns) for one in dataset.conversations),
        questions={category: by_category[category] for category in dataset.categories},
        unanswerable=sum(question.is_unanswerable for question in questions),
        without_answer=sum(not question.is_unanswerable and not question.answers for question in questions),
        evidence=dict(sorted(by_evidence.items())),
        problems=group_problems(dataset.problems),
    )


def group_problems(problems: Iterable[Problem]) -> tuple[ProblemGroup, ...]:
    """Return problems by their reason, reasons in the order in which they first come."""
    groups: dict[str, list[Problem]] = {}
    for problem in problems:
        groups.setdefault(problem.reason, []).append(problem)
    return tuple(ProblemGroup(reason=reason, problems=tuple(alike)) for reason, alike in groups.items())
