"""One chat turn: store, recall, rerank, generate, cite, store."""

import logging
import time
from collections.abc import Callable, Iterator
from collections.abc import Generator as PythonGenerator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Self, Unpack

from ..memory.context import DEFAULT_BUDGET
from ..memory.errors import ClosedError, GenerationError, InvalidInput, RecollectError
from ..memory.types import Context, Retrieved, Turn
from .asker import of_asker
from .citations import is_abstention, marks_in, parse_citations, unescape_marks
from .filters import Filters, also_without, also_without_ids, readable
from .long_term_memory import LongTermMemory
from .ports import Generator, StoppableGenerator, Told, telling_pieces
from .replies import MARKDOWN
from .types import Answer

logger = logging.getLogger(__name__)

WINDOW_TURNS = 8

OnRecall = Callable[[Retrieved], None]
"""Called with what was recalled for a chat turn, before the first piece of the reply."""


def _shown(pieces: PythonGenerator[str, None, Told]) -> PythonGenerator[str, None, Told]:
    """Yield pieces as they are shown; a reader who stops early closes the stream, and so its connection."""
    with closing(pieces):
        while True:
            try:
                piece = next(pieces)
            except StopIteration as end:
                told: Told = end.value
                return told
            yield unescape_marks(storable(piece))


def storable(piece: str) -> str:
    """Return what a model wrote as text that can be stored: lone surrogates and NUL become U+FFFD."""
    return readable(piece).replace("\x00", "\N{REPLACEMENT CHARACTER}")


class AnswerStream(Iterator[str]):
    """The pieces of an answer as they come; `answer` is there once the last one was taken."""

    def __init__(self, pieces: PythonGenerator[str, None, Answer], *, said: Turn | None = None) -> None:
        self.said = said
        """The user's turn as it was stored; None where nothing is."""
        self._pieces = pieces
        self._answer: Answer | None = None

    def __next__(self) -> str:
        try:
            return next(self._pieces)
        except StopIteration as end:
            if self._answer is None:
                self._answer = end.value
            raise

    @property
    def answer(self) -> Answer:
        """The whole answer; takes the pieces that were not taken yet."""
        for _ in self:
            pass
        if self._answer is None:
            raise RecollectError("The answer was stopped before it was complete; ask again.")
        return self._answer

    def close(self) -> None:
        """Stop generating; a connection to a hosted model is closed."""
        self._pieces.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChatTurn:
    """What a stored turn of the user is answered from; `window` is what was said before it, oldest first."""

    said: Turn
    window: list[Turn]
    filters: Filters
    on_recall: OnRecall | None
    stored_ms: float = 0.0


def _reply_metadata(answer: Answer, *, markdown: bool) -> dict[str, object]:
    """Return what is kept with a reply, so that its citations can be shown again: `numbers` runs along `cites`."""
    kept: dict[str, object] = {"role": "assistant", "cites": [citation.turn.id for citation in answer.citations]}
    if answer.marks:
        kept["numbers"] = [citation.number for citation in answer.citations]
        kept["marks"] = [[mark.start, mark.end] for mark in answer.marks]
    if markdown:  # what quotes people is plain text, in which an asterisk is an asterisk
        kept["markup"] = MARKDOWN
    return kept


