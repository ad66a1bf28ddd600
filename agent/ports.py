"""The seams of the agent layer."""

from collections.abc import Generator as PythonGenerator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..memory.endpoint_usage import Usage
from ..memory.types import Context, NewEvent, Turn

ABSTENTION = "I don't remember anything about that."
"""The words every generator answers with when the context holds no answer."""


class Generator(Protocol):
    """Answers a question from a numbered context.

    One that knows more of an answer than its words has a method `told` besides (`TellingGenerator`).
    """

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A whole answer, citations and escapes in it as `stream` yields them.

    `confidence`: how sure the generator is that the context holds the answer, from 0.0 to 1.0, None where it does
    not tell; `usage`: what a hosted model took, None where no such model was asked or its server does not tell;
    `unseen`: numbers of lines of the context that the generator was not shown, so that it cannot mean them;
    `shares`: by number of a line how much of the answer its memory carried, p(z | x, y), 1.0 over all, empty where
    the generator does not tell; `problems`: in words, what went wrong without costing the answer.
    """

    text: str
    confidence: float | None = None
    usage: Usage | None = None
    unseen: frozenset[int] = frozenset()
    shares: Mapping[int, float] = field(default_factory=dict[int, float])
    problems: tuple[str, ...] = ()


@runtime_checkable
class TellingGenerator(Generator, Protocol):
    """A generator that tells how sure it is or what an answer took; one value a call, so threads may share it."""

    def told(self, question: str, context: Context, history: Sequence[Turn]) -> Told:
        """Return at once what `stream` yields in pieces, and what else is known of it. Raises GenerationError."""
        ...


@runtime_checkable
class TellingStream(Generator, Protocol):
    """A generator that tells at the end of a stream what it took."""

    def stream_told(
        self, question: str, context: Context, history: Sequence[Turn]
    ) -> PythonGenerator[str, None, Told]:
        """Yield what `stream` yields and return the whole. Raises GenerationError."""
        ...


@runtime_checkable
class StoppableGenerator(Generator, Protocol):
    """A generator whose answers can be given up from another thread than the one that waits for them."""

    def stop(self) -> None:
        """Give up every answer that is being written; who reads one gets a GenerationError at once, or soon."""
        ...


def telling_pieces(
    generator: Generator, question: str, context: Context, history: Sequence[Turn] = ()
) -> PythonGenerator[str, None, Told]:
    """Yield the pieces of any generator and return the whole, with what it tells; closing it closes its stream."""
    if isinstance(generator, TellingStream):
        return (yield from generator.stream_told(question, context, history))
    written: list[str] = []
    pieces = generator.stream(question, context, history)
    try:
        for piece in pieces:
            written.append(piece)
            yield piece
    finally:
        if isinstance(pieces, PythonGenerator):
            pieces.close()
    return Told(text="".join(written))


def told_by(generator: Generator, question: str, context: Context, history: Sequence[Turn] = ()) -> Told:
    """Return the whole answer of any generator, with what it tells besides; its errors pass through."""
    if isinstance(generator, TellingGenerator):
        return generator.told(question, context, history)
    return Told(text="".join(generator.stream(question, context, history)))


class Summarizer(Protocol):
    """Draws one to three events from what was said in a session."""

    @property
    def name(self) -> str:
        """What its events are remembered to be made by."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether it works on this machine, at no cost: a hosted one is not asked for a whole import unbidden."""
        ...

    def events(self, turns: Sequence[Turn]) -> list[NewEvent]:
        """Return the events of turns of one session, in order; each cites turns among them, none where none happened.

        Raises GenerationError or EmbedderError; then nothing is known of the session.
        """
        ...
