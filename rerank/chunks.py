"""Chunks of whole utterances, and their order by the scores of the turns inside them (METHODS section 6.5)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ..memory.errors import InvalidInput
from ..memory.fusion import z_scores
from ..memory.ports import TokenCounter
from ..memory.types import ScoredMemory, Turn

TEMPERATURE = 0.5
"""Chosen on held-out MSC, FriendsQA and written questions for the shipped ranker; from 0 to 0.75 it makes a point."""


class Utterance(Protocol):
    """What a chunk is made of: a `Turn`, a `NewTurn`, or the like."""

    @property
    def speaker(self) -> str:
        """Who said it."""
        ...

    @property
    def text(self) -> str:
        """What was said."""
        ...

    @property
    def session(self) -> str | int | None:
        """Chunks do not cross its border."""
        ...


U = TypeVar("U", bound=Utterance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk(Generic[U]):
    """Neighbouring utterances of one session, never none; `tokens` counts them as "speaker: text"."""

    turns: tuple[U, ...]
    tokens: int


def chunked(turns: Sequence[U], *, target_tokens: int, count: TokenCounter) -> list[Chunk[U]]:
    """Pack turns, in the order given, into chunks of one session and of at most `target_tokens`.

    No utterance is cut: one that is longer than the target is a chunk by itself. `count` counts the tokens of
    "speaker: text"; a chunk's are the sum over its turns. Raises InvalidInput for a target below 1.
    """
    if target_tokens < 1:
        raise InvalidInput(f"Chunks of {target_tokens} tokens hold nothing; give a target of at least 1.")
    chunks: list[Chunk[U]] = []
    packed: list[U] = []
    tokens = 0
    for turn in turns:
        more = count(f"{turn.speaker}: {turn.text}")
        if packed and (turn.session != packed[-1].session or tokens + more > target_tokens):
            chunks.append(Chunk(turns=tuple(packed), tokens=tokens))
            packed, tokens = [], 0
        packed.append(turn)
        tokens += more
    if packed:
        chunks.append(Chunk(turns=tuple(packed), tokens=tokens))
    return chunks


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredChunk:
    """A chunk and its score, higher is better; -inf where none of its turns was ranked."""

    chunk: Chunk[Turn]
    score: float


def rank_chunks(
    ranked: Sequence[ScoredMemory], chunks: Sequence[Chunk[Turn]], *, temperature: float = TEMPERATURE
) -> list[ScoredChunk]:
    """Return every chunk once, best first, by the scores a reranker gave to its turns; ties keep the chunks' order.

    The scores of all ranked memories are standardised (z, population deviation); a chunk's is
    `T * log(sum(exp(z / T)))` over its ranked turns, which goes from the best turn's score (T = 0) to one where
    several good turns outweigh a single better one. Event summaries, and turns of no chunk, only count in the
    standardisation. Raises InvalidInput for a temperature below 0.
    """
    if not temperature >= 0:
        raise InvalidInput(f"A temperature of {temperature} is not defined; give 0 (the best turn) or more.")
    standard = z_scores(dict(enumerate(scored.score for scored in ranked)))
    found: dict[int, float] = {}
    for place, scored in enumerate(ranked):
        if isinstance(scored.memory, Turn):
            found.setdefault(scored.memory.id, standard[place])
    scored_chunks = [
        ScoredChunk(
            chunk=chunk,
            score=soft_maximum([found[turn.id] for turn in chunk.turns if turn.id in found], temperature),
        )
        for chunk in chunks
    ]
    return sorted(scored_chunks, key=lambda scored: -scored.score)


def soft_maximum(scores: Sequence[float], temperature: float) -> float:
    """Return `T * log(sum(exp(score / T)))`, the maximum at T = 0, -inf of nothing."""
    best = max(scores, default=-math.inf)
    if temperature == 0 or math.isinf(best):
        return best
    return best + temperature * math.log(math.fsum(math.exp((score - best) / temperature) for score in scores))
