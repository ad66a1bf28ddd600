"""Reads plans: a TOML file that a person wrote, or the `plan.json` of a run folder."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

from ..memory.errors import ConfigError, DataFormatError
from .json_cursor import JsonCursor
from .nearest import nearest
from .plan import AnswerPlan, Plan, Setting
from .system_spec import BASELINES, LIBRARY, RERANKERS, UNITS, SystemSpec, spec_named

_PLAN_KEYS = (*(field.name for field in fields(Plan)), "units")
_ANSWER_KEYS = tuple(field.name for field in fields(AnswerPlan))
_SYSTEM_KEYS = (*(field.name for field in fields(SystemSpec) if field.name != "unit"), "units")


def read_plan(path: Path) -> Plan:
    """Return the plan in a TOML file, its data files found from where it lies.

    Raises ConfigError naming file and key; for a key that is none, with the nearest that is.
    """
    try:
        value: object = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {error}; a plan is written as in docs/evaluation.md.") from error
    return parse_plan(value, file=path.name, folder=path.parent)


def read_plan_json(text: str | bytes, *, file: str) -> Plan:
    """Return the plan that `plan_json` wrote. Raises ConfigError naming file and key."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file}: no JSON ({error}); begin a run in another folder.") from error
    return parse_plan(value, file=file, folder=Path())


def parse_plan(value: object, *, file: str, folder: Path) -> Plan:
    """Return the plan that parsed TOML or JSON stands for; `folder` is where relative data files lie."""
    try:
        return _plan(JsonCursor(value=value, file=file, shape="docs/evaluation.md"), folder)
    except DataFormatError as error:
        raise ConfigError(str(error)) from error


def expanded(systems: Sequence[SystemSpec], units: Sequence[str]) -> tuple[SystemSpec, ...]:
    """Return every system with every unit, unit by unit."""
    return tuple(replace(spec, unit=unit) for unit in units for spec in systems)


def _plan(cursor: JsonCursor, folder: Path) -> Plan:
    _refuse_unknown(cursor, _PLAN_KEYS)
    defaults = Plan(data=("-",), systems=(SystemSpec(name="none"),))
    units = _texts(cursor, "units", (UNITS[0],))
    answers, settings, sample = cursor.find("answers"), cursor.find("settings"), cursor.find("sample")
    return Plan(
        data=tuple(str(folder / Path(name).expanduser()) for name in _texts(cursor, "data", ())),
        systems=_systems(cursor.key("systems"), units),
        budgets=_numbers(cursor, "budgets", defaults.budgets),
        ks=_numbers(cursor, "ks", defaults.ks),
        categories=_texts(cursor, "categories", ()),
        sample=None if sample is None else sample.whole_number(),
        seed=_number(cursor, "seed", defaults.seed),
        parallel=_number(cursor, "parallel", defaults.parallel),
        answers=None if answers is None else _answers(answers, folder),
        settings={} if settings is None else dict(_settings(settings, "")),
    )


def _systems(cursor: JsonCursor, units: Sequence[str]) -> tuple[SystemSpec, ...]:
    """Return every system once for each of its units, unit by unit."""
    entries = [(_entry(one), _own_units(one, units)) for one in cursor.items()]
    every = dict.fromkeys(unit for _, own in entries for unit in own)
    return tuple(replace(spec, unit=unit) for unit in every for spec, own in entries if unit in own)


def _own_units(cursor: JsonCursor, units: Sequence[str]) -> Sequence[str]:
    return units if isinstance(cursor.value, str) else _texts(cursor, "units", tuple(units))


def _entry(cursor: JsonCursor) -> SystemSpec:
    if isinstance(cursor.value, str):
        return spec_named(cursor.value)
    _refuse_unknown(cursor, _SYSTEM_KEYS)
    kind, reranker = _choice(cursor, "kind", (LIBRARY, *BASELINES)), _choice(cursor, "reranker", RERANKERS)
    weight = cursor.find("dense_weight")
    return SystemSpec(
        name=cursor.key("name").text(),
        kind=kind or LIBRARY,
        reranker=reranker or RERANKERS[0],
        model=_text(cursor, "model"),
        heads=_text(cursor, "heads"),
        events=_flag(cursor, "events"),
        fusion=_text(cursor, "fusion"),
        dense_weight=None if weight is None else float(weight.text_or_number()),
        generator=_text(cursor, "generator"),
        is_hosted=_flag(cursor, "is_hosted") or reranker == "listwise_llm",
    )


def _answers(cursor: JsonCursor, folder: Path) -> AnswerPlan:
    _refuse_unknown(cursor, _ANSWER_KEYS)
    audit, defaults = _text(cursor, "audit"), AnswerPlan()
    return AnswerPlan(
        generator=_text(cursor, "generator") or defaults.generator,
        budget=_number(cursor, "budget", defaults.budget),
        judge=_text(cursor, "judge"),
        judge_base_url=_text(cursor, "judge_base_url") or defaults.judge_base_url,
        judge_key_variable=_text(cursor, "judge_key_variable") or defaults.judge_key_variable,
        audit=None if audit is None else str(folder / Path(audit).expanduser()),
    )


def _settings(cursor: JsonCursor, section: str) -> Iterator[tuple[str, Setting]]:
    """Yield keys of config.toml as dotted names; whoever makes a configuration of them says which are none."""
    for name in cursor.names():
        found, dotted = cursor.key(name), f"{section}.{name}" if section else name
        if isinstance(found.value, Mapping):
            yield from _settings(found, dotted)
        elif isinstance(found.value, str | int | float) and not isinstance(found.value, bool):
            yield dotted, found.value
        else:
            raise found.unlike("a text or a number")


def _refuse_unknown(cursor: JsonCursor, known: Sequence[str]) -> None:
    for name in cursor.names():
        if name not in known:
            raise cursor.error(f"{name!r} is no key here", f"did you mean {nearest(name, known)!r}?")


def _choice(cursor: JsonCursor, name: str, choices: Sequence[str]) -> str | None:
    found = _text(cursor, name)
    if found is not None and found not in choices:
        raise cursor.key(name).error(f"{found!r} is unknown", f"did you mean {nearest(found, choices)!r}?")
    return found


def _text(cursor: JsonCursor, name: str) -> str | None:
    found = cursor.find(name)
    return None if found is None else found.text()


def _flag(cursor: JsonCursor, name: str) -> bool:
    found = cursor.find(name)
    return found is not None and found.flag()


def _number(cursor: JsonCursor, name: str, default: int) -> int:
    found = cursor.find(name)
    return default if found is None else found.whole_number()


def _numbers(cursor: JsonCursor, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    found = cursor.find(name)
    return default if found is None else tuple(sorted({one.whole_number() for one in found.items()}))


def _texts(cursor: JsonCursor, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    found = cursor.find(name)
    if found is None:
        return default
    if isinstance(found.value, str):  # one need not be a list
        return (found.value,)
    return tuple(dict.fromkeys(one.text() for one in found.items()))
