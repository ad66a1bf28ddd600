"""From the options of `eval locomo` and `eval run` to a plan."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config_keys import RERANKERS
from .invocation import Invocation

if TYPE_CHECKING:
    from ..config import Config
    from ..evals.plan import AnswerPlan, Plan
    from ..evals.system_spec import SystemSpec

CHUNK_KS = (1, 3, 5, 10)
"""Of 71 chunks a conversation, the ranks that are published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What both commands take, names as on the command line; empty or None is the default."""

    answer: bool
    rerankers: tuple[str, ...]
    models: tuple[str, ...]
    baselines: bool
    events: bool
    systems: tuple[str, ...]
    units: tuple[str, ...]
    budgets: tuple[int, ...]
    ks: tuple[int, ...]
    categories: tuple[str, ...]
    sample: int | None
    seed: int
    generator: str | None
    answer_budget: int | None
    judge_model: str | None
    judge_base_url: str | None
    judge_key_variable: str | None
    audit: Path | None
    parallel: int


def plan_of(files: Sequence[Path], options: Options, invocation: Invocation) -> "Plan":
    """Return the plan that the options ask for; settings given as flags belong to it. Raises ConfigError."""
    from ..evals.plan import Plan
    from ..evals.plan_file import expanded

    units = tuple(dict.fromkeys(options.units)) or ("turn",)
    specs = tuple(dict.fromkeys(_specs(options, invocation.config)))
    default = Plan(data=("-",), systems=expanded(specs, units))
    ks = CHUNK_KS if units == ("chunk",) else default.ks
    return replace(
        default,
        data=tuple(str(file.resolve()) for file in files),
        budgets=tuple(sorted(set(options.budgets))) or default.budgets,
        ks=tuple(sorted(set(options.ks))) or ks,
        categories=options.categories,
        sample=options.sample,
        seed=options.seed,
        parallel=options.parallel,
        answers=_answers(options, invocation.config) if options.answer else None,
        settings={name: value for name, value in invocation.settings.items() if isinstance(value, str | int | float)},
    )


def _specs(options: Options, config: "Config") -> "Iterator[SystemSpec]":
    """Yield the systems: rerankers first, the first of them being the baseline; some may come twice."""
    from ..evals.system_spec import BASELINES, EVENTS, READ_EVENTS, spec_named

    rerankers = dict.fromkeys(options.rerankers or (() if options.systems else (config.rerank,)))
    for name, model in _models(rerankers, options.models).items():
        spec = replace(spec_named(name), model=model)
        yield spec
        if options.events and name in READ_EVENTS:
            yield replace(spec_named(f"{name}{EVENTS}"), model=model)
    for name in options.systems:
        yield spec_named(name)
    if options.baselines:
        yield from map(spec_named, BASELINES)
    elif "chunk" in options.units:
        yield spec_named("BM25")  # chunks are published beside it


def _models(rerankers: "dict[str, None]", models: Sequence[str]) -> dict[str, str | None]:
    """Return the model of each reranker: one given by name, one given for all, or None for the configured one."""
    own: dict[str, str] = {}
    common: str | None = None
    for given in models:
        name, sign, model = given.partition("=")
        if sign and name in RERANKERS:
            own[name] = model
        else:
            common = given
    return {name: own.get(name, common) for name in rerankers}


def _answers(options: Options, config: "Config") -> "AnswerPlan":
    from ..evals.plan import AnswerPlan

    default = AnswerPlan()
    return AnswerPlan(
        generator=options.generator or config.generator,
        budget=options.answer_budget or config.context_budget,
        judge=options.judge_model,
        judge_base_url=options.judge_base_url or default.judge_base_url,
        judge_key_variable=options.judge_key_variable or default.judge_key_variable,
        audit=None if options.audit is None else str(options.audit.resolve()),
    )
