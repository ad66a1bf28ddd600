"""The figures of a run, ready to be shown: what tables, pages and JSON are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .metrics import Latency
from .problems import Problem
from .protocol import RunProtocol
from .record import system_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A mean over `n` questions with the bounds of its 95 % interval (bootstrap, clustered by conversation).

    Rates are fractions, 0.0 to 1.0; tokens and milliseconds are what they are. `conversations` is how many were
    resampled, 0 where that is not told; with 1 its questions were resampled instead, which says nothing about
    other conversations.
    """

    value: float
    low: float
    high: float
    n: int
    conversations: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """How well a system knows what it was not told.

    `precision`: of the questions it declined, how many have no answer; `recall`: of those without an answer, how many
    it declined, None where there are none. `asked`, `declined` and `unanswerable` count questions.
    """

    precision: float | None
    recall: float | None
    asked: int
    declined: int
    unanswerable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSummary:
    """Means per question, and totals of language models at ingest; None is not counted, 0 is nothing."""

    context_tokens: Mapping[int, float]  # by budget
    reranker_tokens: float | None
    reranker_gflops: float | None
    llm_calls: float
    prompt_tokens: float | None
    completion_tokens: float | None
    answer_tokens: float | None
    ingest_llm_calls: int
    ingest_llm_tokens: int | None
    ingest_turns_per_second: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSummary:
    """One system with one unit.

    `figures` by metric: "recall@854" (fraction of the gold in a context of at most 854 tokens), "any@854" and
    "all@854" (whether one or all of it is), "R@5", "any@5" and "all@5" (the same among the first 5), "MRR",
    "nDCG@10", "pool" (fraction of the gold that there was to rank), and with answers "F1", "EM", "judge",
    "F1 audited".
    `by_category` has the same for each category that has questions. `failed` counts questions without a result;
    they score 0 in every figure but "pool".
    """

    system: str
    unit: str
    figures: Mapping[str, Figure]
    by_category: Mapping[str, Mapping[str, Figure]]
    latency: Mapping[str, Latency]
    cost: CostSummary
    abstention: Abstention | None
    failed: int
    abstention_by_category: Mapping[str, Abstention] = field(default_factory=dict[str, Abstention])

    @property
    def name(self) -> str:
        """System and unit, as tables name it: "block", or "block, chunk" where the unit is not the turn."""
        return system_name(self.system, self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How one system differs from another in one metric, over the questions both answered.

    `low` and `high` bound the 95 % interval of the paired difference; `is_significant` when 0 is outside it.
    `p` is two-sided, from the same resamples; `survives_holm` when it is significant still after Holm's correction
    for all metrics of this pair of systems. `conversations` is as in `Figure`.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    p: float = 1.0
    survives_holm: bool = False
    conversations: int = 0

    @property
    def is_significant(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A whole run: its protocol, its systems in the order of the plan, and what went wrong.

    `differences` are to the first system of the same unit (`baselines`), by `SystemSummary.name`; `baseline` is the
    first system of all. `excluded` counts questions that retrieval is not scored on, by reason,
    `excluded_from_answers` those that answers are not; `peak_rss_mib` is the process's.
    """

    protocol: RunProtocol
    systems: tuple[SystemSummary, ...]
    baseline: str
    differences: Mapping[str, tuple[Difference, ...]]
    excluded: Mapping[str, int]
    problems: tuple[Problem, ...]
    peak_rss_mib: float | None
    excluded_from_answers: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def baselines(self) -> Mapping[str, str]:
        """What the systems of each unit are compared with: the name of its first one."""
        return {one.unit: one.name for one in reversed(self.systems)}
