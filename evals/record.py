"""What a run writes down: every question put to every system, with what came back, before anything is scored.

A line of `records.jsonl` is one of these. Every figure of a report is computed from them alone, so that a report
can be made again, in other words or with other metrics, without running anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .dataset import AnswerRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question as it is put to every system; `gold` holds the units with its evidence, each once.

    `answers` and `trap` are as in `dataset.Question`.
    """

    conversation: str
    question_id: str
    question: str
    category: str
    gold: tuple[str, ...]
    answers: tuple[str, ...] = ()
    rule: AnswerRule = AnswerRule.PLAIN
    trap: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledContext:
    """A context of at most `budget` tokens: its units in any order, its length as rendered with every header."""

    budget: int
    units: tuple[str, ...]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one question, or one ingest, took besides time.

    `reranker_tokens`: tokens the reranker's model read, padding left out; `reranker_flops`: floating-point operations
    of that pass, a multiply and an add being two; `llm_*`: calls to language models and their tokens. None is not
    counted, 0 is nothing.
    """

    reranker_tokens: int | None = None
    reranker_flops: float | None = None
    llm_calls: int = 0
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0


NOTHING_READ = Cost(reranker_tokens=0, reranker_flops=0.0)
"""The cost of systems that rerank nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a judge said of an answer; `reply` is its own words."""

    is_right: bool
    reply: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The answer a system gave; `citations` are ids of turns, `tokens` its length.

    `confidence`: how sure it was that the answer had been told, higher is surer, None where it does not tell.
    """

    text: str
    is_abstention: bool
    citations: tuple[str, ...] = ()
    tokens: int = 0
    confidence: float | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRecord:
    """One question put to one system.

    `system` and `unit` are names; `ranked`: units, best first; `contexts`: one a budget, ascending; `pool`: all that
    there was to rank, None where the system does not tell; `timings_ms`: milliseconds by stage, "total" being the
    whole; `problems`: what failed on the way without costing the result; `error`: why there is no result, if so.
    """

    system: str
    unit: str
    asked: Asked
    ranked: tuple[str, ...] = ()
    contexts: tuple[FilledContext, ...] = ()
    pool: tuple[str, ...] | None = None
    given: Given | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    cost: Cost = field(default_factory=Cost)
    problems: tuple[str, ...] = ()
    error: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the only one of its kind: system, unit, question."""
        return self.system, self.unit, self.asked.question_id


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRecord:
    """A conversation taken in: by the store that systems share, or by one system for itself.

    `unit` is the system's, None for the store; `seconds` is wall time, 0.0 for a system that needs no index; `cost`
    counts language models at ingest.
    """

    system: str
    conversation: str
    turns: int
    seconds: float
    unit: str | None = None
    cost: Cost = field(default_factory=Cost)

    @property
    def key(self) -> tuple[str, str | None, str]:
        """What makes it the only one of its kind: system, unit, conversation."""
        return self.system, self.unit, self.conversation


Record = QuestionRecord | IngestRecord


def system_name(system: str, unit: str) -> str:
    """Return system and unit as tables name them: "block", or "block, chunk" where the unit is not the turn."""
    return system if unit == "turn" else f"{system}, {unit}"
