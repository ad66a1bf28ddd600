"""One chat over an open agent: the session it goes on in, what was said last in it, asking again and otherwise."""

from pathlib import Path

from ..memory.errors import InvalidInput
from ..memory.session_info import SessionInfo
from ..memory.times import now
from ..memory.types import Retrieved, Scope, Turn
from .agent import Agent, AnswerStream, OnRecall
from .filters import Filters, narrowed
from .keeping import Keeping
from .long_term_memory import DEFAULT_CONVERSATION
from .past import Past
from .replies import is_reply
from .transcript import write_transcript
from .types import Answer

PAGE_TURNS = 40
OFFLINE = "extractive"


class Chat:
    """What a chat app does with an agent; every session begins with its first turn, and is closed by no gap.

    `session` is the running one, None before its first turn. Methods raise what the agent's do.
    """

    def __init__(self, agent: Agent, *, as_of: str | None = None) -> None:
        self.agent = agent
        self.past = Past(agent.memory)
        self.keeping = Keeping(agent.memory)
        self.session: str | None = None
        self.as_of: str | None = None
        self._said: Turn | None = None
        self._reply: Turn | None = None
        self.look_back(as_of)

    @property
    def user(self) -> str:
        """Whose memory it is."""
        return self.agent.memory.user

    @property
    def said(self) -> Turn | None:
        """The user's last turn of the session."""
        return self._said

    @property
    def label(self) -> str:
        """Who writes the replies, as people call it: "offline", or the model's name."""
        name = self.agent.generator.name
        return "offline" if name == OFFLINE else name

    @property
    def writes_markdown(self) -> bool:
        """Whether replies are Markdown: a chat model's are, quotations of what people said are shown as they are."""
        return self.agent.generator.reads_history

    def warm_up(self) -> None:
        """Load what the first question would have to wait for; raises EmbedderError."""
        self.agent.memory.archive.embedder.embed(["hello"], kind="query")

    def asked_before(self, limit: int = 100) -> list[str]:
        """Return what the user wrote last, oldest first."""
        return [turn.text for turn in self.agent.memory.latest(2 * limit) if turn.speaker == self.agent.speaker]

    # -- turns -----------------------------------------------------------------------------------

    def send(self, text: str, *, on_recall: OnRecall | None = None) -> AnswerStream:
        """Take one turn of the user; what waits to be forgotten is forgotten first. See `Agent.stream`."""
        self.keeping.commit()
        session = self.session or self._fresh_session()
        stream = self.agent.stream(text, session=session, on_recall=on_recall, **self._filters())
        self.session, self._said, self._reply = session, stream.said, None
        return stream

    def again(self, *, on_recall: OnRecall | None = None) -> AnswerStream:
        """Answer the last turn of the user once more; the reply it had is forgotten. Raises InvalidInput for none."""
        said = self._last_said()
        self._forget_last(with_question=False)
        return self.agent.stream_again(said, on_recall=on_recall, **self._filters())

    def resend(self, text: str, *, on_recall: OnRecall | None = None) -> AnswerStream:
        """Say something in place of the last turn of the user, which is forgotten with its reply."""
        self._last_said()
        self._forget_last(with_question=True)
        return self.send(text, on_recall=on_recall)

    def finished(self, answer: Answer) -> None:
        """Note what the last turn was answered with."""
        self._reply = answer.reply

    def recall(self, text: str) -> Retrieved:
        """Return what may answer a question, with its context, without asking anybody; nothing is stored."""
        return self.agent.memory.retrieve(text, budget=self.agent.budget, **self._filters())

    def remember(self, text: str) -> Turn:
        """Store a note of the user in the session, which nobody replies to."""
        session = self.session or self._fresh_session()
        turn = self.agent.memory.add(self.agent.speaker, text, session=session)
        self.session = session
        return turn

    def look_back(self, as_of: str | None) -> None:
        """Answer from what was said up to a day or time (ISO 8601) from now on, None: from everything."""
        if as_of is not None:
            narrowed(Scope(), {"as_of": as_of})  # raises InvalidInput for what is no time
        self.as_of = as_of

    # -- sessions --------------------------------------------------------------------------------

    def begin(self) -> None:
        """Have the next turn begin a session."""
        self.session = self._said = self._reply = None

    def resume(self, session: SessionInfo) -> list[Turn]:
        """Go on in a session and return its last turns, oldest first; raises InvalidInput for one of elsewhere."""
        written_to = self.agent.memory.conversation or DEFAULT_CONVERSATION
        if session.conversation != written_to:
            raise InvalidInput(
                f"“{session.label}” is part of the conversation {session.conversation}; open it with: "
                f"recollect chat --conversation {session.conversation}"
            )
        turns = self.past.turns(session, limit=PAGE_TURNS)
        self.session = session.name
        self._said = self._reply = None
        for turn in turns:
            if is_reply(turn):
                self._reply = turn
            else:
                self._said, self._reply = turn, None
        return turns

    # -- what was not sent yet -------------------------------------------------------------------

    @property
    def draft(self) -> str:
        """What the user had written and not sent when the app was left."""
        return self.agent.memory.archive.store.fact(f"draft of {self.user}") or ""

    def keep_draft(self, text: str) -> None:
        """Keep what is written and not sent for the next time."""
        if text != self.draft:
            self.agent.memory.archive.store.set_fact(f"draft of {self.user}", text)

    def _fresh_session(self) -> str:
        """Return a name that no session has: the time, and a number where two begin in one second."""
        begun = now().strftime("%Y-%m-%d %H:%M:%S")
        names = (begun, *(f"{begun} ({number})" for number in range(2, 1000)))
        return next(name for name in names if self.past.session(name) is None)

    def export(self, path: Path | None = None) -> Path:
        """Write the running session as Markdown and return where; without a path into the working folder."""
        session = None if self.session is None else self.past.session(self.session)
        if session is None:
            raise InvalidInput("This session is empty; there is nothing to export yet.")
        return write_transcript(self.past, session, path)

    def _last_said(self) -> Turn:
        if self._said is None:
            raise InvalidInput("Nothing was said in this session yet; write something first.")
        return self._said

    def _forget_last(self, *, with_question: bool) -> None:
        last = [self._reply, self._said if with_question else None]
        self.agent.memory.forget([turn for turn in last if turn is not None])
        self._reply = None

    def _filters(self) -> Filters:
        filters: Filters = {"without": self.keeping.waiting}
        if self.as_of is not None:
            filters["as_of"] = self.as_of
        return filters

    def close(self) -> None:
        """Forget what waits for it, and close the agent."""
        try:
            self.keeping.commit()
        finally:
            self.agent.close()
