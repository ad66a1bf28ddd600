"""One turn after the other in a thread, told to the interface by messages."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from textual.message import Message
from textual.message_pump import MessagePump

from ..memory.errors import RecollectError
from ..memory.types import Retrieved, Turn
from .threads import OURS

if TYPE_CHECKING:
    from ..agent.agent import AnswerStream
    from ..agent.types import Answer

Begin = Callable[[Callable[[Retrieved], None]], "AnswerStream"]
"""Begins a turn in the thread; is handed the function to call with what was recalled."""


class TurnRunner:
    """Runs turns and posts what becomes of them to `target` as `Heard`."""

    @dataclass(frozen=True, slots=True)
    class Started:
        """The user's turn is stored."""

        said: Turn

    @dataclass(frozen=True, slots=True)
    class Recalled:
        """The memories are found, and nothing is written yet."""

        found: Retrieved

    @dataclass(frozen=True, slots=True)
    class Piece:
        """A piece of the reply."""

        text: str

    @dataclass(frozen=True, slots=True)
    class Finished:
        """The reply is complete and stored."""

        answer: "Answer"

    @dataclass(frozen=True, slots=True)
    class Failed:
        """There is no reply: what failed and what to do; `is_stored` tells whether the user's turn stands."""

        problem: str
        is_stored: bool

    @dataclass
    class Heard(Message):
        """One of the above, of a turn that may have been stopped since."""

        news: "TurnRunner.Started | TurnRunner.Recalled | TurnRunner.Piece | TurnRunner.Finished | TurnRunner.Failed"
        stopping: Event

        @property
        def is_stopped(self) -> bool:
            """Whether nobody waits for it any more."""
            return self.stopping.is_set()

    def __init__(self, target: MessagePump) -> None:
        self._target = target
        self._beginning = Lock()
        self._stop: Event | None = None
        self._thread: Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether a turn is under way that was not stopped."""
        return self._stop is not None and self._thread is not None and self._thread.is_alive()

    def start(self, begin: Begin) -> None:
        """Run a turn; one that is still running is stopped."""
        self.stop()
        stop = self._stop = Event()
        self._thread = Thread(target=self._run, args=(begin, stop), name=f"{OURS}turn", daemon=True)
        self._thread.start()

    def stop(self) -> bool:
        """Stop the running turn: nothing is heard of it any more. Tells whether there was one."""
        was_running = self.is_running
        if self._stop is not None:
            self._stop.set()
            self._stop = None
        return was_running

    def wait(self, timeout_s: float) -> bool:
        """Wait for the thread to end, and tell whether it has."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _run(self, begin: Begin, stop: Event) -> None:
        def post(news: TurnRunner.Started | TurnRunner.Recalled | TurnRunner.Piece | TurnRunner.Failed) -> None:
            if not stop.is_set():
                self._target.post_message(self.Heard(news, stop))

        is_stored = is_told = False
        try:
            with self._beginning:  # one that was stopped meanwhile is stored first: turns stay in their order
                stream = begin(lambda found: post(self.Recalled(found)))
            is_stored = True
            if stream.said is not None:
                post(self.Started(stream.said))
            for piece in stream:
                if stop.is_set():
                    stream.close()
                    is_told = True
                    return
                post(self.Piece(piece))
            # told even if it was stopped in this moment: a reply that nobody saw to its end is not to stay
            self._target.post_message(self.Heard(self.Finished(stream.answer), stop))
            is_told = True
        except RecollectError as error:
            post(self.Failed(" ".join(str(error).split()), is_stored))
            is_told = True
        finally:
            if not is_told:  # a mistake of ours: the thread's hook reports it, the interface must not wait for ever
                post(self.Failed("The reply broke off for a reason nobody foresaw; please report it.", is_stored))
