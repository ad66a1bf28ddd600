"""What is ranked and counted as found: a turn, or neighbouring turns of one session (METHODS section 6.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..memory.errors import InvalidInput
from ..memory.ports import TokenCounter
from ..rerank.chunks import Chunk, Utterance, chunked
from .dataset import Conversation

U = TypeVar("U", bound=Utterance)

CHUNK_TARGET = 325
"""Tokens a chunk has at most: with it chunks have 257 tokens on average, where the field reports 258."""
WINDOW_TURNS = 3
NO_LIMIT = 10**9


class Unit(Protocol):
    """How the turns of a conversation become what is ranked. Every turn is in exactly one unit.

    So recall means the same for all: of the units that hold the evidence, how many came back. Windows that overlap
    would have a turn in several of them, and a context would hold it more than once.
    """

    @property
    def name(self) -> str:
        """What `--unit` calls it."""
        ...

    def of(self, conversation: Conversation) -> Mapping[str, str]:
        """Return the id of the unit that holds each turn, by the turn's id."""
        ...

    def described(self, conversations: Sequence[Conversation]) -> str:
        """Return the name with whatever figures depend on."""
        ...


class TurnUnit:
    """Every turn by itself."""

    name = "turn"

    def of(self, conversation: Conversation) -> Mapping[str, str]:
        """Return each turn's id under itself."""
        return {turn.id: turn.id for turn in conversation.turns}

    def described(self, conversations: Sequence[Conversation]) -> str:
        """Return "turn"."""
        return self.name


TURNS = TurnUnit()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkUnit:
    """Whole utterances of one session, packed up to a number of tokens; a unit's id is that of its first turn.

    `most_turns` limits them besides; `name` is what `--unit` calls it, `kind` how it is described.
    """

    count: TokenCounter
    target_tokens: int = CHUNK_TARGET
    most_turns: int | None = None
    name: str = "chunk"
    kind: str = ""

    def chunks(self, turns: Sequence[U]) -> list[Chunk[U]]:
        """Return the units of a conversation's turns, the same however the turns are stored."""
        packed = chunked(turns, target_tokens=self.target_tokens, count=self.count)
        return packed if self.most_turns is None else [part for chunk in packed for part in self._parts(chunk)]

    def of(self, conversation: Conversation) -> Mapping[str, str]:
        """Return the id of each turn's unit, by the turn's id."""
        chunks = self.chunks(conversation.turns)
        return {turn.id: chunk.turns[0].id for chunk in chunks for turn in chunk.turns}

    def described(self, conversations: Sequence[Conversation]) -> str:
        """Return kind, average length and number of units."""
        tokens = [[chunk.tokens for chunk in self.chunks(one.turns)] for one in conversations]
        chunks = max(sum(map(len, tokens)), 1)
        kind = self.kind or f"{self.name} of at most {self.target_tokens} tokens"
        return (
            f"{kind} ({sum(map(sum, tokens)) / chunks:.1f} on average, "
            f"{chunks / max(len(conversations), 1):.1f} a conversation)"
        )

    def _parts(self, chunk: Chunk[U]) -> list[Chunk[U]]:
        most = self.most_turns or len(chunk.turns)
        parts = [chunk.turns[start : start + most] for start in range(0, len(chunk.turns), most)]
        return [Chunk(turns=part, tokens=sum(map(self._tokens, part))) for part in parts]

    def _tokens(self, turn: Utterance) -> int:
        return self.count(f"{turn.speaker}: {turn.text}")


def make_unit(name: str, count: TokenCounter) -> Unit:
    """Return the unit with that name; `count` counts tokens. Raises InvalidInput for a name that is none."""
    if name == "turn":
        return TURNS
    if name == "chunk":
        return ChunkUnit(count=count)
    if name == "window":
        kind = f"window of {WINDOW_TURNS} turns, in tokens"
        return ChunkUnit(count=count, target_tokens=NO_LIMIT, most_turns=WINDOW_TURNS, name=name, kind=kind)
    if name == "session":
        return ChunkUnit(count=count, target_tokens=NO_LIMIT, name=name, kind="session, in tokens")
    raise InvalidInput(f"{name!r} is no unit; units are turn, window, chunk and session.")
