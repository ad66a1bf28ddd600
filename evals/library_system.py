"""Puts the library itself under test: recalled once a question for all rerankers, ranked by one, unit by unit."""

from collections.abc import Callable, Sequence
from functools import cached_property

from ..memory.context import ContextBuilder
from ..memory.types import Candidate, Effort, EventSummary, Retrieved, ScoredMemory, Turn
from ..rerank.base import Ranking, Reranker, brevity, ranking_of
from ..rerank.chunks import rank_chunks
from .dataset import Conversation, Question
from .found import Found, Indexed
from .record import Cost, FilledContext
from .shared_memories import SharedMemories, ref_of
from .shelf import Shelf, refs_of
from .units import ChunkUnit, Unit
from .warm_up import CANDIDATE, QUESTION

TOTAL = "total"


class LibrarySystem:
    """The library with one reranker, made when it is first asked.

    Turns are recalled and reranked; units of several turns are ranked by their turns' scores. Event summaries are no
    turns and count as nothing found.
    """

    def __init__(
        self,
        name: str,
        memories: SharedMemories,
        reranker: Callable[[], Reranker],
        *,
        unit: Unit,
        contexts: ContextBuilder,
    ) -> None:
        self.name = name
        self.unit = unit.name
        self._memories = memories
        self._make_reranker = reranker
        self._unit = unit
        self._contexts = contexts
        self._shelves: dict[str, Shelf] = {}

    @cached_property
    def _reranker(self) -> Reranker:
        return self._make_reranker()

    def warm_up(self) -> None:
        """Let the reranker read one line, which loads its model; a list of one is sent to no hosted model."""
        ranking_of(self._reranker, QUESTION, [CANDIDATE])

    def ingest(self, conversation: Conversation) -> Indexed | None:
        """Store the conversation's turns, unless that was done before; what that took is told where events are drawn.

        Of the others nobody has the store for himself.
        """
        self._memories.ingest(conversation)
        turns = self._memories.turns(conversation.id)
        self._shelves[conversation.id] = Shelf(turns, self._unit, self._contexts)
        return self._memories.taken(conversation.id) if self._memories.draws_events else None

    def release(self, conversation: str) -> None:
        """Drop what is kept of a conversation."""
        self._shelves.pop(conversation, None)

    def ask(self, conversation: Conversation, question: Question, *, limit: int, budgets: Sequence[int]) -> Found:
        """Ask the conversation's memory; times are those of a question with the last budget alone.

        Raises InvalidInput where the conversation was not ingested, or where a turn comes back that it did not
        contain; errors of the reranker pass through.
        """
        offered = self._memories.offered(conversation.id, question.question)
        shelf = self._shelves[conversation.id]
        candidates = offered.recalled.candidates
        clock = self._memories.clock
        started = clock()
        found = offered.memory.reranked(
            question.question, offered.recalled, self._reranker, limit=len(candidates), budget=budgets[-1]
        )
        chunks = [scored.chunk for scored in rank_chunks(found.ranked, shelf.chunks)]
        total_ms = offered.took_ms + 1000.0 * (clock() - started)
        if isinstance(self._unit, ChunkUnit):
            ranked = tuple(ref_of(chunk.turns[0]) for chunk in chunks)
            contexts = shelf.filled(question.question, ranked, budgets)
            held = {candidate.memory.id for candidate in candidates}
            pool = tuple(ref_of(one.turns[0]) for one in chunks if not held.isdisjoint(turn.id for turn in one.turns))
        else:
            ranked = refs_of([scored.memory for scored in found.ranked])
            contexts = self._contexts_of(question, found, shelf, budgets)
            pool = refs_of([candidate.memory for candidate in candidates])
        return Found(
            ranked=ranked[:limit],
            contexts=contexts,
            pool=pool,
            timings_ms={**found.timings, TOTAL: total_ms},
            problems=found.problems,
            cost=_cost(found.effort),
            scores={} if chunks else _scores(found.ranked),
        )

    def _contexts_of(
        self, question: Question, found: Retrieved, shelf: Shelf, budgets: Sequence[int]
    ) -> tuple[FilledContext, ...]:
        """Return the context that the library rendered, and those of the other budgets from the same ranking."""
        own = FilledContext(budget=budgets[-1], units=refs_of(found.context.memories), tokens=found.context.tokens)
        others = shelf.rendered(question.question, found.ranked, budgets[:-1], brevity=found.brevity)
        return (*others, own)


def _cost(effort: Effort) -> Cost:
    """Return what reranking took; what hosted models read stands with the language models, too."""
    return Cost(
        reranker_tokens=effort.tokens,
        reranker_flops=effort.flops,
        llm_calls=effort.calls,
        prompt_tokens=effort.tokens if effort.calls else 0,
        completion_tokens=effort.written,
    )


def _scores(ranked: Sequence[ScoredMemory]) -> dict[str, float]:
    return {ref_of(scored.memory): scored.score for scored in ranked if isinstance(scored.memory, Turn)}


class WithoutEvents:
    """A reranker that is given no event summaries, to see what they are worth."""

    reads_events = False

    def __init__(self, reranker: Reranker) -> None:
        self.name = reranker.name
        self.brevity = brevity(reranker)
        self._reranker = reranker

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return what the reranker does without events."""
        return self._reranker.rank(question, candidates)

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        """Return what the reranker does without events, and what it says went wrong."""
        return ranking_of(self._reranker, question, candidates)
