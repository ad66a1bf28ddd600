"""What one user said, as a library object: add turns, recall them, render a context."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from ..memory.archive import Archive, Progress
from ..memory.checks import check_name
from ..memory.context import DEFAULT_BUDGET, ContextBuilder
from ..memory.errors import ClosedError, InvalidInput, RecollectError
from ..memory.recall import Recalled
from ..memory.session_events import SessionEvents
from ..memory.store import Counts
from ..memory.times import now, read_time
from ..memory.types import (
    Context,
    EventKind,
    EventSummary,
    NewTurn,
    Retrieved,
    Scope,
    ScoredMemory,
    Turn,
)
from ..rerank.base import FirstStageOrder, Reranker, brevity, ranking_of, reads_events
from .filters import Filters, narrowed, readable, whole
from .owned import refuse_strangers
from .pins import pinned_memories, with_pinned
from .session_summaries import SessionSummaries, Summarised
from .turn_fields import TurnFields

_log = logging.getLogger(__name__)

DEFAULT_CONVERSATION = "default"
POOL = 100
"""Candidates offered to the reranker."""


class LongTermMemory:
    """The memory of one user in one store; safe to use from several threads and processes.

    `conversation` names where turns are written ("default" if None); when given, recall sees only it, else
    everything the user has in the store. `summaries` draws events from sessions that are over, None draws none. Made
    by `recollect.open_memory`.
    """

    def __init__(
        self,
        archive: Archive,
        reranker: Reranker,
        contexts: ContextBuilder,
        *,
        user: str,
        conversation: str | None = None,
        summaries: SessionSummaries | None = None,
    ) -> None:
        self.user = check_name(user, "user")
        self.conversation = None if conversation is None else check_name(conversation, "conversation")
        self._archive = archive
        self._reranker = reranker
        self._contexts = contexts
        self.summaries = summaries

    @property
    def archive(self) -> Archive:
        """The store and its indexes."""
        return self._archive

    @property
    def path(self) -> Path:
        """Where the store lies."""
        return self._archive.store.file.path

    def as_user(self, user: str, conversation: str | None = None) -> "LongTermMemory":
        """Return the memory of another user in the same store; both share its indexes; closing one closes both."""
        parts = (self._archive, self._reranker, self._contexts)
        return LongTermMemory(*parts, user=user, conversation=conversation, summaries=self.summaries)

    # -- writing ---------------------------------------------------------------------------------

    def add(self, speaker: str, text: str, **rest: Unpack[TurnFields]) -> Turn:
        """Store one turn verbatim and return it; it is found from then on. Fields are those of `NewTurn`.

        Raises InvalidTurn for text that cannot be stored, and the StoreError family; then nothing was stored.
        """
        return self.add_many([NewTurn(speaker=speaker, text=text, **rest)])[0]

    def add_many(
        self, turns: Iterable[NewTurn | Mapping[str, object]], *, progress: Progress | None = None
    ) -> list[Turn]:
        """Store many turns, in order, and return them; mappings have the fields of `NewTurn` as keys.

        Checks all turns first (InvalidTurn: none was stored), then commits 512 at a time.
        """
        place = self.conversation or DEFAULT_CONVERSATION
        return self._archive.add_turns(self.user, place, turns, progress=progress)

    def add_event(
        self,
        turns: Sequence[Turn],
        text: str,
        *,
        happened_at: datetime | str | None = None,
        kind: EventKind = "ephemeral",
    ) -> EventSummary:
        """Store an event summary with the turns of one session it came from; dated like the first if not told.

        Raises InvalidInput for turns of another user or of several sessions.
        """
        refuse_strangers(turns, user=self.user, done="stored")
        moment = turns[0].said_at if happened_at is None and turns else read_time(happened_at or now())
        return self._archive.add_event([turn.id for turn in turns], text, happened_at=moment, kind=kind)

    def close_session(self) -> str | None:
        """Close and summarise the newest session; the next turn begins another. Its name, None if none is open."""
        place = self.conversation or DEFAULT_CONVERSATION
        closed = self._archive.store.close_session(self.user, place, now())
        self.summarise_due()
        return closed

    def forget(self, memories: Iterable[Turn | EventSummary]) -> None:
        """Delete memories for good, from the store and from both indexes; raises InvalidInput for another user's."""
        chosen = list(memories)
        refuse_strangers(chosen, user=self.user, done="forgotten")
        self._archive.forget([memory.id for memory in chosen])
        self.summarise_due(stale_only=True)

    def correct(self, turn: Turn, text: str) -> Turn:
        """Give a turn other words for good and return it; what was summarised of its session is summarised anew.

        Raises InvalidTurn for text that cannot be stored, InvalidInput for another user's turn or one that is gone.
        """
        refuse_strangers([turn], user=self.user, done="corrected")
        corrected = SessionEvents(self._archive).correct(turn, text)
        self.summarise_due(stale_only=True)
        return corrected

    def summarise_due(self, *, stale_only: bool = False) -> Summarised:
        """Summarise the newest few sessions of this memory that are over; what fails is logged and told, not raised.

        `stale_only`: those alone whose summaries a correction outdated. Nothing is done without `summaries`.
        """
        scope = None if self.summaries is None else self.scope({})
        if self.summaries is None or scope is None:
            return Summarised()
        return self.summaries.after_reply(scope, stale_only=stale_only)

    # -- reading ---------------------------------------------------------------------------------

    def recall(self, question: str, *, limit: int = 10, **filters: Unpack[Filters]) -> list[ScoredMemory]:
        """Return the memories that may answer `question`, best first; what goes wrong in reranking is logged."""
        count = max(whole(limit, "limit"), 0)
        recalled = self.recalled(question, limit=max(count, POOL), **filters)
        return list(self._ranked_and_logged(question, recalled).ranked[:count])

    def context(self, question: str, *, budget: int = DEFAULT_BUDGET, **filters: Unpack[Filters]) -> Context:
        """Return the best memories that fit `budget` tokens, chronological, dated and numbered; logs as `recall`."""
        tokens = whole(budget, "budget")
        recalled = self.recalled(question, limit=POOL, **filters)
        found = self._ranked_and_logged(question, recalled)
        return self._with_context(question, found, POOL, tokens).context

    def retrieve(
        self, question: str, *, limit: int = POOL, budget: int = DEFAULT_BUDGET, **filters: Unpack[Filters]
    ) -> Retrieved:
        """Run the pipeline once and return the best `limit` memories and the context, with timings in ms."""
        count = max(whole(limit, "limit"), 0)
        tokens = whole(budget, "budget")
        recalled = self.recalled(question, limit=max(count, POOL), **filters)
        pinned = pinned_memories(self._archive, self.scope(filters))
        found = with_pinned(self._ranked(question, recalled), pinned)
        first = frozenset(scored.memory.id for scored in pinned)
        return self._with_context(question, found, count, tokens, first=first)

    def recalled(self, question: str, *, limit: int = POOL, **filters: Unpack[Filters]) -> Recalled:
        """Return what the first stage alone offers, best first; `reranked` orders it."""
        asked = readable(question)
        count = max(whole(limit, "limit"), 0)
        scope = self.scope(filters)
        if scope is None:
            return Recalled(candidates=(), timings={})
        problems = self._archive.embed_pending()
        found = self._archive.recall.recall(asked, scope=scope, limit=count)
        return replace(found, problems=problems + found.problems)

    def reranked(
        self,
        question: str,
        recalled: Recalled,
        reranker: Reranker,
        *,
        limit: int = POOL,
        budget: int = DEFAULT_BUDGET,
    ) -> Retrieved:
        """Return what `retrieve` would with another reranker, from one `recalled`: to compare several on the same.

        Errors of the reranker pass through.
        """
        count = max(whole(limit, "limit"), 0)
        tokens = whole(budget, "budget")
        return self._with_context(question, self._ordered(readable(question), recalled, reranker), count, tokens)

    def _with_context(
        self, question: str, found: Retrieved, limit: int, budget: int, *, first: frozenset[int] = frozenset()
    ) -> Retrieved:
        begun = time.perf_counter()
        context = self._contexts.build(
            readable(question), found.ranked, budget=budget, brevity=found.brevity, first=first
        )
        timings = {**found.timings, "context": 1000.0 * (time.perf_counter() - begun)}
        return replace(found, ranked=found.ranked[:limit], context=context, timings=timings)

    def _ranked_and_logged(self, question: str, recalled: Recalled) -> Retrieved:
        """Rank for callers who are handed no problems; those of the first stage were logged where they arose."""
        found = self._ranked(question, recalled)
        for problem in found.problems[len(recalled.problems) :]:
            _log.warning("%s", problem)
        return found

    def _ranked(self, question: str, recalled: Recalled) -> Retrieved:
        asked = readable(question)
        try:
            return self._ordered(asked, recalled, self._reranker)
        except (InvalidInput, ClosedError):  # the caller's mistake, not a failure of the reranker
            raise
        except RecollectError as error:
            found = self._ordered(asked, recalled, FirstStageOrder())
            problem = f"The reranker {self._reranker.name} failed, so the first stage's order stands: {error}"
            return replace(found, problems=(*found.problems, problem))

    def _ordered(self, question: str, recalled: Recalled, reranker: Reranker) -> Retrieved:
        empty = Context(memories=(), scores=(), text="", tokens=0, budget=0)
        if not recalled.candidates:
            return Retrieved(ranked=(), context=empty, timings=recalled.timings, problems=recalled.problems)
        begun = time.perf_counter()
        events: list[EventSummary] = []
        if reads_events(reranker):
            turn_ids = [c.memory.id for c in recalled.candidates if isinstance(c.memory, Turn)]
            events = self._archive.store.events_of(turn_ids)
        ranking = ranking_of(reranker, question, recalled.candidates, events=events)
        timings = {**recalled.timings, "rerank": 1000.0 * (time.perf_counter() - begun)}
        problems = (*recalled.problems, *ranking.problems)
        return Retrieved(
            ranked=ranking.memories,
            context=empty,
            timings=timings,
            problems=problems,
            brevity=brevity(reranker),
            effort=ranking.effort,
        )

    def scope(self, filters: Filters) -> Scope | None:
        """Return what a recall with these filters may see, or None when that holds nothing."""
        place = filters.get("conversation", self.conversation)
        known = self._archive.store.scope(self.user, None if place is None else readable(place, "conversation"))
        chosen = narrowed(known or Scope(), filters)  # wrong filters are wrong where nothing is stored, too
        return None if known is None else chosen

    def session_turns(self, session: str, *, before: int | None = None, limit: int) -> list[Turn]:
        """Return the last turns of a session of the conversation written to, before a position, oldest first."""
        known = self._archive.store.scope(self.user, self.conversation or DEFAULT_CONVERSATION)
        info = None if known is None else self._archive.chats.session_named(known, session)
        if info is None:
            return []
        return self._archive.store.turns(self._archive.chats.turn_ids(info.id, before=before, limit=limit))

    def latest(self, limit: int) -> list[Turn]:
        """Return the newest turns of the conversation written to, oldest first."""
        place = self.conversation or DEFAULT_CONVERSATION
        known = self._archive.store.scope(self.user, place)
        return [] if known is None else self._archive.store.latest_turns(known, limit)

    def counts(self) -> Counts:
        """Return how much of this user the store holds."""
        scope = self.scope({})
        return self._archive.store.counts(scope if scope is not None else Scope(user=-1))

    # -- closing ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the store; using the memory afterwards raises ClosedError."""
        self._archive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
