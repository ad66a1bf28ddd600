"""Everything a figure depends on, printed and saved beside it."""

import os
import platform
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .dataset import Dataset
from .retrieval import RetrievalResult


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemDescription:
    """What the system under test is made of; `tokenizer` is what counts the context's tokens.

    `fusion` says how lexical and dense scores became one order, weights included.
    """

    reranker: str
    embedder: str
    embedder_fingerprint: str
    tokenizer: str
    recollect_version: str
    seed: int | None = None
    fusion: str = ""


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

    `questions` counts all questions of the file by category, `excluded` those not
    scored by reason; `unit` is what is ranked, with its size; `budget` is in tokens; `date` is ISO 8601.
    """

    task: str
    dataset: str
    sha256: str
    conversations: int
    turns: int
    questions: Mapping[str, int]
    excluded: Mapping[str, int]
    categories: tuple[str, ...]
    unit: str
    ks: tuple[int, ...]
    budget: int
    system: SystemDescription
    date: str
    machine: Machine


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


def describe_retrieval(
    dataset: Dataset, result: RetrievalResult, system: SystemDescription, *, date: datetime
) -> RunProtocol:
    """Describe a retrieval run over `dataset`, at `date`, on this machine."""
    questions = Counter(
        question.category for conversation in dataset.conversations for question in conversation.questions
    )
    return RunProtocol(
        task="retrieval",
        dataset=dataset.name,
        sha256=dataset.sha256,
        conversations=len(dataset.conversations),
        turns=sum(len(conversation.turns) for conversation in dataset.conversations),
        questions={category: questions[category] for category in dataset.categories},
        excluded=result.excluded,
        categories=result.settings.categories or dataset.categories,
        unit=result.settings.unit.described(dataset.conversations),
        ks=result.settings.ks,
        budget=result.settings.budget,
        system=system,
        date=date.isoformat(timespec="seconds"),
        machine=describe_machine(),
    )
