"""Which questions of a data set a run asks, and why it does not ask the others."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..memory.errors import DataFormatError
from .dataset import Conversation, Dataset, Question
from .nearest import nearest
from .scores import NO_EVIDENCE, UNANSWERABLE

NOT_DRAWN = "not_drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Conversations with the questions to ask, in their order, those without one left out.

    `excluded` counts the questions that are not asked by reason: "category temporal", "unanswerable",
    "no_resolvable_evidence", "not_drawn".
    """

    conversations: tuple[Conversation, ...]
    excluded: Mapping[str, int]

    @property
    def asked(self) -> int:
        """How many questions are asked."""
        return sum(len(conversation.questions) for conversation in self.conversations)


def select(
    dataset: Dataset,
    *,
    categories: Sequence[str] = (),
    sample: int | None = None,
    seed: int = 0,
    with_answers: bool = False,
) -> Selection:
    """Choose the questions of the categories (none for all), `sample` of them where it is a number.

    Retrieval alone asks only what it can be scored on: questions with an answer and with evidence. A sample is drawn
    evenly over the conversations, one question of each in turn, by `seed`; the order of the file is kept. Raises
    DataFormatError where nothing is left to ask, or for a category that the data set has not.
    """
    for category in categories:
        if category not in dataset.categories:
            known = nearest(category, dataset.categories)
            raise DataFormatError(f"{dataset.name} has no category {category!r}; did you mean {known!r}?")
    excluded: Counter[str] = Counter()
    chosen: list[tuple[Conversation, list[Question]]] = []
    for conversation in dataset.conversations:
        questions: list[Question] = []
        for question in conversation.questions:
            reason = _exclusion(question, categories, with_answers=with_answers)
            if reason is None:
                questions.append(question)
            else:
                excluded[reason] += 1
        chosen.append((conversation, questions))
    total = sum(len(questions) for _, questions in chosen)
    if not total:
        raise DataFormatError(f"{dataset.name} has no question to ask; check categories and evidence.")
    if sample is not None and sample < total:
        excluded[NOT_DRAWN] = total - sample
        chosen = _drawn(chosen, sample, seed)
    asked = tuple(replace(one, questions=tuple(questions)) for one, questions in chosen if questions)
    return Selection(conversations=asked, excluded=dict(sorted(excluded.items())))


def _exclusion(question: Question, categories: Sequence[str], *, with_answers: bool) -> str | None:
    if categories and question.category not in categories:
        return f"category {question.category}"
    if with_answers:
        return None
    if question.is_unanswerable:
        return UNANSWERABLE
    return None if question.evidence else NO_EVIDENCE


def _drawn(
    chosen: Sequence[tuple[Conversation, list[Question]]], sample: int, seed: int
) -> list[tuple[Conversation, list[Question]]]:
    """Return as much of each conversation as an even draw takes: one question of each in turn, in random orders."""
    draw = random.Random(seed)
    waiting = [draw.sample(range(len(questions)), len(questions)) for _, questions in chosen]
    turns = draw.sample(range(len(chosen)), len(chosen))
    taken: list[set[int]] = [set() for _ in chosen]
    left = sample
    while left:
        for place in turns:
            if left and waiting[place]:
                taken[place].add(waiting[place].pop())
                left -= 1
    return [
        (conversation, [question for number, question in enumerate(questions) if number in numbers])
        for (conversation, questions), numbers in zip(chosen, taken, strict=True)
    ]
