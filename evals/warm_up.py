"""A line and a question that nobody evaluates: what systems try themselves on before anything is timed."""

from datetime import datetime

from ..memory.types import Candidate, ScoredMemory, Turn

QUESTION = "Who said hello?"
LINE = Turn(
    id=0,
    user="-",
    conversation="-",
    session="1",
    position=1,
    speaker="Ann",
    text="Hello there.",
    said_at=datetime(2026, 1, 1),
)
CANDIDATE = Candidate(memory=LINE, lexical=1.0, dense=1.0, fused=1.0)
RANKED = ScoredMemory(memory=LINE, score=1.0, stages={})
