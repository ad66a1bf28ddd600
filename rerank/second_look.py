"""The second look: the memories that rank best are read again, one by one, by a cross-encoder of the same size.

Retrieve, rank all by what the question looks at, read the best with full attention: a cascade as in Re2G
(arXiv 2207.06300) and in passage ranking (Nogueira and Cho, arXiv 1901.04085).
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import TypeAlias

from ..memory.errors import RerankError
from ..memory.types import Candidate, Effort, EventSummary, Heat, ScoredMemory
from .base import Ranking, TellingReranker, brevity, reads_events, speaker_prefix
from .line_reader import LineReader
from .neighbours import AMONG_SEVERAL, among_several, neighbours_leads, place_of

READ = 16
"""Memories that are read again; with 14 a context of 854 tokens holds less of the evidence (docs/lab.md)."""
WEIGHT = 1.0
"""What a natural logarithm of the odds that a line answers counts; chosen on held-out lists (docs/lab.md)."""
MOST_CHARACTERS = 600
"""Of a memory that are read: the stretch that drew most attention."""

Said: TypeAlias = tuple[str, str, str]


class SecondLook:
    """A reranker that reads the best of another's order again; those it does not read count as the median one.

    Where more than two speak, what stands right beside a memory counts once more (`neighbours.AMONG_SEVERAL`).
    Scores are comparable within one call and do not depend on the order of the candidates if `first`'s do not; equal
    scores of memories that read the same, and had the same said before them, stay equal but for their neighbours.
    What the reader says of a memory, the log-odds that it answers, is its stage "reader".
    Raises what `first` raises, EmbedderError when the encoder cannot be loaded, WeightsCorrupt when the weights
    cannot be used, RerankError when there is too little memory or the weights do not fit the encoder.
    """

    name = "block"

    def __init__(
        self, first: TellingReranker, reader: LineReader, *, read: int = READ, weight: float = WEIGHT
    ) -> None:
        self._first = first
        self._reader = reader
        self._read = read
        self._weight = weight
        self.reads_events = reads_events(first)
        self.brevity = brevity(first)

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return every candidate once, best first; equal scores keep the first order."""
        return list(self.ranking(question, candidates, events=events).memories)

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        """Return what `rank` does, and what both models did for it."""
        first = self._first.ranking(question, candidates, events=events)
        chosen: dict[Said, ScoredMemory] = {}
        for scored in first.memories:
            if len(chosen) >= self._read:
                break
            chosen.setdefault(_said(scored), scored)
        if len(chosen) < 2:
            return first
        # always read in the same order: batches of another shape differ in their last bits
        keys = sorted(chosen)
        try:
            odds, effort = self._odds(question, [chosen[key] for key in keys])
        except (RuntimeError, IndexError) as error:  # no memory left, weights that do not fit the encoder
            raise RerankError(
                f"The second look at {len(keys)} memories failed: {error}. Free some memory, or do without it: "
                "recollect config set rerank.name block_heads"
            ) from error
        found = dict(zip(keys, odds, strict=True))
        usual = median(odds)
        looked = [_looked(scored, found.get(_said(scored)), usual, self._weight) for scored in first.memories]
        ordered = sorted(_beside_others(looked), key=lambda scored: -scored.score)
        return replace(first, memories=tuple(ordered), effort=_together(first.effort, effort))

    def _odds(self, question: str, chosen: Sequence[ScoredMemory]) -> tuple[list[float], Effort]:
        """Return the log-odds that each memory answers, its best window; the lowest of one without a token."""
        rows = self._reader.rows(question, [_line(one) for one in chosen], [one.preceding for one in chosen])
        told = [float(one) for one in self._reader.read(rows).tells] if rows else []
        odds: dict[int, float] = {}
        for row, one in zip(rows, told, strict=True):
            odds[row.line] = max(odds.get(row.line, one), one)
        lowest = min(odds.values(), default=0.0)
        lengths = [len(row.ids) for row in rows]
        return [odds.get(place, lowest) for place in range(len(chosen))], self._effort(lengths)

    def _effort(self, lengths: Sequence[int]) -> Effort:
        """Return the tokens read, and the matrix products of all layers without padding, a multiply-add being two."""
        model = self._reader.model
        hidden, wide = model.shape.hidden, model.layers[-1].up[0].shape[0]
        tokens = sum(lengths)
        layer = 8 * tokens * hidden**2 + 4 * tokens * hidden * wide + 4 * hidden * sum(n * n for n in lengths)
        return Effort(tokens=tokens, flops=float(layer * len(model.layers)))


def _said(scored: ScoredMemory) -> Said:
    return speaker_prefix(scored.memory), scored.memory.text, scored.preceding


def _looked(scored: ScoredMemory, odds: float | None, usual: float, weight: float) -> ScoredMemory:
    stages = scored.stages if odds is None else {**scored.stages, "reader": odds}
    return replace(scored, score=scored.score + weight * (usual if odds is None else odds), stages=stages)


def _beside_others(looked: Sequence[ScoredMemory]) -> list[ScoredMemory]:
    """Return the memories with what their neighbours add to them where more than two speak."""
    memories = [scored.memory for scored in looked]
    if not any(crowded := among_several(memories)):
        return list(looked)
    leads = neighbours_leads([place_of(memory) for memory in memories], [scored.score for scored in looked])
    return [
        _led(scored, AMONG_SEVERAL * lead) if is_among_several else scored
        for scored, lead, is_among_several in zip(looked, leads, crowded, strict=True)
    ]


def _led(scored: ScoredMemory, lead: float) -> ScoredMemory:
    stages = {**scored.stages, "beside": scored.stages.get("beside", 0.0) + lead}
    return replace(scored, score=scored.score + lead, stages=stages)


def _line(scored: ScoredMemory) -> str:
    memory = scored.memory
    start = most_looked_at(scored.heat, len(memory.text), MOST_CHARACTERS)
    return speaker_prefix(memory) + memory.text[start : start + MOST_CHARACTERS].strip()


def most_looked_at(heat: Sequence[Heat], length: int, most: int) -> int:
    """Return where the stretch of `most` characters of a text begins that drew most attention; 0 where all fit.

    It begins where a token does; of equal ones the first.
    """
    if length <= most or not heat:
        return 0
    best, found, end, inside = 0, 0.0, 0, 0.0
    for place, begun in enumerate(heat):
        while end < len(heat) and heat[end].end <= begun.start + most:
            inside += heat[end].share
            end += 1
        if inside > found:
            best, found = begun.start, inside
        if end > place:
            inside -= begun.share
    return min(best, length - 1)


def _together(first: Effort, second: Effort) -> Effort:
    tokens = None if first.tokens is None or second.tokens is None else first.tokens + second.tokens
    flops = None if first.flops is None or second.flops is None else first.flops + second.flops
    return replace(first, tokens=tokens, flops=flops)
