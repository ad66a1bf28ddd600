"""The protocol of a run as a few groups of conditions, each said in words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..protocol import AnswerDescription, DataDescription, RunProtocol, SystemDescription
from ..record import system_name
from .words import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One condition of the run; a code is shown in letters of one width."""

    label: str
    value: str
    is_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FactGroup:
    """Conditions that belong together."""

    title: str
    facts: tuple[Fact, ...]


def protocol_groups(protocol: RunProtocol) -> list[FactGroup]:
    """Return every condition of a run that figures depend on; digests are whole."""
    groups = [FactGroup(title=name, facts=tuple(_data(data))) for name, data in protocol.data.items()]
    groups.append(FactGroup(title="What was measured", facts=tuple(_measured(protocol))))
    if described := [_system(one) for one in protocol.systems if one.options]:
        groups.append(FactGroup(title="Systems", facts=tuple(described)))
    if protocol.answers is not None:
        groups.append(FactGroup(title="Answers", facts=tuple(_answers(protocol.answers))))
    return [*groups, FactGroup(title="Run", facts=tuple(_run(protocol)))]


def _data(data: DataDescription) -> Iterator[Fact]:
    yield Fact(label="Release", value=data.release or "none that is known")
    yield Fact(label="Conversations", value=f"{data.conversations:,} with {counted(data.turns, 'turn')}")
    yield Fact(label="Questions", value=f"{sum(data.questions.values()):,}: {_counts(data.questions.items())}")
    yield Fact(label="SHA-256", value=data.sha256, is_code=True)


def _measured(protocol: RunProtocol) -> Iterator[Fact]:
    yield Fact(label="Task", value=protocol.task)
    drawn = "" if protocol.sample is None else f", a sample of {protocol.sample:,}"
    yield Fact(label="Asked", value=f"{counted(protocol.asked, 'question')}{drawn}")
    yield Fact(label="Categories", value=", ".join(protocol.categories))
    excluded = ((reason.replace("_", " "), n) for reason, n in protocol.excluded.items())
    yield Fact(label="Not asked", value=_counts(excluded) or "none")
    for unit, described in protocol.units.items():
        yield Fact(label="Unit", value=unit if unit == described else f"{unit}: {described}")
    yield Fact(label="Budgets", value=f"{', '.join(f'{budget:,}' for budget in protocol.budgets)} tokens")
    yield Fact(label="Counted by", value=protocol.tokenizer)
    yield Fact(label="First k", value=", ".join(map(str, protocol.ks)))
    yield Fact(label="Embedder", value=protocol.embedder)
    yield Fact(label="Its digest", value=protocol.embedder_fingerprint, is_code=True)


def _system(system: SystemDescription) -> Fact:
    options = ", ".join(f"{name} {value}" for name, value in system.options.items())
    return Fact(label=system_name(system.name, system.unit), value=options)


def _answers(answers: AnswerDescription) -> Iterator[Fact]:
    yield Fact(label="Generator", value=answers.generator)
    yield Fact(label="Judge", value=answers.judge or "none")
    if answers.judge_prompt is not None:
        yield Fact(label="It is asked", value=answers.judge_prompt)
    if answers.audit is not None:
        yield Fact(label="Audited keys", value=answers.audit, is_code=True)


def _run(protocol: RunProtocol) -> Iterator[Fact]:
    machine = protocol.machine
    yield Fact(label="Date", value=protocol.date)
    yield Fact(label="Recollect", value=protocol.recollect_version)
    yield Fact(label="Seed", value=str(protocol.seed))
    yield Fact(label="Machine", value=f"{counted(machine.cpus, 'CPU')}, {machine.platform}")
    yield Fact(label="Python", value=f"{machine.python}, torch {machine.torch or 'not loaded'}")


def _counts(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in counts if n)
