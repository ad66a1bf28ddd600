"""Systems that answer: whatever fills a context, with a generator that reads it, and a judge of the answer if asked.

Answers are compared as people would say them: marks of citations are no words of an answer.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..agent.citations import is_abstention, parse_citations, without_marks
from ..agent.ports import Generator, Told, told_by
from ..memory.context import ContextBuilder
from ..memory.ports import TokenCounter
from ..memory.types import Context, ScoredMemory, Turn
from .dataset import Conversation, Question
from .found import Found, Indexed, System
from .judge import Judge
from .record import Asked, Cost, Given
from .shared_memories import SharedMemories, ref_of
from .units import Unit
from .warm_up import QUESTION, RANKED

GENERATE, JUDGE, TOTAL = "generate", "judge", "total"
UNLIMITED = 10**6
"""A budget that holds any conversation whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """What answers are made with. `generator` is given a context of `budget` tokens, rendered by `contexts`; `count`
    tells how long an answer is. `is_hosted`: answers are asked of a server. `clock` gives seconds.
    """

    generator: Generator
    contexts: ContextBuilder
    count: TokenCounter
    budget: int
    judge: Judge | None = None
    is_hosted: bool = False
    clock: Callable[[], float] = time.perf_counter


class AnsweringSystem:
    """Another system, and an answer from the context it fills; its own figures stay what they are.

    With `reads_all` the whole conversation is read instead.
    """

    def __init__(
        self, inner: System, memories: SharedMemories, unit: Unit, answerer: Answerer, *, reads_all: bool = False
    ) -> None:
        self.name = inner.name
        self.unit = inner.unit
        self._inner = inner
        self._memories = memories
        self._unit = unit
        self._answerer = answerer
        self._reads_all = reads_all
        self._turns_of: dict[str, Mapping[str, Sequence[Turn]]] = {}
        self._before: dict[str, Mapping[int, str]] = {}

    def warm_up(self) -> None:
        """Load what the other system needs, and the generator where it is a local one."""
        self._inner.warm_up()
        if not self._answerer.is_hosted:
            context = self._answerer.contexts.build(QUESTION, [RANKED], budget=self._answerer.budget)
            told_by(self._answerer.generator, QUESTION, context)

    def ingest(self, conversation: Conversation) -> Indexed | None:
        """Let the other system take it in, and look up which turns its units hold; what it tells is returned."""
        taken = self._inner.ingest(conversation)
        self._memories.ingest(conversation)
        unit_of = self._unit.of(conversation)
        held: dict[str, list[Turn]] = {}
        turns = self._memories.turns(conversation.id)
        for turn in turns:
            held.setdefault(unit_of[ref_of(turn)], []).append(turn)
        self._turns_of[conversation.id] = held
        self._before[conversation.id] = _said_before(turns)
        return taken

    def release(self, conversation: str) -> None:
        """Drop what both keep of a conversation."""
        self._inner.release(conversation)
        self._turns_of.pop(conversation, None)
        self._before.pop(conversation, None)

    def ask(self, conversation: Conversation, question: Question, *, limit: int, budgets: Sequence[int]) -> Found:
        """Return what the other system finds, with an answer; GenerationError of the generator passes through."""
        wanted = budgets if self._reads_all else sorted({*budgets, self._answerer.budget})
        found = self._inner.ask(conversation, question, limit=limit, budgets=wanted)
        context = self._context(conversation.id, question.question, self._read(conversation.id, found))
        clock = self._answerer.clock
        started = clock()
        told = told_by(self._answerer.generator, question.question, context)
        took = {GENERATE: 1000.0 * (clock() - started)}
        given = self._given(told, context)
        cost, problems = _with_usage(found.cost, told), [*found.problems, *told.problems]
        if self._answerer.judge is not None:
            judged = self._answerer.judge.judge(_asked(conversation, question), given)
            given = replace(given, verdict=judged.verdict)
            problems += [] if judged.problem is None else [judged.problem]
        total = found.timings_ms.get(TOTAL)
        return replace(
            found,
            contexts=tuple(context for context in found.contexts if context.budget in budgets),
            timings_ms={**found.timings_ms, **took, **({} if total is None else {TOTAL: total + took[GENERATE]})},
            cost=cost,
            given=given,
            problems=tuple(problems),
        )

    def _read(self, conversation: str, found: Found) -> Mapping[str, float]:
        """Return how good each unit is that is read: all are the same where all are."""
        if self._reads_all:
            return dict.fromkeys(self._turns_of[conversation], 0.0)
        return _scored(next(one.units for one in found.contexts if one.budget == self._answerer.budget), found)

    def _context(self, conversation: str, question: str, scores: Mapping[str, float]) -> Context:
        """Return the turns of the units as a generator reads them; what fitted the budget is all there."""
        held, before = self._turns_of[conversation], self._before[conversation]
        ranked = [
            ScoredMemory(memory=turn, score=scores[unit], stages={}, preceding=before.get(turn.id, ""))
            for unit in sorted(scores, key=scores.__getitem__, reverse=True)
            for turn in held[unit]
        ]
        is_limited = self.unit == "turn" and not self._reads_all  # other units go in whole
        budget = self._answerer.budget if is_limited else UNLIMITED
        return self._answerer.contexts.build(question, ranked, budget=budget)

    def _given(self, told: Told, context: Context) -> Given:
        text = without_marks(told.text)
        citations, _ = parse_citations(told.text, context, lambda _: (), unseen=told.unseen)
        return Given(
            text=text,
            is_abstention=is_abstention(told.text),
            citations=tuple(dict.fromkeys(ref_of(citation.turn) for citation in citations)),
            tokens=self._answerer.count(text),
            confidence=told.confidence,
        )


def _said_before(turns: Sequence[Turn]) -> dict[int, str]:
    """Return "speaker: words" of what was said right before each turn of its session, by the turn's id."""
    said = {(turn.session, turn.position): f"{turn.speaker}: {turn.text}" for turn in turns}
    found = {turn.id: said.get((turn.session, turn.position - 1)) for turn in turns}
    return {number: words for number, words in found.items() if words is not None}


def _scored(units: Sequence[str], found: Found) -> dict[str, float]:
    """Return how good each unit of a context is: by its score, or by its place in the ranking, unranked ones last."""
    if found.scores:
        return {unit: found.scores[unit] for unit in units}
    places = {unit: place for place, unit in enumerate(found.ranked)}
    return {unit: -float(places.get(unit, len(places))) for unit in units}


def _asked(conversation: Conversation, question: Question) -> Asked:
    """Return the question as a judge is told of it; what is gold does not matter to it."""
    return Asked(
        conversation=conversation.id,
        question_id=question.id,
        question=question.question,
        category=question.category,
        gold=question.evidence,
        answers=question.answers,
        rule=question.rule,
        trap=question.trap,
    )


def _with_usage(cost: Cost, told: Told) -> Cost:
    """Return the cost with what the generator took; only a hosted one tells."""
    if told.usage is None:
        return cost
    return replace(
        cost,
        llm_calls=cost.llm_calls + 1,
        prompt_tokens=_sum(cost.prompt_tokens, told.usage.prompt_tokens),
        completion_tokens=_sum(cost.completion_tokens, told.usage.completion_tokens),
    )


def _sum(before: int | None, more: int) -> int | None:
    """Return both together; nothing is known of a sum of which a part is not."""
    return None if before is None else before + more
