"""Several data sets as one, so that a run over several files is a run like any other."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from ..memory.errors import InvalidInput
from .dataset import Conversation, Dataset
from .reading import unique_name


def joined(datasets: Sequence[Dataset]) -> Dataset:
    """Return one data set with the conversations of all; ids get the name of their file in front where several are.

    Names are those of `unique_names`. Categories come in the order of the first of each; the digest is that of all
    digests. Raises InvalidInput where there is none.
    """
    if not datasets:
        raise InvalidInput("No data set was given; name at least one file.")
    if len(datasets) == 1:
        return datasets[0]
    named = zip(unique_names(datasets), datasets, strict=True)
    return Dataset(
        name=", ".join(unique_names(datasets)),
        sha256=sha256("".join(one.sha256 for one in datasets).encode()).hexdigest(),
        conversations=tuple(_named(one, name) for name, dataset in named for one in dataset.conversations),
        categories=tuple(dict.fromkeys(category for one in datasets for category in one.categories)),
        file_problems=tuple(problem for one in datasets for problem in one.file_problems),
    )


def unique_names(datasets: Sequence[Dataset]) -> list[str]:
    """Return a name for each: its file's, and where that is taken "name#2" and so on."""
    names: list[str] = []
    for dataset in datasets:
        names.append(unique_name(dataset.name, names))
    return names


def _named(conversation: Conversation, file: str) -> Conversation:
    return replace(
        conversation,
        id=f"{file}/{conversation.id}",
        questions=tuple(replace(one, id=f"{file}/{one.id}") for one in conversation.questions),
        problems=tuple(replace(one, conversation=f"{file}/{one.conversation}") for one in conversation.problems),
    )
