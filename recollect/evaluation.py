"""Evaluation of the configured library: a plan made ready, run in a folder, and gone on with after any end."""

import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from .config import Config, GeneratorName
from .config_keys import key_of_override
from .evals.answering import Answerer
from .evals.catalogue import Workshop, make_systems
from .evals.contender import Contender, Wanted
from .evals.dataset import Conversation, Dataset
from .evals.judge import Judge
from .evals.load import load_dataset
from .evals.merge import merged
from .evals.plan import AnswerPlan, Plan
from .evals.protocol import RunProtocol
from .evals.record import IngestRecord, QuestionRecord, system_name
from .evals.run_folder import RunFolder, add_usage, open_run
from .evals.runner import OnStep, RunOptions, run
from .evals.selection import Selection, select
from .evals.shared_memories import SharedMemories
from .evals.stored_run import load_run, summarise_run
from .evals.summary import RunSummary
from .evals.system_spec import LIBRARY, SystemSpec
from .evals.units import Unit, make_unit
from .evaluation_protocol import describe_run, drawing_events, first_stage, of_system
from .evaluation_stores import ConversationStores
from .memory.context import ContextBuilder
from .memory.embedder import WordPieceCounter
from .memory.endpoint import Endpoint
from .memory.errors import EmbedderError
from .memory.ports import TokenCounter
from .wiring import make_embedder, make_generator, make_reranker

if TYPE_CHECKING:
    from .rerank.base import Reranker

STORE = "store"
"""Whom the ingest that all systems share is recorded for."""
COUNTED_LINES = 100_000
FEWEST_RANKED = 10
"""Units of a ranking that are kept, whatever the ks: nDCG@10 needs as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A plan with everything it names: `config` has the plan's settings, `selection` the questions to be asked."""

    plan: Plan
    config: Config
    dataset: Dataset
    selection: Selection
    units: Mapping[str, Unit]
    protocol: RunProtocol


def prepare(plan: Plan, config: Config) -> Evaluation:
    """Read the data and check the plan; nothing is written, no model of a reranker is loaded.

    Raises DataFormatError for data that cannot be read or asked, ConfigError for settings that are none.
    """
    config = _with_settings(plan, config)
    datasets = {path: load_dataset(Path(path)) for path in plan.data}
    dataset = merged(tuple(datasets.values()))
    selection = select(
        dataset,
        categories=plan.categories,
        sample=plan.sample,
        seed=plan.seed,
        with_answers=plan.answers is not None,
    )
    units = {name: make_unit(name, WordPieceCounter()) for name in plan.units}
    protocol = describe_run(plan, config, datasets, selection, units)
    return Evaluation(plan=plan, config=config, dataset=dataset, selection=selection, units=units, protocol=protocol)


def evaluate(evaluation: Evaluation, folder: Path, *, on_step: OnStep | None = None) -> None:
    """Run an evaluation in `folder`, or go on with the one that is there; what it wrote is read by `load_run`.

    Raises RunError where the folder holds another run or anything else. Whatever ends it, the folder can be
    continued: by calling this again.
    """
    started = time.monotonic()
    problems = evaluation.dataset.problems
    with open_run(folder, evaluation.plan, evaluation.protocol, problems=problems) as sink:
        try:
            with _Laboratory(evaluation, sink) as laboratory:
                laboratory.run(on_step)
        finally:
            add_usage(folder, wall_s=time.monotonic() - started, peak_rss_mib=_peak_rss_mib())


def summarised(folder: Path) -> RunSummary:
    """Return every figure of the run in a folder, however far it came; answers are scored with the plan's audit.

    Raises RunError and DataFormatError as `load_run` and `summarise` do.
    """
    return summarise_run(load_run(folder))


def failures(folder: Path) -> dict[str, tuple[int, str]]:
    """Return, by name in tables, how many questions have no result from a system, and why the first has none."""
    errors: dict[tuple[str, str, str], str | None] = {}
    for record in load_run(folder).records():
        if isinstance(record, QuestionRecord):
            errors[record.key] = record.error  # one that failed may have been asked again
    found: dict[str, tuple[int, str]] = {}
    for (system, unit, _), error in errors.items():
        if error is not None:
            count, first = found.get(system_name(system, unit), (0, error))
            found[system_name(system, unit)] = count + 1, first
    return found


