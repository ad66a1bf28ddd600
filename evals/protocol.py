"""Everything a figure depends on, printed and saved beside it."""

import os
import platform
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from .dataset import Dataset

RETRIEVAL, ANSWERS = "retrieval", "retrieval and answers"
OWN_STORES, ONE_STORE = "one for each conversation", "one for all conversations"
"""Where conversations are kept. Words are weighed by the rows of a store, so one for all made every figure depend on
who else was in it; runs of earlier versions have it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDescription:
    """One data file. `sha256` is the hex digest of its bytes, `release` the published release they are, if known.

    `questions` counts all of them by category, whether they are asked or not.
    """

    sha256: str
    release: str | None
    conversations: int
    turns: int
    questions: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemDescription:
    """A system under test with one unit; `options` is what it is made of, by name: its reranker, model, fusion."""

    name: str
    unit: str
    options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDescription:
    """How answers are made and judged; `audit` is the digest of the file with corrected keys.

    `judge` and `judge_prompt` are None where token overlap alone decides.
    """

    generator: str
    judge: str | None = None
    judge_prompt: str | None = None
    audit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where it ran: CPUs this process may use, Python's version, torch's where it is loaded."""

    cpus: int
    python: str
    platform: str
    torch: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProtocol:
    """One run of an evaluation.

    `data` by file name; `asked` counts the questions put to every system, `excluded` the others by reason;
    `sample` is how many were drawn, None for all. `units` describes what is ranked, by unit; `budgets` are in tokens
    of `tokenizer`; `stores` is `OWN_STORES` or `ONE_STORE`. `date` is ISO 8601.
    """

    task: str
    data: Mapping[str, DataDescription]
    categories: tuple[str, ...]
    asked: int
    excluded: Mapping[str, int]
    sample: int | None
    units: Mapping[str, str]
    ks: tuple[int, ...]
    budgets: tuple[int, ...]
    tokenizer: str
    embedder: str
    embedder_fingerprint: str
    systems: tuple[SystemDescription, ...]
    answers: AnswerDescription | None
    seed: int
    recollect_version: str
    date: str
    machine: Machine
    stores: str = OWN_STORES

    @property
    def dataset(self) -> str:
        """The names of the data files."""
        return ", ".join(self.data)

    @property
    def turns(self) -> int:
        """Turns of all files."""
        return sum(one.turns for one in self.data.values())

    @property
    def conversations(self) -> int:
        """Conversations of all files."""
        return sum(one.conversations for one in self.data.values())

    @property
    def questions(self) -> Mapping[str, int]:
        """Questions of all files by category."""
        counts: Counter[str] = Counter()
        for one in self.data.values():
            counts.update(one.questions)
        return dict(counts)


def describe_data(dataset: Dataset) -> DataDescription:
    """Describe one file; categories without a question count 0."""
    counts = Counter(
        question.category for conversation in dataset.conversations for question in conversation.questions
    )
    return DataDescription(
        sha256=dataset.sha256,
        release=dataset.release,
        conversations=len(dataset.conversations),
        turns=sum(len(conversation.turns) for conversation in dataset.conversations),
        questions={category: counts[category] for category in dataset.categories},
    )


def describe_machine() -> Machine:
    """Look at the machine; torch is asked only where it is loaded already."""
    torch = sys.modules.get("torch")
    cpus = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return Machine(
        cpus=cpus or 1,
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        torch=None if torch is None else str(getattr(torch, "__version__", "unknown")),
    )
