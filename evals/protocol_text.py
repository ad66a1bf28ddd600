"""The protocol of a run in words, to stand beneath its tables: no figure goes without what it depends on."""

from collections.abc import Iterator

from .protocol import AnswerDescription, RunProtocol, SystemDescription
from .record import system_name

_SHORT = 12


def protocol_text(protocol: RunProtocol) -> str:
    """Return the protocol in lines; the prompt of a judge is among them, whole."""
    return "\n".join(_lines(protocol))


def _lines(protocol: RunProtocol) -> Iterator[str]:
    for name, data in protocol.data.items():
        questions = sum(data.questions.values())
        release = data.release or "no known release"
        yield (
            f"{name}: {release} (sha256 {data.sha256[:_SHORT]}) · {data.conversations} conversations · "
            f"{data.turns} turns · {questions} questions"
        )
    left_out = ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in protocol.excluded.items())
    drawn = "" if protocol.sample is None else f" · a sample of {protocol.sample}"
    yield (
        f"{protocol.task}, {protocol.asked} questions asked{drawn} · categories {', '.join(protocol.categories)} · "
        f"excluded: {left_out or 'none'}"
    )
    for described in protocol.units.values():
        yield f"unit: {described}"
    budgets = ", ".join(map(str, protocol.budgets))
    yield (
        f"contexts of {budgets} tokens by {protocol.tokenizer} · embedder {protocol.embedder} "
        f"({protocol.embedder_fingerprint[:_SHORT]}) · stores: {protocol.stores}"
    )
    for system in protocol.systems:
        if system.options:
            yield _system(system)
    if protocol.answers is not None:
        yield from _answers(protocol.answers)
    machine = protocol.machine
    yield (
        f"recollect {protocol.recollect_version} · seed {protocol.seed} · {machine.cpus} CPUs, "
        f"Python {machine.python}, torch {machine.torch or 'not loaded'} · {protocol.date}"
    )


def _system(system: SystemDescription) -> str:
    options = ", ".join(f"{name} {value}" for name, value in system.options.items())
    return f"{system_name(system.name, system.unit)}: {options}"


def _answers(answers: AnswerDescription) -> Iterator[str]:
    audit = "" if answers.audit is None else f" · audited keys (sha256 {answers.audit[:_SHORT]})"
    yield f"answers by {answers.generator} · judge {answers.judge or 'none'}{audit}"
    if answers.judge_prompt is not None:
        yield f"the judge is asked: {answers.judge_prompt}"
