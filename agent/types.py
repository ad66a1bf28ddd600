"""What an agent gives back."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..memory.endpoint_usage import Usage
from ..memory.types import Context, ScoredMemory, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """The turn behind a `[number]` of an answer.

    `share` is how much of the answer the memory with that number carried, from 0.0 to 1.0: its p(z | x, y) after RAG
    or Re2G decoding, None where the generator does not tell.
    """

    number: int
    turn: Turn
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One `[1, 4]` of an answer: `text[start:end]`, and the numbers it names."""

    start: int
    end: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the user gets; every citation resolves to a turn.

    `timings` are milliseconds by stage (those of `Retrieved`, generate, store, total).
    `dropped_citations` counts the numbers the model cited that are not in the context.
    `problems` says in words what failed on the way without costing the answer. `marks` are the places of the
    citations in `text`, which a quotation's own "[3]" is not; `ranked` is what reranking returned, best first, with
    the scores of every stage; `reply` is the answer as it was stored, None where nothing is; `usage` is what a hosted
    model took for it, None where none was asked or its server does not tell.
    """

    text: str
    citations: tuple[Citation, ...]
    context: Context
    abstained: bool
    timings: Mapping[str, float]
    dropped_citations: int = 0
    problems: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    ranked: tuple[ScoredMemory, ...] = ()
    reply: Turn | None = None
    usage: Usage | None = None

    @property
    def nearest(self) -> Turn | None:
        """The best turn that is no question, where nothing is remembered for sure: who asked may see more in it."""
        turns = (scored.memory for scored in self.ranked if isinstance(scored.memory, Turn))
        told = (turn for turn in turns if not turn.text.rstrip().endswith("?"))
        return next(told, None) if self.abstained else None
