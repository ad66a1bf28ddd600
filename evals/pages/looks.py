"""How each system looks in every chart: colour, mark and dashes, so that none of these tells systems apart alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..summary import RunSummary

COLOURS = 8
"""How many colours the page has (`--s0` to `--s7` in page.css), chosen to differ for colour-blind eyes too."""
SHAPES = ("circle", "square", "triangle", "diamond", "wedge", "plus", "star")
DASHES = ("", "7 3", "2 3", "9 3 2 3")
REFERENCES = ("oracle", "random", "recency", "full context")
"""Systems that are there to compare with, by how their names begin: drawn in grey."""
CHEAT = "oracle"
"""Reads the gold, and so is never the best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """`colour` and `shape` are names, `dash` is an SVG dash array; `number` tells the systems of a page apart."""

    number: int
    colour: str
    shape: str
    dash: str = ""
    is_reference: bool = False


def is_reference(system: str) -> bool:
    """Whether a system is there only to compare with."""
    return system.startswith(REFERENCES)


def is_honest(system: str) -> bool:
    """Whether a system may be called the best: it does not look at the gold."""
    return not system.startswith(CHEAT)


def looks_of(summary: RunSummary) -> dict[str, Look]:
    """Return a look for each system of a run, by `SystemSummary.system`: the same with whatever unit."""
    return looks_for(one.system for one in summary.systems)


def looks_for(systems: Iterable[str]) -> dict[str, Look]:
    """Return a look for each name, in their order; references share one colour."""
    looks: dict[str, Look] = {}
    ours, references = 0, 0
    for number, system in enumerate(dict.fromkeys(systems)):
        if is_reference(system):
            shape = SHAPES[references % len(SHAPES)]
            looks[system] = Look(number=number, colour="ref", shape=shape, dash="2 3", is_reference=True)
            references += 1
        else:
            dash = DASHES[ours // COLOURS % len(DASHES)]
            shape = SHAPES[ours % len(SHAPES)]
            looks[system] = Look(number=number, colour=f"s{ours % COLOURS}", shape=shape, dash=dash)
            ours += 1
    return looks


def ordered(systems: Iterable[str], looks: Mapping[str, Look]) -> list[str]:
    """Return systems with references last, otherwise as they come."""
    return sorted(dict.fromkeys(systems), key=lambda name: looks[name].is_reference)
