"""What a plan says of a system under test: the library with a reranker, or one of the baselines."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from ..memory.errors import ConfigError
from .nearest import nearest
from .record import system_name

LIBRARY = "library"
FULL_CONTEXT = "full context"
BASELINES = ("BM25", "dense", "z-fusion", "RRF", "recency", FULL_CONTEXT, "oracle", "random")
RERANKERS = ("none", "block", "block_heads", "qr", "cross_encoder", "listwise_llm")
READ_EVENTS = ("block", "block_heads", "qr")
"""Rerankers that read event summaries before what they rank."""
EVENTS = " + events"
UNITS = ("turn", "window", "chunk", "session")
HOSTED = ("listwise_llm",)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSpec:
    """One system with one unit, as plans and tables name it.

    `kind` is "library" or one of `BASELINES`. For the library: `reranker` with its `model` and `heads` (None for the
    configured ones), `events` whether it reads event summaries, `fusion` and `dense_weight` of the first stage (None
    for the configured ones). `generator` makes answers of what was found, None for retrieval alone. `is_hosted`:
    several of its questions may be under way at once.
    """

    name: str
    unit: str = "turn"
    kind: str = LIBRARY
    reranker: str = "none"
    model: str | None = None
    heads: str | None = None
    events: bool = False
    fusion: str | None = None
    dense_weight: float | None = None
    generator: str | None = None
    is_hosted: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What records are kept under: name and unit."""
        return self.name, self.unit

    @property
    def label(self) -> str:
        """Name and unit as tables show them."""
        return system_name(self.name, self.unit)

    def differences(self, other: "SystemSpec") -> Iterator[str]:
        """Yield "model: a, not b" for every option in which the other one differs."""
        for field in fields(self):
            ours, theirs = getattr(self, field.name), getattr(other, field.name)
            if ours != theirs:
                yield f"{field.name}: {_shown(theirs)}, not {_shown(ours)}"


def known_names() -> tuple[str, ...]:
    """Return every name that stands for a system by itself, rerankers first."""
    return (*RERANKERS, *(f"{reranker}{EVENTS}" for reranker in READ_EVENTS), *BASELINES)


def spec_named(name: str) -> SystemSpec:
    """Return the system that a name alone stands for: "block", "block + events", "BM25".

    Upper and lower case are the same. Raises ConfigError naming the nearest one.
    """
    known = {one.lower(): one for one in known_names()}
    found = known.get(name.lower())
    if found is None:
        raise ConfigError(
            f"{name!r} is no system; did you mean {nearest(name, known_names())!r}? There are: "
            f"{', '.join(known_names())}."
        )
    if found in BASELINES:
        return SystemSpec(name=found, kind=found)
    reranker = found.removesuffix(EVENTS)
    return SystemSpec(name=found, reranker=reranker, events=found.endswith(EVENTS), is_hosted=reranker in HOSTED)


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)
