"""What the figures of an evaluation depend on, in the words that stand beneath its tables."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from . import __version__
from .config import Config
from .evals.audit import load_audit
from .evals.dataset import Dataset
from .evals.judge import PROMPT
from .evals.plan import AnswerPlan, Plan
from .evals.protocol import (
    ANSWERS,
    RETRIEVAL,
    AnswerDescription,
    RunProtocol,
    SystemDescription,
    describe_data,
    describe_machine,
)
from .evals.selection import Selection
from .evals.system_spec import LIBRARY, SystemSpec
from .evals.units import Unit
from .evaluation_stores import FirstStage
from .memory.embedder import WordPieceCounter
from .wiring import make_embedder

_READ_MODELS = ("qr", "cross_encoder")
_BLOCK = ("block", "block_heads")
_SHORT = 12


def describe_run(
    plan: Plan, config: Config, datasets: Mapping[str, Dataset], selection: Selection, units: Mapping[str, Unit]
) -> RunProtocol:
    """Return the protocol of a plan; `config` has its settings, `datasets` go by path."""
    embedder = make_embedder(config)
    asked = {question.category for one in selection.conversations for question in one.questions}
    categories = dict.fromkeys(category for one in datasets.values() for category in one.categories)
    conversations = selection.conversations
    return RunProtocol(
        task=RETRIEVAL if plan.answers is None else ANSWERS,
        data={_name(path, datasets): describe_data(one) for path, one in datasets.items()},
        categories=tuple(category for category in categories if category in asked),
        asked=selection.asked,
        excluded=selection.excluded,
        sample=plan.sample,
        units={name: unit.described(conversations) for name, unit in units.items()},
        ks=plan.ks,
        budgets=plan.budgets,
        tokenizer=WordPieceCounter.name,
        embedder=embedder.name,
        embedder_fingerprint=embedder.fingerprint,
        systems=tuple(
            SystemDescription(name=spec.name, unit=spec.unit, options=dict(_options(config, spec)))
            for spec in plan.systems
        ),
        answers=None if plan.answers is None else _answers(plan.answers, config),
        seed=plan.seed,
        recollect_version=__version__,
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
        machine=describe_machine(),
    )


def of_system(config: Config, spec: SystemSpec) -> Config:
    """Return the configuration that a system of the library runs with: its own options over the common ones."""
    own = {
        "rerank_model": spec.model,
        "rerank_heads": spec.heads,
        "fusion": spec.fusion,
        "dense_weight": spec.dense_weight,
    }
    given = {name: value for name, value in own.items() if value is not None}
    return replace(config, rerank=spec.reranker, **given)  # type: ignore[arg-type]  # plans check what they hold


def first_stage(config: Config, spec: SystemSpec) -> FirstStage:
    """Return what decides which candidates a system is offered."""
    own = of_system(config, spec)
    return FirstStage(fusion=own.fusion, dense_weight=own.dense_weight, has_events=spec.events)


def drawing_events(config: Config) -> Config:
    """Return the configuration with a summariser: the offline one where none is configured."""
    return replace(config, summaries="extractive") if config.summaries == "none" else config


def _name(path: str, datasets: Mapping[str, Dataset]) -> str:
    """Return a file's name, or its whole path where another has the same name."""
    name = datasets[path].name
    return name if [one.name for one in datasets.values()].count(name) == 1 else str(Path(path))


def _options(config: Config, spec: SystemSpec) -> Iterator[tuple[str, str]]:
    """Yield what the system is made of, by name; baselines are told by their name alone."""
    if spec.kind != LIBRARY:
        return
    own = of_system(config, spec)
    yield "reranker", spec.reranker
    if spec.reranker in _READ_MODELS:
        yield "model", own.rerank_model or "none"
    if spec.reranker == "qr" and own.rerank_heads:
        yield "heads", own.rerank_heads
    if spec.reranker == "listwise_llm":
        yield "model", own.hosted_model or "none"
    if spec.reranker in _BLOCK:
        from .rerank.block_weights import SHIPPED_SHA256

        yield "weights", SHIPPED_SHA256[:_SHORT]
    if spec.reranker == "block":
        from .rerank.span_weights import SECOND_LOOK_SHA256

        yield "second look", SECOND_LOOK_SHA256[:_SHORT]
    yield "first stage", f"{own.fusion}, dense weight {own.dense_weight:g}"
    if spec.events:
        yield "events", _drawn_by(drawing_events(own))
    if spec.generator is not None:
        yield "generator", spec.generator


def _drawn_by(config: Config) -> str:
    """Return what draws events, with its model where it has one."""
    models = {"seq2seq": config.summaries_model, "hosted": config.hosted_model}
    model = models.get(config.summaries)
    return config.summaries if model is None else f"{config.summaries} ({model})"


def _answers(answers: AnswerPlan, config: Config) -> AnswerDescription:
    audit = None if answers.audit is None else load_audit(Path(answers.audit))
    return AnswerDescription(
        generator=answers.generator if answers.generator == "extractive" else f"hosted ({config.hosted_model})",
        judge=answers.judge,
        judge_prompt=None if answers.judge is None else PROMPT,
        audit=None if audit is None else audit.sha256,
    )
