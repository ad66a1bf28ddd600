"""`protocol.json` of a run folder: the protocol as JSON, and read again."""

import json
from dataclasses import asdict

from ..memory.errors import DataFormatError
from .json_cursor import JsonCursor
from .protocol import ONE_STORE, AnswerDescription, DataDescription, Machine, RunProtocol, SystemDescription


def protocol_json(protocol: RunProtocol) -> str:
    """Return the protocol as JSON text; keys are the names of its fields."""
    return json.dumps(asdict(protocol), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_protocol(text: str | bytes, *, file: str) -> RunProtocol:
    """Return the protocol that `protocol_json` wrote. Raises DataFormatError naming file and key."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataFormatError(f"{file}: no JSON ({error}); begin a run in another folder.") from error
    cursor = JsonCursor(value=value, file=file, shape="docs/evaluation.md")
    data, answers, sample = cursor.key("data"), cursor.find("answers"), cursor.find("sample")
    return RunProtocol(
        task=cursor.key("task").text(),
        data={name: _data(data.key(name)) for name in data.names()},
        categories=_texts(cursor.key("categories")),
        asked=cursor.key("asked").whole_number(),
        excluded=_counts(cursor.key("excluded")),
        sample=None if sample is None else sample.whole_number(),
        units=_words(cursor.key("units")),
        ks=tuple(k.whole_number() for k in cursor.key("ks").items()),
        budgets=tuple(budget.whole_number() for budget in cursor.key("budgets").items()),
        tokenizer=cursor.key("tokenizer").text(),
        embedder=cursor.key("embedder").text(),
        embedder_fingerprint=cursor.key("embedder_fingerprint").text(),
        systems=tuple(_system(one) for one in cursor.key("systems").items()),
        answers=None if answers is None else _answers(answers),
        seed=cursor.key("seed").whole_number(),
        recollect_version=cursor.key("recollect_version").text(),
        date=cursor.key("date").text(),
        machine=_machine(cursor.key("machine")),
        stores=_text(cursor, "stores") or ONE_STORE,
    )


def _data(cursor: JsonCursor) -> DataDescription:
    return DataDescription(
        sha256=cursor.key("sha256").text(),
        release=_text(cursor, "release"),
        conversations=cursor.key("conversations").whole_number(),
        turns=cursor.key("turns").whole_number(),
        questions=_counts(cursor.key("questions")),
    )


def _system(cursor: JsonCursor) -> SystemDescription:
    return SystemDescription(
        name=cursor.key("name").text(), unit=cursor.key("unit").text(), options=_words(cursor.key("options"))
    )


def _answers(cursor: JsonCursor) -> AnswerDescription:
    return AnswerDescription(
        generator=cursor.key("generator").text(),
        judge=_text(cursor, "judge"),
        judge_prompt=_text(cursor, "judge_prompt"),
        audit=_text(cursor, "audit"),
    )


def _machine(cursor: JsonCursor) -> Machine:
    return Machine(
        cpus=cursor.key("cpus").whole_number(),
        python=cursor.key("python").text(),
        platform=cursor.key("platform").text(),
        torch=_text(cursor, "torch"),
    )


def _text(cursor: JsonCursor, name: str) -> str | None:
    found = cursor.find(name)
    return None if found is None else found.text()


def _texts(cursor: JsonCursor) -> tuple[str, ...]:
    return tuple(element.text() for element in cursor.items())


def _counts(cursor: JsonCursor) -> dict[str, int]:
    return {name: cursor.key(name).whole_number() for name in cursor.names()}


def _words(cursor: JsonCursor) -> dict[str, str]:
    return {name: cursor.key(name).text() for name in cursor.names()}
