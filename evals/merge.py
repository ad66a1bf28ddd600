"""Several files of conversations as one data set."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..memory.errors import DataFormatError
from .dataset import Conversation, Dataset


def merged(datasets: Sequence[Dataset]) -> Dataset:
    """Return one data set with the conversations of all, in order; of a single one, itself.

    Where two files use an id for a conversation or a question of theirs, every id gets the name of its file in
    front: "locomo10.json/conv-26". Raises DataFormatError where the files have the same name, too.
    """
    if len(datasets) == 1:
        return datasets[0]
    if _clash(conversation for one in datasets for conversation in one.conversations):
        if len({one.name for one in datasets}) < len(datasets):
            raise DataFormatError(
                f"Two files named {datasets[0].name} hold a conversation or a question of the same id; rename one, "
                "or evaluate them in runs of their own."
            )
        datasets = [_named(one) for one in datasets]
    return Dataset(
        name=", ".join(one.name for one in datasets),
        sha256=hashlib.sha256("".join(one.sha256 for one in datasets).encode()).hexdigest(),
        conversations=tuple(conversation for one in datasets for conversation in one.conversations),
        categories=tuple(dict.fromkeys(category for one in datasets for category in one.categories)),
        file_problems=tuple(problem for one in datasets for problem in one.file_problems),
    )


def _clash(conversations: Iterable[Conversation]) -> bool:
    every = list(conversations)
    names = Counter(one.id for one in every)
    questions = Counter(question.id for one in every for question in one.questions)
    return max([*names.values(), *questions.values()], default=0) > 1


def _named(dataset: Dataset) -> Dataset:
    """Return the data set with its name before every id of a conversation and of a question."""
    return replace(
        dataset,
        conversations=tuple(
            replace(
                one,
                id=f"{dataset.name}/{one.id}",
                questions=tuple(replace(it, id=f"{dataset.name}/{it.id}") for it in one.questions),
            )
            for one in dataset.conversations
        ),
    )