class _Laboratory:
    """The stores and systems of one run."""

    def __init__(self, evaluation: Evaluation, sink: RunFolder) -> None:
        self._evaluation = evaluation
        self._sink = sink
        self._embedder = make_embedder(evaluation.config)
        self._stores = ConversationStores(sink.store, drawing_events(evaluation.config), self._embedder)
        self._answerers: dict[tuple[str, str], Answerer] = {}

    def __enter__(self) -> "_Laboratory":
        return self

    def __exit__(self, *_: object) -> None:
        self._stores.close()

    def run(self, on_step: OnStep | None) -> None:
        plan = self._evaluation.plan
        specs = [_answering(spec, plan.answers) for spec in plan.systems]
        systems = make_systems(specs, self._workshop)
        contenders = [
            Contender(system, is_hosted=spec.is_hosted) for system, spec in zip(systems, plan.systems, strict=True)
        ]
        options = RunOptions(
            wanted=Wanted(limit=max(FEWEST_RANKED, *plan.ks), budgets=plan.budgets),
            units=self._evaluation.units,
            parallel=plan.parallel,
            take_in=self._take_in,
            leave=self._leave,
        )
        run(self._evaluation.selection, contenders, self._sink, options, on_step=on_step)

    @cached_property
    def _workshop(self) -> Workshop:
        return Workshop(
            memories=self._memories_of,
            reranker=self._reranker,
            units=self._evaluation.units,
            contexts=ContextBuilder(_remembering_counter()),
            embedder=self._embedder,
            seed=self._evaluation.plan.seed,
            answerer=None if self._evaluation.plan.answers is None else self._answerer,
        )

    def _answerer(self, spec: SystemSpec) -> Answerer:
        own = of_system(self._evaluation.config, spec)
        # plans check what they hold
        config = replace(own, generator=cast("GeneratorName", spec.generator))
        if spec.kind != LIBRARY:
            config = replace(config, rerank="none")
        key = config.generator, config.rerank
        if key not in self._answerers:
            self._answerers[key] = self._made_answerer(config)
        return self._answerers[key]

    def _made_answerer(self, config: Config) -> Answerer:
        answers = self._evaluation.plan.answers or AnswerPlan()
        count = WordPieceCounter()
        return Answerer(
            generator=make_generator(config, self._embedder, is_brief=True),
            contexts=ContextBuilder(_remembering_counter()),
            count=count,
            budget=answers.budget,
            is_hosted=config.generator == "hosted",
            judge=None if answers.judge is None else _make_judge(answers, config),
        )

    def _memories_of(self, spec: SystemSpec) -> SharedMemories:
        return self._stores.memories(first_stage(self._evaluation.config, spec))

    def _reranker(self, spec: SystemSpec, memories: SharedMemories) -> "Reranker":
        return make_reranker(of_system(self._evaluation.config, spec), turns_of=memories.turns_of)

    def _take_in(self, conversation: Conversation) -> IngestRecord | None:
        """Store a conversation for the systems without events; those with have stores of their own."""
        plain = next((spec for spec in self._evaluation.plan.systems if not spec.events), None)
        self._load_embedder()
        if plain is None:
            return None
        started = time.perf_counter()
        stored = self._memories_of(plain).ingest(conversation)
        if not stored:
            return None
        seconds = round(time.perf_counter() - started, 6)
        return IngestRecord(system=STORE, conversation=conversation.id, turns=stored, seconds=seconds)

    def _load_embedder(self) -> None:
        """Load the embedder before anything is timed; where that fails, whatever needs it says so."""
        if self._evaluation.config.embedder != "endpoint":
            with suppress(EmbedderError):
                self._embedder.embed(["Hello?"], kind="query")

    def _leave(self, conversation: Conversation) -> None:
        self._stores.leave(conversation.id)


@lru_cache(maxsize=1)
def _remembering_counter() -> TokenCounter:
    """Return a token counter that counts a line once: systems, budgets and questions show the same turns."""
    return lru_cache(maxsize=COUNTED_LINES)(WordPieceCounter())


def _answering(spec: SystemSpec, answers: AnswerPlan | None) -> SystemSpec:
    """Return the system with the plan's generator, unless it names its own or nothing is answered."""
    if answers is None:
        return replace(spec, generator=None)
    return spec if spec.generator is not None else replace(spec, generator=answers.generator)


def _with_settings(plan: Plan, config: Config) -> Config:
    """Return the configuration with the plan's settings on top; raises ConfigError for what is none."""
    values: dict[str, object] = {}
    sources = dict(config.sources)
    for name, given in plan.settings.items():
        key = key_of_override(name, "the plan")
        values[key.attribute], sources[key.name] = key.accept(given, "the plan"), "the plan"
    return replace(config, **values, sources=sources)  # type: ignore[arg-type]  # accepted by their own keys


def _make_judge(answers: AnswerPlan, config: Config) -> Judge:
    """Return the judge; its key is read from the variable that the plan names."""
    return Judge(
        Endpoint(
            model=answers.judge or "",
            base_url=answers.judge_base_url,
            api_key=os.environ.get(answers.judge_key_variable),
            key_variable=answers.judge_key_variable,
            section="answers.judge",
            timeout_s=config.hosted_timeout_s,
            max_retries=config.hosted_max_retries,
        )
    )


def _peak_rss_mib() -> float | None:
    """Return the most memory this process has had, in MiB; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
