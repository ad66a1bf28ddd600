"""Which systems of which runs are compared: "DIR" is a run, "DIR:block, chunk" one system of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..memory.errors import InvalidInput
from .bootstrap import Resamples
from .compare import Comparison, compare
from .protocol_warnings import protocol_warnings
from .record import QuestionRecord, system_name
from .scores import Scoring
from .stored_run import StoredRun, load_run, scorer_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison: a run, and the system that was named, None for whichever the other side has."""

    run: StoredRun
    system: str | None

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems that may stand on this side, as tables name them."""
        every = tuple(system_name(*names) for names in self.run.plan.order)
        return every if self.system is None else (self.system,)


def read_side(given: str) -> Side:
    """Return the side that "DIR" or "DIR:system" names.

    Raises RunError where the folder holds no run, InvalidInput where the run has no such system.
    """
    folder, system = _parted(given)
    run = load_run(folder)
    side = Side(run=run, system=None)
    if system is not None and system not in side.systems:
        raise InvalidInput(f"{folder} has no system {system!r}; it has {'; '.join(side.systems)}.")
    return Side(run=run, system=system)


def _parted(given: str) -> tuple[Path, str | None]:
    """Part at the first colon behind which a system can stand: names of folders and systems may hold colons."""
    if Path(given).exists():
        return Path(given), None
    places = [place for place, letter in enumerate(given) if letter == ":"]
    found = next((place for place in places if Path(given[:place]).is_dir()), None)
    return (Path(given), None) if found is None else (Path(given[:found]), given[found + 1 :].strip())


def pairs_of(a: Side, b: Side) -> list[tuple[str, str]]:
    """Return the systems to compare, those of `a` first: the two that are named, else the same of both runs.

    Where one side has a single system and the other does not have it, these two are compared if that is all there
    is. Raises InvalidInput where it is not told what to compare.
    """
    if a.system is not None and b.system is not None:
        pairs = [(a.system, b.system)]
    else:
        pairs = [(name, name) for name in a.systems if name in b.systems]
        if not pairs and len(a.systems) == len(b.systems) == 1:
            pairs = [(a.systems[0], b.systems[0])]
    if a.run.folder.resolve() == b.run.folder.resolve():
        pairs = [(left, right) for left, right in pairs if left != right]
    if not pairs:
        raise InvalidInput(
            f"Say which systems to compare, as {a.run.folder}:NAME and {b.run.folder}:NAME; there are "
            f"{'; '.join(a.systems)} in the first and {'; '.join(b.systems)} in the second."
        )
    return pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """How systems of two runs differ; `warnings` tell what of their protocols does, and which have no result yet.

    Systems of different runs are named with the folders in front, "runs/dev:block".
    """

    comparisons: tuple[Comparison, ...]
    warnings: tuple[str, ...]


def compare_sides(a: Side, b: Side) -> RunComparison:
    """Compare what `pairs_of` pairs, by the ranks and budgets that both runs have, answers by the first one's audit.

    Raises as `pairs_of`, `compare` and `StoredRun.records`, and InvalidInput where runs share no question.
    """
    pairs = pairs_of(a, b)
    scoring = Scoring(
        ks=_common(a.run.plan.ks, b.run.plan.ks),
        budgets=_common(a.run.plan.budgets, b.run.plan.budgets),
        score_answer=scorer_of(a.run.plan) if b.run.plan.answers is not None else None,
    )
    ours = _records(a, {left for left, _ in pairs})
    theirs = _records(b, {right for _, right in pairs})
    missing = [*_missing(a, ours), *_missing(b, theirs)]
    able = [(left, right) for left, right in pairs if ours[left] and theirs[right]]
    if not able:
        raise InvalidInput(f"{missing[0]}; continue the run first.")
    resamples = Resamples()
    compared = (compare(ours[left], theirs[right], scoring=scoring, resamples=resamples) for left, right in able)
    return RunComparison(
        comparisons=tuple(_with_folders(one, a, b) for one in compared),
        warnings=(*protocol_warnings(a.run.protocol, b.run.protocol), *(f"{one}." for one in missing)),
    )


def _with_folders(comparison: Comparison, a: Side, b: Side) -> Comparison:
    """Return it with systems named as a command line names them, where they are of different runs."""
    if a.run.folder.resolve() == b.run.folder.resolve():
        return comparison
    return replace(comparison, a=f"{a.run.folder}:{comparison.a}", b=f"{b.run.folder}:{comparison.b}")


def _common(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    return tuple(one for one in a if one in b)


def _records(side: Side, wanted: Iterable[str]) -> Mapping[str, list[QuestionRecord]]:
    """Return the records of the systems that are wanted, in one reading."""
    found: dict[str, list[QuestionRecord]] = {name: [] for name in wanted}
    for record in _questions(side):
        name = system_name(record.system, record.unit)
        if name in found:
            found[name].append(record)
    return found


def _missing(side: Side, found: Mapping[str, Sequence[QuestionRecord]]) -> list[str]:
    """Return in words which systems have not been asked yet: a run can be compared while it is under way."""
    return [f"{side.run.folder} has no result of {name} yet" for name, records in found.items() if not records]


def _questions(side: Side) -> Iterator[QuestionRecord]:
    return (record for record in side.run.records() if isinstance(record, QuestionRecord))
