"""The figures of a run, ready to be shown: what tables, pages and JSON are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from .problems import Problem
from .protocol import RunProtocol
from .retrieval import Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A mean over `n` questions with the bounds of its 95 % interval (bootstrap, clustered by conversation).

    Rates are fractions, 0.0 to 1.0; tokens and milliseconds are what they are.
    """

    value: float
    low: float
    high: float
    n: int


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
    """Means per question, and totals of language models at ingest."""

    context_tokens: Mapping[int, float]  # by budget
    reranker_tokens: float
    reranker_gflops: float
    llm_calls: float
    prompt_tokens: float
    completion_tokens: float
    answer_tokens: float | None
    ingest_llm_calls: int
    ingest_llm_tokens: int
    ingest_turns_per_second: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSummary:
    """One system with one unit.

    `figures` by metric: "recall@854" (fraction of the gold in a context of at most 854 tokens), "any@854" and
    "all@854" (whether one or all of it is), "R@5", "any@5" and "all@5" (the same among the first 5), "MRR",
    "nDCG@10", "pool" (fraction of the gold that there was to rank), and with answers "F1", "EM", "judge",
    "F1 audited".
    `by_category` has the same for each category that has questions. `failed` counts questions without a result.
    """

    system: str
    unit: str
    figures: Mapping[str, Figure]
    by_category: Mapping[str, Mapping[str, Figure]]
    latency: Mapping[str, Latency]
    cost: CostSummary
    abstention: Abstention | None
    failed: int

    @property
    def name(self) -> str:
        """System and unit, as tables name it: "block", or "block, chunk" where the unit is not the turn."""
        return self.system if self.unit == "turn" else f"{self.system}, {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How one system differs from another in one metric, over the questions both answered.

    `low` and `high` bound the 95 % interval of the paired difference; `is_significant` when 0 is outside it.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int

    @property
    def is_significant(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A whole run: its protocol, its systems in the order of the plan, and what went wrong.

    `differences` are to `baseline`, the first system, by `SystemSummary.name`, for systems of the same unit.
    `excluded` counts questions that were not put to retrieval, by reason; `peak_rss_mib` is the process's.
    """

    protocol: RunProtocol
    systems: tuple[SystemSummary, ...]
    baseline: str
    differences: Mapping[str, tuple[Difference, ...]]
    excluded: Mapping[str, int]
    problems: tuple[Problem, ...]
    peak_rss_mib: float | None
