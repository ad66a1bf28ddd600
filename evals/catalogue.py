"""Makes the systems that a plan names: the library with each reranker, and the baselines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ..memory.context import ContextBuilder
from ..memory.errors import ConfigError
from ..memory.ports import Embedder
from ..rerank.base import Reranker, reads_events
from . import baselines
from .answering import Answerer, AnsweringSystem
from .baselines import Baseline, Rank, Shelves
from .found import System
from .library_system import LibrarySystem, WithoutEvents
from .nearest import nearest
from .shared_memories import SharedMemories
from .system_spec import BASELINES, FULL_CONTEXT, LIBRARY, SystemSpec
from .units import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What systems are made with. `memories` returns the memories with a system's first stage, one for all of them
    that have the same; `reranker` makes a system's reranker when it is first asked; `answerer` what systems with a
    generator answer with.
    """

    memories: Callable[[SystemSpec], SharedMemories]
    reranker: Callable[[SystemSpec, SharedMemories], Reranker]
    units: Mapping[str, Unit]
    contexts: ContextBuilder
    embedder: Embedder
    seed: int = 0
    answerer: Callable[[SystemSpec], Answerer] | None = None


def make_systems(specs: Sequence[SystemSpec], workshop: Workshop) -> list[System]:
    """Return a system for each spec, in order; baselines with the same unit share their indexes."""
    shelves: dict[str, Shelves] = {}
    return [_answering(spec, workshop, _made(spec, workshop, shelves)) for spec in specs]


def _answering(spec: SystemSpec, workshop: Workshop, found_by: System) -> System:
    """Return the system with its generator, if it has one; "full context" reads the whole conversation."""
    if spec.generator is None or workshop.answerer is None:
        return found_by
    memories, unit, answerer = workshop.memories(spec), workshop.units[spec.unit], workshop.answerer(spec)
    return AnsweringSystem(found_by, memories, unit, answerer, reads_all=spec.kind == FULL_CONTEXT)


def _made(spec: SystemSpec, workshop: Workshop, shelves: dict[str, Shelves]) -> System:
    unit, memories = workshop.units[spec.unit], workshop.memories(spec)
    if spec.kind == LIBRARY:
        return LibrarySystem(
            spec.name,
            memories,
            partial(_reranker, spec, memories, workshop),
            unit=unit,
            contexts=workshop.contexts,
        )
    if spec.unit not in shelves:
        shelves[spec.unit] = Shelves(memories, unit, contexts=workshop.contexts, embedder=workshop.embedder)
    rank, fill = _rule(spec, workshop.seed)
    return Baseline(spec.name, shelves[spec.unit], rank, fill=fill)


def _reranker(spec: SystemSpec, memories: SharedMemories, workshop: Workshop) -> Reranker:
    made = workshop.reranker(spec, memories)
    return made if spec.events or not reads_events(made) else WithoutEvents(made)


def _rule(spec: SystemSpec, seed: int) -> tuple[Rank, Rank | None]:
    """Return how a baseline ranks, and how it fills contexts where that is another order."""
    rules: Mapping[str, tuple[Rank, Rank | None]] = {
        "BM25": (baselines.by_words, None),
        "dense": (baselines.by_vectors, None),
        "z-fusion": (baselines.by_z_fusion, None),
        "RRF": (baselines.by_rrf, None),
        "recency": (baselines.latest_first, None),
        FULL_CONTEXT: (baselines.as_said, baselines.latest_first),
        "oracle": (baselines.evidence_alone, None),
        "random": (baselines.by_chance(seed), None),
    }
    if spec.kind not in rules:
        raise ConfigError(f"{spec.kind!r} is no kind of system; did you mean {nearest(spec.kind, BASELINES)!r}?")
    return rules[spec.kind]
