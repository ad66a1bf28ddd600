"""The seams of the agent layer."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from ..memory.types import Context, Turn

ABSTENTION = "I don't remember anything about that."
"""The words every generator answers with when the context holds no answer."""


class Generator(Protocol):
    """Answers a question from a numbered context."""

    @property
    def name(self) -> str:
        """What a person calls the generator."""
        ...

    @property
    def reads_history(self) -> bool:
        """Whether the generator is shown the live window; if so, recall leaves those turns out."""
        ...

    def stream(self, question: str, context: Context, history: Sequence[Turn]) -> Iterator[str]:
        """Yield the answer in pieces, citing context lines as `[n]`; `history` is the live window, oldest first.

        Answers with `ABSTENTION` when the context holds no answer. Raises GenerationError.
        """
        ...
