"""What summarising sessions would take of a hosted model, before anything is sent."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ...memory.sessions import DueSession
from ..session_summaries import SessionSummaries
from .hosted import INSTRUCTION, WRITTEN_TOKENS, request_of

CHARACTERS_A_TOKEN = 4
"""English, in the tokenizers of today's chat models: about that many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Sessions and turns to summarise, in how many calls; tokens read and written are estimates."""

    sessions: int
    turns: int
    calls: int
    read_tokens: int
    written_tokens: int

    def cost(self, *, input_price: float, output_price: float) -> float:
        """Return what it costs at these prices, which are of a million tokens."""
        return (self.read_tokens * input_price + self.written_tokens * output_price) / 1e6

    def document(self) -> dict[str, int]:
        """Return the figures by name."""
        return asdict(self)


def estimate_of(summaries: SessionSummaries, sessions: Sequence[DueSession]) -> Estimate:
    """Return what these sessions would take; reads their turns, a session at a time."""
    turns = calls = characters = 0
    for session in sessions:
        said = summaries.turns(session)
        blocks = summaries.blocks(said)
        turns += len(said)
        calls += len(blocks)
        characters += sum(len(INSTRUCTION) + len(request_of(block)) for block in blocks)
    return Estimate(
        sessions=len(sessions),
        turns=turns,
        calls=calls,
        read_tokens=-(-characters // CHARACTERS_A_TOKEN),
        written_tokens=calls * WRITTEN_TOKENS,
    )
