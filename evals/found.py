"""What is under test, and what it brings back for one question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .dataset import Conversation, Question
from .record import Cost, FilledContext, Given


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a system brought back for one question; ids are those of units (a turn's is its own id).

    `ranked`: best first; `contexts`: one a budget; `timings_ms`: milliseconds by stage, with "total" if the system
    knows better than its caller what the whole took; `problems`: in words, what failed on the way without costing
    the result; `pool`: everything there was to rank, in any order, None where the system does not tell; `given`:
    the answer, from systems that answer; `scores`: how good units are, for whoever reads a context, none where only
    the order is known.
    """

    ranked: tuple[str, ...]
    contexts: tuple[FilledContext, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    cost: Cost = field(default_factory=Cost)
    pool: tuple[str, ...] | None = None
    given: Given | None = None
    problems: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """What a system's own index of one conversation took, whoever of those that share it made it first.

    `turns` is how many went into it; `seconds` is wall time, 0.0 where the system needs no index at all; `cost`
    counts language models.
    """

    turns: int
    seconds: float
    cost: Cost = field(default_factory=Cost)


class System(Protocol):
    """A system under test. Conversations are strangers to each other: a question sees its own only."""

    @property
    def name(self) -> str:
        """What plans and tables call it."""
        ...

    @property
    def unit(self) -> str:
        """What it ranks: the name of a unit."""
        ...

    def warm_up(self) -> None:
        """Load what the first question would wait for, asking nothing hosted; what fails raises a RecollectError."""
        ...

    def ingest(self, conversation: Conversation) -> Indexed | None:
        """Take in every turn of a conversation, before its questions are asked; a second time stores nothing.

        Returns what its own index took, None where it has but the store that systems share.
        """
        ...

    def release(self, conversation: str) -> None:
        """Drop what is kept of a conversation by its id: its questions are all asked. Unknown ones are ignored."""
        ...

    def ask(self, conversation: Conversation, question: Question, *, limit: int, budgets: Sequence[int]) -> Found:
        """Return up to `limit` units, best first, and a context for each budget in tokens.

        Only the oracle looks at the question's evidence. What fails raises a RecollectError.
        """
        ...
