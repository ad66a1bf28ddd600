"""The one seam of reranking, and the reranker that keeps the first stage's order."""

from collections.abc import Sequence
from typing import Protocol

from ..memory.types import Candidate, EventSummary, ScoredMemory


class Reranker(Protocol):
    """Orders what recall offers by how well it answers the question."""

    @property
    def name(self) -> str:
        """What `--rerank` and protocols call it."""
        ...

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return every candidate once, best first; stable, deterministic, higher scores are better."""
        ...


def stages_of(candidate: Candidate) -> dict[str, float]:
    """Return the first-stage scores of a candidate by stage name."""
    stages = {"lexical": candidate.lexical, "fused": candidate.fused}
    if candidate.dense is not None:
        stages["dense"] = candidate.dense
    return stages


class FirstStageOrder:
    """`--rerank none`: the fused score of recall is the score."""

    name = "none"

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return the candidates by fused score, best first; equal scores keep recall's order."""
        ordered = sorted(candidates, key=lambda candidate: -candidate.fused)
        return [ScoredMemory(memory=c.memory, score=c.fused, stages=stages_of(c)) for c in ordered]
