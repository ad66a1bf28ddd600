"""`--rerank listwise_llm`: a hosted chat model puts the memories in order, a window at a time.

After RankGPT (Sun et al. 2023, arXiv 2304.09542, section 3.2): a window of 20 slides up the list from its end, by
10 a time, so that what is good can rise from anywhere. The words of the prompt are our own.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..memory.context import rendered
from ..memory.date_periods import format_day
from ..memory.endpoint import Endpoint
from ..memory.endpoint_chat import EndpointChat
from ..memory.endpoint_usage import Usage
from ..memory.types import NO_EFFORT, Candidate, Effort, EventSummary, Memory, ScoredMemory
from .base import Ranking, logged, speaker_prefix, stages_of
from .permutation import INSTRUCTION, permutation, request
from .pieces import pieces_of

_log = logging.getLogger(__name__)

WINDOW = 20
STEP = 10
PASSAGE_CHARACTERS = 1_200
QUESTION_CHARACTERS = 4_000
"""A request has at most 32,000 characters, some 8,000 tokens; a server with a shorter context may refuse it."""

MOST_PIECES = 8
"""More of one memory is not sent."""

_NUMBER = re.compile(r"\[(\s*\d+\s*)\]")
_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passage:
    """A line of a request: a memory, or a piece of it."""

    place: int
    text: str


class ListwiseReranker:
    """Asks a chat model for the order of the memories; each request is answered before the next is sent.

    Scores run from 1 for the first to 1/n for the last of n memories. The order does not depend on anything but what
    the model replies; equal requests may still be answered differently. A memory of more than 1,200 characters is
    shown in pieces of whole sentences, and where its best piece stands it stands. Where a reply holds no order, its
    window keeps the one it had, and `problems` says so. One question of 100 memories takes 9 requests.

    Raises EndpointUnreachable, EndpointRefused or GenerationError when the server gives no reply at all.
    """

    name = "listwise_llm"
    reads_events = False

    def __init__(
        self, endpoint: Endpoint, *, window: int = WINDOW, step: int = STEP, max_tokens: int | None = 1024
    ) -> None:
        self._chat = EndpointChat(endpoint, max_tokens=max_tokens)
        self._window = window
        self._step = step

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return every candidate once, best first."""
        return logged(self.ranking(question, candidates), _log)

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        """Return what `rank` does, and what the server says it took.

        `problems` tells of replies without an order and of what was too long to send.
        """
        problems: list[str] = []
        usages: list[Usage | None] = []
        asked = self._asked(question, problems)
        passages = [
            passage
            for place, candidate in enumerate(candidates)
            for passage in self._passages(place, candidate.memory, problems)
        ]
        best_first = self._in_order(asked, passages, problems, usages) if len(candidates) > 1 else passages
        order = list(dict.fromkeys(passage.place for passage in best_first))
        memories = [self._scored(candidates[place], 1.0 - rank / len(order)) for rank, place in enumerate(order)]
        return Ranking(memories=tuple(memories), problems=tuple(problems), effort=_effort(usages))

    def close(self) -> None:
        """Close the pooled connections; a later call opens new ones."""
        self._chat.close()

    def _scored(self, candidate: Candidate, score: float) -> ScoredMemory:
        stages = {**stages_of(candidate), self.name: score}
        return ScoredMemory(memory=candidate.memory, score=score, stages=stages, preceding=candidate.preceding)

    def _in_order(
        self, question: str, passages: Sequence[_Passage], problems: list[str], usages: list[Usage | None]
    ) -> list[_Passage]:
        """Return the passages as the model orders them, window by window from the back."""
        ordered = list(passages)
        unread: list[str] = []
        starts = list(self._starts(len(ordered)))
        for start in starts:
            shown = ordered[start : start + self._window]
            reply = self._chat.reply(INSTRUCTION, request(question, [passage.text for passage in shown]))
            usages.append(reply.usage)
            places = permutation(reply.text, len(shown))
            if places is None:
                unread.append(" ".join(reply.text.split()) or f"nothing (finish reason {reply.finish!r})")
            else:
                ordered[start : start + self._window] = [shown[place] for place in places]
        if unread:
            said = unread[0] if len(unread[0]) <= _SHOWN else unread[0][: _SHOWN - 1] + "…"
            problems.append(
                f"{self._chat.name} gave no order in {len(unread)} of {len(starts)} replies; what it was asked about"
                f" there kept the order it had. It said: {said}"
            )
        return ordered

    def _starts(self, count: int) -> Iterator[int]:
        """Yield where the windows begin, the last one first; the first window begins the list."""
        start = max(count - self._window, 0)
        while start > 0:
            yield start
            start -= self._step
        yield 0

    def _asked(self, question: str, problems: list[str]) -> str:
        _, end = pieces_of(question, room=QUESTION_CHARACTERS, count=_characters)[0]
        if end < len(question):
            problems.append(f"The question is too long for {self._chat.name}; its first {end} characters were sent.")
        return " ".join(question[:end].split())

    def _passages(self, place: int, memory: Memory, problems: list[str]) -> Iterator[_Passage]:
        """Yield a memory as lines with day and speaker, whole if it is short, else in pieces."""
        when = memory.happened_at if isinstance(memory, EventSummary) else memory.said_at
        day = format_day(when.date())
        text = _NUMBER.sub(r"(\1)", rendered(memory))  # else it could be taken for the number of a message
        spans = pieces_of(text, room=PASSAGE_CHARACTERS, count=_characters)
        if len(spans) > MOST_PIECES:
            end = spans[MOST_PIECES - 1][1]
            problems.append(
                f"Memory {memory.id} is too long for {self._chat.name}; its first {end} characters were sent."
            )
        for number, (start, end) in enumerate(spans[:MOST_PIECES]):
            speaker = speaker_prefix(memory) if number else ""  # the first piece begins with it
            yield _Passage(place=place, text=f"{day}, {speaker}{text[start:end].strip()}")


def _effort(usages: Sequence[Usage | None]) -> Effort:
    """Return what requests took by the server's own count; nothing is known where it left one out."""
    told = [usage for usage in usages if usage is not None]
    if len(told) < len(usages):
        return Effort(calls=len(usages), written=None)
    read, written = sum(one.prompt_tokens for one in told), sum(one.completion_tokens for one in told)
    return Effort(tokens=read, calls=len(told), written=written) if told else NO_EFFORT


def _characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]
