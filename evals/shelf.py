"""The units of one conversation as they stand in contexts: their texts, their lengths, and how a budget is filled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..memory.context import ContextBuilder
from ..memory.types import EventSummary, Memory, ScoredMemory, Turn
from ..rerank.chunks import Chunk
from .record import FilledContext
from .shared_memories import ref_of
from .units import ChunkUnit, Unit

MOST_IN_CONTEXT = 100
"""Turns, best first, that a context is chosen from: as many as the library's first stage offers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One unit: the id of its first turn, and its text, a line an utterance with its speaker."""

    id: str
    text: str


class Shelf:
    """A conversation's units with one way to fill contexts: turns as the library renders them, others whole.

    `turns` are those that the store returned, oldest first.
    """

    def __init__(self, turns: Sequence[Turn], unit: Unit, contexts: ContextBuilder) -> None:
        self._turns = turns
        self._unit = unit
        self._contexts = contexts

    @cached_property
    def chunks(self) -> list[Chunk[Turn]]:
        """The units of several turns; none where the unit is the turn."""
        return self._unit.chunks(self._turns) if isinstance(self._unit, ChunkUnit) else []

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Every unit, in the order said."""
        groups: Sequence[Sequence[Turn]] = [chunk.turns for chunk in self.chunks] or [[turn] for turn in self._turns]
        return tuple(
            Piece(id=ref_of(group[0]), text="\n".join(f"{turn.speaker}: {turn.text}" for turn in group))
            for group in groups
        )

    def filled(self, question: str, order: Sequence[str], budgets: Sequence[int]) -> tuple[FilledContext, ...]:
        """Return a context for each budget: of the units in `order`, best first, those that fit.

        Turns are rendered as the library does, of the first `MOST_IN_CONTEXT`; other units go in whole or not at
        all, their tokens being those of their lines.
        """
        if not isinstance(self._unit, ChunkUnit):
            ranked = [
                ScoredMemory(memory=self._by_ref[ref], score=-float(place), stages={})
                for place, ref in enumerate(order[:MOST_IN_CONTEXT])
            ]
            return self.rendered(question, ranked, budgets)
        tokens = {ref_of(chunk.turns[0]): chunk.tokens for chunk in self.chunks}
        return tuple(_fitting([(one, tokens[one]) for one in order], budget) for budget in budgets)

    def rendered(
        self, question: str, ranked: Sequence[ScoredMemory], budgets: Sequence[int], *, brevity: float = 0.0
    ) -> tuple[FilledContext, ...]:
        """Return a context of ranked turns, best first, for each budget, as the library renders it."""
        built = [self._contexts.build(question, ranked, budget=one, brevity=brevity) for one in budgets]
        return tuple(
            FilledContext(budget=one.budget, units=refs_of(one.memories), tokens=one.tokens) for one in built
        )

    @cached_property
    def _by_ref(self) -> Mapping[str, Turn]:
        return {ref_of(turn): turn for turn in self._turns}


def refs_of(memories: Sequence[Memory]) -> tuple[str, ...]:
    """Return the ids of turns, passing over summaries. Raises InvalidInput for a turn without one."""
    return tuple(ref_of(memory) for memory in memories if not isinstance(memory, EventSummary))


def _fitting(order: Sequence[tuple[str, int]], budget: int) -> FilledContext:
    """Fill a context with the best units, as (id, tokens), passing over those that no longer fit."""
    chosen: list[str] = []
    spent = 0
    for unit, tokens in order:
        if spent + tokens <= budget:
            chosen.append(unit)
            spent += tokens
    return FilledContext(budget=budget, units=tuple(chosen), tokens=spent)
