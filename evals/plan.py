"""What a run does: data, systems, units, budgets, questions, answers; read from TOML, kept as `plan.json`.

data = ["locomo10.json"]                    # files, relative to the plan
systems = ["none", "block", "BM25", { name = "qr 4B", reranker = "qr", model = "Qwen/Qwen3-4B-Instruct-2507" }]
units = ["turn", "chunk"]                   # of every system that names none of its own
budgets = [256, 512, 854, 2048]             # tokens of contexts
ks = [1, 3, 5, 10, 25]                      # ranks
categories = ["temporal"]                   # all by default
sample = 200                                # questions, drawn evenly over the conversations
seed = 0
parallel = 4                                # calls to hosted models at once

[answers]
generator = "extractive"
budget = 854                                # tokens of the context that is read
judge = "gpt-4o-mini"                       # with judge_base_url and judge_key_variable
audit = "corrected_answers.json"

[settings]                                  # keys of config.toml
recall.fusion = "rrf"
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..memory.context import DEFAULT_BUDGET
from ..memory.errors import ConfigError
from .scores import Scoring
from .system_spec import UNITS, SystemSpec

GENERATORS = ("extractive", "hosted")
JUDGE_URL = "https://api.openai.com/v1"
JUDGE_KEY = "OPENAI_API_KEY"

Setting = str | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPlan:
    """How answers are made and judged: from a context of `budget` tokens, the conversation whole for "full context".

    `judge` None is none, `audit` names a file with corrected keys.
    """

    generator: str = GENERATORS[0]
    budget: int = DEFAULT_BUDGET
    judge: str | None = None
    judge_base_url: str = JUDGE_URL
    judge_key_variable: str = JUDGE_KEY
    audit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run. `systems` has every system once for each of its units; `categories` empty are all.

    `answers` None measures retrieval alone; `settings` are keys of config.toml that go before the user's own.
    Raises ConfigError for what cannot be run, InvalidInput for ks and budgets as `Scoring` does.
    """

    data: tuple[str, ...]
    systems: tuple[SystemSpec, ...]
    budgets: tuple[int, ...] = (256, 512, 854, 2048)
    ks: tuple[int, ...] = (1, 3, 5, 10, 25)
    categories: tuple[str, ...] = ()
    sample: int | None = None
    seed: int = 0
    parallel: int = 4
    answers: AnswerPlan | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict[str, Setting])

    def __post_init__(self) -> None:
        for name in ("data", "systems", "budgets", "ks"):
            if not getattr(self, name):
                raise ConfigError(f"The plan names no {name}; give at least one.")
        for name, least in (("sample", 1), ("parallel", 1), ("seed", 0)):
            number = getattr(self, name)
            if number is not None and number < least:
                raise ConfigError(f"{name} = {number}: expected a whole number of at least {least}.")
        taken: set[tuple[str, str]] = set()
        for spec in self.systems:
            if spec.unit not in UNITS:
                raise ConfigError(f"{spec.unit!r} is no unit; units are {', '.join(UNITS)}.")
            if spec.key in taken:
                raise ConfigError(f"The plan has {spec.label} twice; give one of them another name.")
            taken.add(spec.key)
        if self.answers is not None and self.answers.budget < 1:
            raise ConfigError(f"answers.budget = {self.answers.budget}: expected a number of tokens of at least 1.")
        Scoring(ks=self.ks, budgets=self.budgets)

    @property
    def units(self) -> tuple[str, ...]:
        """Every unit that a system ranks, in the order of the first of each."""
        return tuple(dict.fromkeys(spec.unit for spec in self.systems))

    @property
    def order(self) -> tuple[tuple[str, str], ...]:
        """Names and units of the systems, as tables show them."""
        return tuple(spec.key for spec in self.systems)


def plan_json(plan: Plan) -> str:
    """Return the plan as JSON text in the shape of the TOML; what holds its default is written, too."""
    systems = [_system_document(spec) for spec in plan.systems]
    document: dict[str, object] = {
        "data": plan.data,
        "systems": systems,
        "budgets": plan.budgets,
        "ks": plan.ks,
        "categories": plan.categories,
        "sample": plan.sample,
        "seed": plan.seed,
        "parallel": plan.parallel,
        "answers": None if plan.answers is None else _members(plan.answers),
        "settings": dict(plan.settings),
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plan_changes(before: Plan, after: Plan) -> list[str]:
    """Return in words how `after` cannot continue what `before` began; systems may be added, data may have moved."""
    changes = [
        f"{name} = {_shown(getattr(after, name))}, not {_shown(getattr(before, name))}"
        for name in ("budgets", "ks", "categories", "sample", "seed", "answers", "settings")
        if getattr(before, name) != getattr(after, name)
    ]
    asked = {spec.key: spec for spec in after.systems}
    for spec in before.systems:
        if spec.key not in asked:
            changes.append(f"{spec.label} is no longer asked")
        else:
            changes += [f"{spec.label} has {change}" for change in spec.differences(asked[spec.key])]
    return changes


def _system_document(spec: SystemSpec) -> dict[str, object]:
    members = {name: value for name, value in _members(spec).items() if name != "unit" and value is not None}
    return {**members, "units": [spec.unit]}


def _members(value: AnswerPlan | SystemSpec) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__slots__}


def _shown(value: object) -> str:
    if isinstance(value, AnswerPlan):
        return ", ".join(f"{name} {held}" for name, held in _members(value).items() if held is not None)
    if isinstance(value, tuple | Mapping):
        return json.dumps(value) if value else "none"
    return "none" if value is None else str(value)
