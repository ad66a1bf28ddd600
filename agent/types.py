"""What an agent gives back."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..memory.types import Context, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """The turn behind a `[number]` of an answer."""

    number: int
    turn: Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the user gets; every citation resolves to a turn.

    `timings` are milliseconds by stage (those of `Retrieved`, generate, store, total).
    `dropped_citations` counts the numbers the model cited that are not in the context.
    `problems` says in words what failed on the way without costing the answer.
    """

    text: str
    citations: tuple[Citation, ...]
    context: Context
    abstained: bool
    timings: Mapping[str, float]
    dropped_citations: int = 0
    problems: tuple[str, ...] = ()
