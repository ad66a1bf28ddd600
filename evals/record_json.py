"""One line of `records.jsonl`: a record as JSON, and read again exactly as it was.

    {"kind": "question", "system": "block", "unit": "turn", "asked": {…}, "ranked": ["D1:3", …], "contexts": […], …}
    {"kind": "ingest", "system": "store", "conversation": "conv-1", "turns": 419, "seconds": 3.1, "cost": {…}}

Keys are the names of the fields of `record.py`; one that holds its default is left out, times are rounded to 1 µs.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, cast

from ..memory.errors import DataFormatError
from .dataset import AnswerRule
from .json_cursor import JsonCursor
from .record import Asked, Cost, FilledContext, Given, IngestRecord, QuestionRecord, Record, Verdict

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_SHAPE = "docs/evaluation.md"
QUESTION, INGEST = "question", "ingest"


def record_line(record: Record) -> str:
    """Return a record as one line of JSON, line feed included."""
    kind = QUESTION if isinstance(record, QuestionRecord) else INGEST
    return json.dumps({"kind": kind, **_members(record)}, ensure_ascii=False, allow_nan=False) + "\n"


def read_record(line: str | bytes, *, file: str, number: int) -> Record:
    """Return the record that a line holds. Raises DataFormatError, naming file and line, where it holds none."""
    place = f"line {number}"
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataFormatError(f"{file}, {place}: no JSON ({error}); the run wrote whole lines only.") from error
    cursor = JsonCursor(value=value, file=file, record=place, shape=_SHAPE)
    kind = cursor.key("kind").text()
    if kind == QUESTION:
        return _question_record(cursor)
    if kind == INGEST:
        return _ingest_record(cursor)
    raise cursor.key("kind").error(f"{kind!r} is no kind of record", f"kinds are {QUESTION} and {INGEST}")


def _members(value: "DataclassInstance") -> dict[str, object]:
    """Return the fields of a dataclass, those that hold their default left out."""
    members: dict[str, object] = {}
    for field in fields(value):
        held: object = getattr(value, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if held != default:
            members[field.name] = _plain(held)
    return members


def _plain(value: object) -> object:
    if isinstance(value, Asked | FilledContext | Cost | Given | Verdict):
        return _members(value)
    if isinstance(value, tuple):
        return [_plain(element) for element in cast("tuple[object, ...]", value)]
    if isinstance(value, Mapping):  # timings_ms alone: milliseconds by stage
        return {stage: round(taken, 3) for stage, taken in cast("Mapping[str, float]", value).items()}
    return value


def _question_record(cursor: JsonCursor) -> QuestionRecord:
    contexts, given, pool = cursor.find("contexts"), cursor.find("given"), cursor.find("pool")
    return QuestionRecord(
        system=cursor.key("system").text(),
        unit=cursor.key("unit").text(),
        asked=_asked(cursor.key("asked")),
        ranked=_texts(cursor.find("ranked")),
        contexts=() if contexts is None else tuple(_context(one) for one in contexts.items()),
        pool=None if pool is None else _texts(pool),
        given=None if given is None else _given(given),
        timings_ms=_timings(cursor.find("timings_ms")),
        cost=_cost(cursor.find("cost")),
        problems=_texts(cursor.find("problems")),
        error=_text(cursor.find("error")),
    )


def _ingest_record(cursor: JsonCursor) -> IngestRecord:
    return IngestRecord(
        system=cursor.key("system").text(),
        conversation=cursor.key("conversation").text(),
        turns=cursor.key("turns").whole_number(),
        seconds=_number(cursor.key("seconds")),
        unit=_text(cursor.find("unit")),
        cost=_cost(cursor.find("cost")),
    )


def _asked(cursor: JsonCursor) -> Asked:
    rule = _text(cursor.find("rule")) or AnswerRule.PLAIN
    if rule not in tuple(AnswerRule):
        raise cursor.key("rule").error(f"{rule!r} is no rule", f"rules are {', '.join(AnswerRule)}")
    return Asked(
        conversation=cursor.key("conversation").text(),
        question_id=cursor.key("question_id").text(),
        question=cursor.key("question").text(),
        category=cursor.key("category").text(),
        gold=_texts(cursor.key("gold")),
        answers=_texts(cursor.find("answers")),
        rule=AnswerRule(rule),
        trap=_text(cursor.find("trap")),
    )


def _context(cursor: JsonCursor) -> FilledContext:
    return FilledContext(
        budget=cursor.key("budget").whole_number(),
        units=_texts(cursor.key("units")),
        tokens=cursor.key("tokens").whole_number(),
    )


def _given(cursor: JsonCursor) -> Given:
    confidence, verdict = cursor.find("confidence"), cursor.find("verdict")
    return Given(
        text=cursor.key("text").text(),
        is_abstention=cursor.key("is_abstention").flag(),
        citations=_texts(cursor.find("citations")),
        tokens=_whole(cursor.find("tokens")),
        confidence=None if confidence is None else _number(confidence),
        verdict=None if verdict is None else _verdict(verdict),
    )


def _verdict(cursor: JsonCursor) -> Verdict:
    return Verdict(
        is_right=cursor.key("is_right").flag(),
        reply=cursor.key("reply").text(),
        model=cursor.key("model").text(),
    )


def _cost(cursor: JsonCursor | None) -> Cost:
    if cursor is None:
        return Cost()
    tokens, flops = cursor.find("reranker_tokens"), cursor.find("reranker_flops")
    return Cost(
        reranker_tokens=None if tokens is None else tokens.whole_number(),
        reranker_flops=None if flops is None else _number(flops),
        llm_calls=_whole(cursor.find("llm_calls")),
        prompt_tokens=_told(cursor, "prompt_tokens"),
        completion_tokens=_told(cursor, "completion_tokens"),
    )


def _told(cursor: JsonCursor, name: str) -> int | None:
    """Return a count that a server may not have told: null is not known, left out is 0."""
    found = cursor.find(name)
    return None if found is None and name in cursor.names() else _whole(found)


def _timings(cursor: JsonCursor | None) -> dict[str, float]:
    return {} if cursor is None else {stage: _number(cursor.key(stage)) for stage in cursor.names()}


def _texts(cursor: JsonCursor | None) -> tuple[str, ...]:
    """Return a list of texts; looked at in one go, as a run has millions of them."""
    if cursor is None:
        return ()
    value = cursor.value
    elements: list[object] = cast("list[object]", value) if isinstance(value, list) else [None]
    if not all(isinstance(element, str) for element in elements):
        raise cursor.unlike("a list of texts")
    return tuple(cast("list[str]", elements))


def _text(cursor: JsonCursor | None) -> str | None:
    return None if cursor is None else cursor.text()


def _whole(cursor: JsonCursor | None) -> int:
    return 0 if cursor is None else cursor.whole_number()


def _number(cursor: JsonCursor) -> float:
    value = cursor.value
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise cursor.unlike("a number")
    return float(value)
