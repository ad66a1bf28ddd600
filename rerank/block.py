"""`--rerank block`: where the small encoder looks when it reads the question beside every candidate."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeAlias

from torch import Tensor

from ..memory.embedder import MiniLmEmbedder
from ..memory.errors import RerankError
from ..memory.minilm import MiniLm
from ..memory.types import NO_EFFORT, Candidate, Effort, EventSummary, Heat, ScoredMemory
from .adapter import adapted
from .base import Ranking, speaker_prefix, stages_of
from .block_attention import MAX_EVENT_TOKENS, Heads, attend
from .block_cost import effort_of
from .block_pieces import by_candidate, heat_of, plain, read_pieces
from .block_products import packed
from .block_reading import features, first_stage
from .block_weights import BlockWeights, shipped_weights
from .events import cover, event_line
from .neighbours import WEIGHT as NEIGHBOURS
from .neighbours import neighbours_leads, place_of

Read: TypeAlias = tuple[float, float, float, str, str, str]

READ = 80
"""Candidates that are read, the first stage's best; with all of 100 nothing more is found (docs/lab.md)."""
BREVITY = 1.25
"""Score is a log-odds that grows with length; less this much per log token, MSC's and FriendsQA's small contexts hold
most evidence (docs/lab.md)."""


class BlockReranker:
    """Block QR heads of the offline encoder (METHODS section 12), fused with the first stage; the default.

    Reads the question, the best `READ` candidates of the first stage with what was said before them, and the event
    summaries that cover most of them; further candidates follow in the first stage's order. Scores are comparable
    within one call and do not depend on the order of the candidates. Memories above 200 tokens are read in pieces, at
    most eight of them. `weights` None takes those that ship with the package.
    `neighbours` is what the lead of the turn right before or after counts, see `neighbours_leads`; it is the stage
    "beside", the reading alone is "block".
    `eight_bits` reads in an eighth less time where the processor has AVX512-VNNI; scores move a little.
    Raises EmbedderError when the encoder cannot be loaded, WeightsCorrupt when the weights cannot be used,
    RerankError when there is too little memory or the weights do not fit the encoder.
    """

    name = "block_heads"
    reads_events = True
    brevity = BREVITY

    def __init__(
        self,
        encoder: MiniLmEmbedder,
        weights: BlockWeights | None = None,
        *,
        eight_bits: bool = False,
        neighbours: float = NEIGHBOURS,
    ) -> None:
        self._encoder = encoder
        self._given = weights
        self._eight_bits = eight_bits
        self._neighbours = neighbours

    @cached_property
    def _weights(self) -> BlockWeights:
        return self._given or shipped_weights()

    @cached_property
    def _model(self) -> MiniLm:
        return packed(adapted(self._encoder.model, self._weights.adapter), eight_bits=self._eight_bits)

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return every candidate once, best first; equal scores keep the order they came in."""
        return list(self.ranking(question, candidates, events=events).memories)

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        """Return what `rank` does, and what the encoder did for it."""
        if not candidates:
            return Ranking(memories=(), effort=NO_EFFORT)
        # sums taken in another order differ in their last bits, so candidates are always read in the same
        order = sorted(range(len(candidates)), key=lambda place: _reading_order(candidates[place]))
        try:
            scored, effort = self._scored(question, [candidates[place] for place in order[:READ]], events)
        except (RuntimeError, IndexError) as error:  # no memory left, weights that do not fit the encoder
            raise RerankError(
                f"The block ranker failed on {len(candidates)} candidates: {error}. Ask for fewer candidates, free "
                "some memory, or do without it: recollect config set rerank.name none"
            ) from error
        if further := [candidates[place] for place in order[READ:]]:
            scored += _behind(scored, candidates[order[READ - 1]], further)
        best_first = sorted(zip(order, scored, strict=True), key=lambda one: (-one[1].score, one[0]))
        return Ranking(memories=tuple(memory for _, memory in best_first), effort=effort)

    def _scored(
        self, question: str, candidates: Sequence[Candidate], events: Sequence[EventSummary]
    ) -> tuple[list[ScoredMemory], Effort]:
        """Return the candidates in their order; those that read the same have the first one's reading."""
        pieces = read_pieces(self._encoder, question, candidates)
        asked, blocks = self._encoder.token_ids([plain(question)])[0], [piece.block for piece in pieces]
        told = self._events(events, candidates)
        heads = attend(self._model, asked, blocks, events=told, keep_words=True)
        whole = by_candidate(heads, pieces, len(candidates))
        read = features(whole, first_stage(question, candidates)) @ self._weights.reading
        of_equals: dict[Read, float] = {}
        scores = [of_equals.setdefault(_read(one), float(score)) for one, score in zip(candidates, read, strict=True)]
        leads = neighbours_leads([place_of(one.memory) for one in candidates], scores)
        heat: list[list[Heat]] = [[] for _ in candidates]
        for place, one in heat_of(heads, pieces, self._shares(whole), whole.mass):
            heat[place].append(one)
        memories = [
            ScoredMemory(
                memory=candidate.memory,
                score=score + self._neighbours * lead,
                stages={**stages_of(candidate), "block": score, "beside": self._neighbours * lead},
                heat=tuple(drawn),
                preceding=candidate.preceding,
            )
            for candidate, score, lead, drawn in zip(candidates, scores, leads, heat, strict=True)
        ]
        return memories, effort_of(self._model, asked, blocks, events=told)

    def _shares(self, heads: Heads) -> Tensor:
        """Return how much each head speaks for a candidate, (heads,): heads that speak against it count nothing."""
        weights = self._weights.reading[: len(heads.mass)].clamp(min=0)
        return weights / weights.sum().clamp(min=1e-9)

    def _events(self, events: Sequence[EventSummary], candidates: Sequence[Candidate]) -> list[int]:
        if not events:
            return []
        chosen = cover(events, candidates, budget=MAX_EVENT_TOKENS, count=lambda line: len(self._ids([line])[0]))
        return [token for ids in self._ids([event_line(event) for event in chosen]) for token in ids][
            :MAX_EVENT_TOKENS
        ]

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return self._encoder.token_ids([plain(text) for text in texts]) if texts else []


def _behind(scored: Sequence[ScoredMemory], last: Candidate, further: Sequence[Candidate]) -> list[ScoredMemory]:
    """Return candidates that were not read behind those that were, by the first stage's score.

    Those that read the same as the last one that was read have its score.
    """
    lowest, best = min(one.score for one in scored) - 1.0, further[0].fused
    found: list[ScoredMemory] = []
    for candidate in further:
        if _read(candidate) == _read(last):
            found.append(replace(scored[-1], memory=candidate.memory))
        else:
            score, stages = lowest - (best - candidate.fused), stages_of(candidate)
            found.append(
                ScoredMemory(memory=candidate.memory, score=score, stages=stages, preceding=candidate.preceding)
            )
    return found


def _read(candidate: Candidate) -> Read:
    """Return all that the ranker reads of a candidate, best of the first stage first."""
    memory = candidate.memory
    scores = (-candidate.fused, candidate.lexical, candidate.dense or 0.0)
    return *scores, speaker_prefix(memory), memory.text, candidate.preceding


def _reading_order(candidate: Candidate) -> tuple[Read, int]:
    return _read(candidate), candidate.memory.id