class Agent:
    """Answers from the memory of one user, citing the turns an answer came from.

    `speaker` is who the user's own turns are stored as, `assistant` who the replies are stored as. A session of
    `session_turns` turns is closed, None lets it go on.
    Made by `recollect.open_agent`.
    """

    def __init__(
        self,
        memory: LongTermMemory,
        generator: Generator,
        *,
        speaker: str | None = None,
        assistant: str = "assistant",
        budget: int = DEFAULT_BUDGET,
        window_turns: int = WINDOW_TURNS,
        session_turns: int | None = None,
    ) -> None:
        self.memory = memory
        self.generator = generator
        self.speaker = speaker or memory.user
        self._assistant = assistant
        self.budget = budget
        self._window_turns = window_turns
        self._session_turns = session_turns

    def ask(self, question: str, **filters: Unpack[Filters]) -> Answer:
        """Answer a question from memory; nothing is stored. Raises GenerationError, StoreError and their kin."""
        return AnswerStream(self._answered(question, filters, history=[])).answer

    def ask_stream(self, question: str, **filters: Unpack[Filters]) -> AnswerStream:
        """Like `ask`, in pieces."""
        return AnswerStream(self._answered(question, filters, history=[]))

    def reply(self, text: str, *, said_at: datetime | str | None = None) -> Answer:
        """Take one chat turn of the user, answer it and store both; see `stream`."""
        return self.stream(text, said_at=said_at).answer

    def stream(
        self,
        text: str,
        *,
        said_at: datetime | str | None = None,
        session: str | None = None,
        on_recall: OnRecall | None = None,
        **filters: Unpack[Filters],
    ) -> AnswerStream:
        """Take one chat turn of the user and yield the reply in pieces.

        The user's turn is committed before anything else, so it survives a failing model; the reply is stored
        when it is complete. `session` goes on in the session of that name, which is begun when there is none: its
        turns are the live window then. `filters` restrict what the reply is recalled from. Raises InvalidTurn
        (nothing was stored), GenerationError (the turn stands).
        """
        begun = time.perf_counter()
        memory, most = self.memory, self._window_turns
        window = memory.latest(most) if session is None else memory.session_turns(session, limit=most)
        said = memory.add(self.speaker, text, said_at=said_at, session=session)
        stored_ms = 1000.0 * (time.perf_counter() - begun)
        turn = _ChatTurn(said=said, window=window, filters=filters, on_recall=on_recall, stored_ms=stored_ms)
        return AnswerStream(self._chat_turn(turn), said=said)

    def stream_again(
        self, said: Turn, *, on_recall: OnRecall | None = None, **filters: Unpack[Filters]
    ) -> AnswerStream:
        """Answer a stored turn of the user once more, at the end of its session; what was replied to it stands.

        Raises what `stream` does.
        """
        window = self.memory.session_turns(said.session, before=said.position, limit=self._window_turns)
        turn = _ChatTurn(said=said, window=window, filters=filters, on_recall=on_recall)
        return AnswerStream(self._chat_turn(turn), said=said)

    def stop(self) -> None:
        """Give up what a hosted model is writing, from any thread; local generators end at their next piece."""
        if isinstance(self.generator, StoppableGenerator):
            self.generator.stop()

    def _chat_turn(self, turn: _ChatTurn) -> PythonGenerator[str, None, Answer]:
        said = turn.said
        shown = turn.window if self.generator.reads_history else []
        filters = also_without_ids(turn.filters, {said.id, *(before.id for before in shown)})
        history = [*turn.window, said]
        answer = yield from self._answered(said.text, filters, history=history, on_recall=turn.on_recall)
        begun = time.perf_counter()
        reply = self.memory.add(
            self._assistant,
            answer.text,
            said_at=said.said_at,
            session=said.session,
            metadata=_reply_metadata(answer, markdown=self.generator.reads_history),
        )
        stored_ms = turn.stored_ms + 1000.0 * (time.perf_counter() - begun)
        total_ms = answer.timings["total"] + stored_ms
        timings = {**answer.timings, "store": stored_ms, "total": total_ms}
        problems = (*answer.problems, *self._after(reply))
        return replace(answer, timings=timings, reply=reply, problems=problems)

    def _after(self, reply: Turn) -> tuple[str, ...]:
        """Close a session that is long enough, summarise what is due; returns what failed, which costs no reply."""
        try:
            if self._session_turns is not None and reply.position >= self._session_turns:
                self.memory.close_session()
            return self.memory.summarise_due().problems
        except RecollectError as error:
            logger.warning("Sessions wait for their summaries: %s", error)
            return (f"Sessions wait for their summaries: {error}",)

    def _answered(
        self, question: str, filters: Filters, *, history: list[Turn], on_recall: OnRecall | None = None
    ) -> PythonGenerator[str, None, Answer]:
        question = readable(question)
        begun = time.perf_counter()
        if not self.generator.reads_history:  # it quotes people; what it said itself only repeats them
            filters = also_without(filters, self._assistant)
        found = self._retrieved(question, filters)
        if on_recall is not None:
            on_recall(found)
        generating = time.perf_counter()
        told = yield from _shown(telling_pieces(self.generator, question, found.context, history))
        ended = time.perf_counter()
        raw = storable(told.text).strip()
        if not raw:
            raise GenerationError(f"{self.generator.name} answered with no text; ask again, or in other words.")
        total_ms = 1000.0 * (ended - begun)
        turns_of = self.memory.archive.store.turns
        citations, dropped = parse_citations(raw, found.context, turns_of, unseen=told.unseen, shares=told.shares)
        cited = {citation.number for citation in citations}
        return Answer(
            text=unescape_marks(raw),
            citations=citations,
            context=found.context,
            abstained=is_abstention(raw),
            timings={**found.timings, "generate": 1000.0 * (ended - generating), "total": total_ms},
            dropped_citations=dropped,
            problems=(*found.problems, *told.problems),
            marks=tuple(mark for mark in marks_in(raw) if not cited.isdisjoint(mark.numbers)),
            ranked=found.ranked,
            usage=told.usage,
        )

    def _retrieved(self, question: str, filters: Filters) -> Retrieved:
        """Recall and rerank what is asked of "me" by name; if that fails the agent answers from the live window."""
        try:
            return self.memory.retrieve(of_asker(question, self.speaker), budget=self.budget, **filters)
        except (InvalidInput, ClosedError):  # the caller's mistake, not a failure of the memory
            raise
        except RecollectError as error:
            logger.warning("Recall failed, answering without memories: %s", error)
            nothing = Context(memories=(), scores=(), text="", tokens=0, budget=self.budget)
            problem = f"Nothing was recalled: {error}"
            return Retrieved(ranked=(), context=nothing, timings={}, problems=(problem,))

    def close_session(self) -> str | None:
        """Close the running session; the next turn begins another. Returns its name, None if none is open."""
        return self.memory.close_session()

    def close(self) -> None:
        """Close the memory."""
        self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
