"""The one seam of reranking, and the reranker that keeps the first stage's order."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..memory.types import NO_EFFORT, Candidate, Effort, EventSummary, Memory, ScoredMemory, Turn


class Reranker(Protocol):
    """Orders what recall offers by how well it answers the question.

    One that has no use for `events` says so with a class attribute `reads_events = False`: then nobody looks them up.
    One whose scores grow with the length of a memory says with `brevity` how much score a context takes off for each
    natural logarithm of its tokens: where room is scarce, two short memories may be worth more than a long one.
    One that can do its work in part, or counts what it does, has a method `ranking` besides (`TellingReranker`).
    """

    @property
    def name(self) -> str:
        """What `--rerank` and protocols call it."""
        ...

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return every candidate once, best first; stable, deterministic, higher scores are better."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """What one call of a reranker gave: every candidate once, best first.

    `problems` says what went wrong, `effort` what its model did.
    """

    memories: tuple[ScoredMemory, ...]
    problems: tuple[str, ...] = ()
    effort: Effort = field(default_factory=Effort)


@runtime_checkable
class TellingReranker(Reranker, Protocol):
    """A reranker that tells what went wrong and what it did; a value per call, so that threads do not mix them up."""

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        """Return what `rank` does, what went wrong on the way without costing the result, and the effort."""
        ...


def ranking_of(
    reranker: Reranker, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
) -> Ranking:
    """Return the ranking of any reranker, with its problems if it tells them; its errors pass through."""
    if isinstance(reranker, TellingReranker):
        return reranker.ranking(question, candidates, events=events)
    return Ranking(memories=tuple(reranker.rank(question, candidates, events=events)))


def logged(ranking: Ranking, logger: logging.Logger) -> list[ScoredMemory]:
    """Return the memories of a ranking; its problems, which a list cannot tell, are logged as warnings."""
    for problem in ranking.problems:
        logger.warning("%s", problem)
    return list(ranking.memories)


def reads_events(reranker: Reranker) -> bool:
    """Return whether a reranker looks at the event summaries it is given; True where it does not say."""
    return bool(getattr(reranker, "reads_events", True))  # not in the protocol: most rerankers need not know


def brevity(reranker: Reranker) -> float:
    """Return how much of its score a memory loses, by the logarithm of its length, for a place in a context."""
    return float(getattr(reranker, "brevity", 0.0))


def speaker_prefix(memory: Memory) -> str:
    """Return what stands before the words of a memory when a model reads it: `Alice: ` for her turn."""
    return f"{memory.speaker}: " if isinstance(memory, Turn) else ""


def stages_of(candidate: Candidate) -> dict[str, float]:
    """Return the first-stage scores of a candidate by stage name."""
    stages = {"lexical": candidate.lexical, "fused": candidate.fused}
    if candidate.dense is not None:
        stages["dense"] = candidate.dense
    return stages


class FirstStageOrder:
    """`--rerank none`: the fused score of recall is the score."""

    name = "none"
    reads_events = False

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return the candidates by fused score, best first; equal scores keep recall's order."""
        ordered = sorted(candidates, key=lambda candidate: -candidate.fused)
        return [
            ScoredMemory(memory=c.memory, score=c.fused, stages=stages_of(c), preceding=c.preceding) for c in ordered
        ]

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        """Return what `rank` does; no model reads anything."""
        return Ranking(memories=tuple(self.rank(question, candidates)), effort=NO_EFFORT)
