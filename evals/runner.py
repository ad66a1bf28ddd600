"""Runs an evaluation: conversation by conversation, question by question, every system, from where it stopped.

Systems share what the first stage brought up for a question, so a question is put to all of them before the next.
Hosted systems answer in threads meanwhile, a limited number of questions at once.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

from .contender import Contender, Wanted
from .dataset import Conversation, Question
from .record import Asked, IngestRecord, Record
from .selection import Selection
from .units import Unit

WAITING = 2
"""Questions that wait for a thread, for each that has one: what systems share is kept for a few questions only."""

OnStep = Callable[[int, int], object]


class Sink(Protocol):
    """Where records go, and what it holds already; `RunFolder` is one."""

    @property
    def answered(self) -> Collection[tuple[str, str, str]]:
        """System, unit and question of every result."""
        ...

    @property
    def ingested(self) -> Collection[tuple[str, str | None, str]]:
        """System, unit and conversation of every ingest."""
        ...

    def append(self, record: Record) -> None:
        """Keep a record; threads may call it at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run goes: what systems are asked for, units by name, and questions to hosted systems at once.

    `take_in` stores a conversation for all systems and tells what that took, None where it was stored before;
    `leave` is called when its questions are asked.
    """

    wanted: Wanted
    units: Mapping[str, Unit]
    parallel: int = 4
    take_in: Callable[[Conversation], IngestRecord | None] = field(default=lambda _: None)
    leave: Callable[[Conversation], object] = field(default=lambda _: None)


def run(
    selection: Selection,
    systems: Sequence[Contender],
    sink: Sink,
    options: RunOptions,
    *,
    on_step: OnStep | None = None,
) -> None:
    """Put every question to every system that has not answered it yet; conversations that are done are passed over.

    `on_step` hears of (done, total) over questions times systems, what was done before included. Errors of the sink
    and what is no RecollectError end the run; so does Ctrl-C. Questions under way in threads are waited for.
    """
    steps = _Steps(selection, systems, sink, on_step)
    with ExitStack() as stack:
        threads = None
        if any(system.is_hosted for system in systems):
            threads = ThreadPoolExecutor(options.parallel, thread_name_prefix="recollect-eval")
            stack.callback(threads.shutdown, cancel_futures=True)
        for conversation in selection.conversations:
            _Conversation(conversation, systems, sink, options).run(steps, threads)


class _Steps:
    """Counts questions times systems, those of an earlier run included."""

    def __init__(
        self, selection: Selection, systems: Sequence[Contender], sink: Sink, on_step: OnStep | None
    ) -> None:
        questions = [question.id for one in selection.conversations for question in one.questions]
        self._total = len(questions) * len(systems)
        self._done = sum((*one.key, question) in sink.answered for one in systems for question in questions)
        self._on_step = on_step
        self._tell()

    def next(self) -> None:
        self._done += 1
        self._tell()

    def _tell(self) -> None:
        if self._on_step is not None:
            self._on_step(self._done, self._total)


class _Conversation:
    """One conversation with its questions and the systems that have some of them to answer."""

    def __init__(
        self, conversation: Conversation, systems: Sequence[Contender], sink: Sink, options: RunOptions
    ) -> None:
        self._conversation = conversation
        self._sink = sink
        self._options = options
        self._systems = [one for one in systems if any(self._is_open(one, it) for it in conversation.questions)]
        names = dict.fromkeys(system.key[1] for system in self._systems)
        self._unit_of = {name: options.units[name].of(conversation) for name in names}

    def run(self, steps: _Steps, threads: ThreadPoolExecutor | None) -> None:
        if not self._systems:
            return
        self._ingest()
        under_way: set[Future[None]] = set()
        for question in self._conversation.questions:
            asked = self._asked(question)
            for system in self._systems:
                if not self._is_open(system, question):
                    continue
                if threads is None or not system.is_hosted:
                    self._ask(system, question, asked[system.key[1]])
                    steps.next()
                    continue
                under_way.add(threads.submit(self._ask, system, question, asked[system.key[1]]))
                most = WAITING * self._options.parallel
                under_way = _settled(under_way, most, steps)
        _settled(under_way, 0, steps)
        for system in self._systems:
            system.release(self._conversation.id)
        self._options.leave(self._conversation)

    def _ingest(self) -> None:
        for system in self._systems:
            system.warm_up()
        records = [self._options.take_in(self._conversation)]
        records += [system.ingest(self._conversation) for system in self._systems]
        for record in records:
            if record is not None and record.key not in self._sink.ingested:
                self._sink.append(record)

    def _ask(self, system: Contender, question: Question, asked: Asked) -> None:
        self._sink.append(system.ask(self._conversation, question, asked, self._options.wanted))

    def _is_open(self, system: Contender, question: Question) -> bool:
        return (*system.key, question.id) not in self._sink.answered

    def _asked(self, question: Question) -> dict[str, Asked]:
        """Return the question with its gold, by the unit of the systems."""
        return {name: asked_of(self._conversation, question, of) for name, of in self._unit_of.items()}


def asked_of(conversation: Conversation, question: Question, unit_of: Mapping[str, str]) -> Asked:
    """Return a question as it is put to systems; `unit_of` names the unit that holds each turn."""
    return Asked(
        conversation=conversation.id,
        question_id=question.id,
        question=question.question,
        category=question.category,
        gold=tuple(dict.fromkeys(unit_of[turn] for turn in question.evidence)),
        answers=question.answers,
        rule=question.rule,
        trap=question.trap,
    )


def _settled(under_way: set[Future[None]], most: int, steps: _Steps) -> set[Future[None]]:
    """Wait until at most so many are under way; what ended one of them with an error ends the run."""
    while len(under_way) > most:
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for one in done:
            one.result()
            steps.next()
    return under_way
