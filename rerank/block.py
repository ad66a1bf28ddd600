"""`--rerank block`: where the small encoder looks when it reads the question beside every candidate."""

from collections.abc import Sequence
from functools import cached_property

from torch import Tensor

from ..memory.embedder import MiniLmEmbedder
from ..memory.minilm import MiniLm
from ..memory.types import Candidate, EventSummary, Heat, ScoredMemory
from .adapter import adapted
from .base import stages_of
from .block_attention import MAX_EVENT_TOKENS, Heads, attend
from .block_pieces import by_candidate, heat_of, read_pieces
from .block_reading import features, first_stage
from .block_weights import BlockWeights, shipped_weights
from .events import cover, event_line

EVENT_TOKENS = MAX_EVENT_TOKENS


BREVITY = 0.75
"""Score is a log-odds that grows with length; less this much per log token, MSC's and FriendsQA's small contexts hold
most evidence (docs/lab.md)."""


class BlockReranker:
    """Block QR heads of the offline encoder (METHODS section 12), fused with the first stage; the default.

    Reads the question, every candidate with what was said before it, and the event summaries that cover most of
    them. Scores are comparable within one call and do not depend on the order of the candidates. Memories above 200
    tokens are read in pieces, at most eight of them. `weights` None takes those that ship with the package.
    Raises EmbedderError when the encoder cannot be loaded, WeightsCorrupt when the weights cannot be used.
    """

    name = "block"
    reads_events = True
    brevity = BREVITY

    def __init__(self, encoder: MiniLmEmbedder, weights: BlockWeights | None = None) -> None:
        self._encoder = encoder
        self._given = weights

    @cached_property
    def _weights(self) -> BlockWeights:
        return self._given or shipped_weights()

    @cached_property
    def _model(self) -> MiniLm:
        return adapted(self._encoder.model, self._weights.adapter)

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return every candidate once, best first; equal scores keep the order they came in."""
        if not candidates:
            return []
        pieces = read_pieces(self._encoder, question, candidates)
        heads = attend(
            self._model,
            self._encoder.token_ids([question])[0],
            [piece.block for piece in pieces],
            events=self._events(events, candidates),
            keep_words=True,
        )
        whole = by_candidate(heads, pieces, len(candidates))
        read = features(whole, first_stage(question, candidates)) @ self._weights.reading
        scores = [float(score) for score in read]
        heat: list[list[Heat]] = [[] for _ in candidates]
        for place, one in heat_of(heads, pieces, self._shares(whole), whole.mass):
            heat[place].append(one)
        return [
            ScoredMemory(
                memory=candidates[place].memory,
                score=scores[place],
                stages={**stages_of(candidates[place]), "block": scores[place]},
                heat=tuple(heat[place]),
            )
            for place in sorted(range(len(candidates)), key=lambda place: -scores[place])
        ]

    def _shares(self, heads: Heads) -> Tensor:
        """Return how much each head speaks for a candidate, (heads,): heads that speak against it count nothing."""
        weights = self._weights.reading[: len(heads.mass)].clamp(min=0)
        return weights / weights.sum().clamp(min=1e-9)

    def _events(self, events: Sequence[EventSummary], candidates: Sequence[Candidate]) -> list[int]:
        if not events:
            return []
        chosen = cover(events, candidates, budget=EVENT_TOKENS, count=lambda line: len(self._ids([line])[0]))
        return [token for ids in self._ids([event_line(event) for event in chosen]) for token in ids][:EVENT_TOKENS]

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return self._encoder.token_ids(texts) if texts else []
