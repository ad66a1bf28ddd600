"""What is ranked and counted as found: a turn, or a chunk of whole utterances (METHODS section 6.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..memory.ports import TokenCounter
from ..rerank.chunks import Chunk, Utterance, chunked
from .dataset import Conversation

U = TypeVar("U", bound=Utterance)

CHUNK_TARGET = 325
"""Tokens a chunk has at most: with it chunks have 257 tokens on average, where the field reports 258."""


class Unit(Protocol):
    """How the turns of a conversation become what is ranked."""

    @property
    def name(self) -> str:
        """What `--unit` calls it."""
        ...

    def of(self, conversation: Conversation) -> Mapping[str, str]:
        """Return the id of the unit that holds each turn, by dia_id."""
        ...

    def described(self, conversations: Sequence[Conversation]) -> str:
        """Return the name with whatever figures depend on."""
        ...


class TurnUnit:
    """Every turn by itself."""

    name = "turn"

    def of(self, conversation: Conversation) -> Mapping[str, str]:
        """Return each dia_id under itself."""
        return {turn.id: turn.id for turn in conversation.turns}

    def described(self, conversations: Sequence[Conversation]) -> str:
        """Return "turn"."""
        return self.name


TURNS = TurnUnit()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkUnit:
    """Chunks of whole utterances of one session; a chunk's id is the dia_id of its first turn."""

    count: TokenCounter
    target_tokens: int = CHUNK_TARGET

    @property
    def name(self) -> str:
        """What `--unit` calls it."""
        return "chunk"

    def chunks(self, turns: Sequence[U]) -> list[Chunk[U]]:
        """Return the chunks of a conversation's turns, the same however the turns are stored."""
        return chunked(turns, target_tokens=self.target_tokens, count=self.count)

    def of(self, conversation: Conversation) -> Mapping[str, str]:
        """Return the id of each turn's chunk, by dia_id."""
        chunks = self.chunks(conversation.turns)
        return {turn.id: chunk.turns[0].id for chunk in chunks for turn in chunk.turns}

    def described(self, conversations: Sequence[Conversation]) -> str:
        """Return target, average length and number of chunks."""
        tokens = [[chunk.tokens for chunk in self.chunks(one.turns)] for one in conversations]
        chunks = sum(map(len, tokens))
        return (
            f"chunk of at most {self.target_tokens} tokens ({sum(map(sum, tokens)) / chunks:.1f} on average, "
            f"{chunks / len(conversations):.1f} a conversation)"
        )
