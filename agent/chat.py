"""One chat over an open agent: the session it goes on in, what was said last in it, asking again and otherwise."""

from ..memory.chats import SessionInfo
from ..memory.errors import InvalidInput
from ..memory.times import now
from ..memory.types import Retrieved, Scope, Turn
from .agent import Agent, AnswerStream, OnRecall
from .filters import Filters, narrowed
from .keeping import Keeping
from .long_term_memory import DEFAULT_CONVERSATION
from .past import Past
from .replies import is_reply
from .types import Answer

PAGE_TURNS = 40


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

    def _fresh_session(self) -> str:
        """Return a name that no session has: the time, and a number where two begin in one second."""
        begun = now().strftime("%Y-%m-%d %H:%M:%S")
        names = (begun, *(f"{begun} ({number})" for number in range(2, 1000)))
        return next(name for name in names if self.past.session(name) is None)

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
