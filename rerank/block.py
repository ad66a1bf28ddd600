"""`--rerank block`: where the small encoder looks when it reads the question beside every candidate."""

from collections.abc import Sequence

from ..memory.embedder import MINILM_SHA256, MiniLmEmbedder
from ..memory.errors import RecollectError
from ..memory.types import Candidate, EventSummary, Memory, ScoredMemory, Turn
from .base import stages_of
from .block_attention import attend
from .head_reading import HeadReading, features, shipped_reading

MAX_CHARACTERS = 2_000
"""More of a memory is not tokenised; the encoder reads 200 tokens of it."""


class BlockReranker:
    """Block QR heads of the offline encoder, read linearly (METHODS section 12); needs no other weights.

    Scores are comparable within one call and do not depend on the order of the candidates. Of a memory longer than
    200 tokens the beginning is read. Raises EmbedderError when the encoder cannot be loaded.
    """

    name = "block"

    def __init__(self, encoder: MiniLmEmbedder, reading: HeadReading | None = None) -> None:
        self._encoder = encoder
        self._reading = reading or shipped_reading()
        if self._reading.encoder != MINILM_SHA256:
            raise RecollectError("The block ranker's weights are of another encoder; install Recollect again.")

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return every candidate once, best first; equal scores keep the order they came in."""
        if not candidates:
            return []
        tokens = self._encoder.token_ids([question, *(block_text(c.memory) for c in candidates)])
        heads = attend(self._encoder.model, tokens[0], tokens[1:])
        scores = [float(score) for score in features(heads, candidates) @ self._reading.weights]
        order = sorted(range(len(candidates)), key=lambda place: -scores[place])
        return [
            ScoredMemory(
                memory=candidates[place].memory,
                score=scores[place],
                stages={**stages_of(candidates[place]), "block": scores[place]},
            )
            for place in order
        ]


def block_text(memory: Memory) -> str:
    """Return what the encoder reads of a memory."""
    text = memory.text[:MAX_CHARACTERS]
    return f"{memory.speaker}: {text}" if isinstance(memory, Turn) else text
