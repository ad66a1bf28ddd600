"""Records as lines of JSON: what is written is read again, and what no run wrote is refused."""

import json
from dataclasses import MISSING, fields
from typing import Any

import pytest

from recollect.evals.dataset import AnswerRule
from recollect.evals.record import Asked, Cost, FilledContext, Given, IngestRecord, QuestionRecord, Verdict
from recollect.evals.record_json import read_record, record_line
from recollect.memory.errors import DataFormatError

COST = Cost(reranker_tokens=3000, reranker_flops=1.5e9, llm_calls=2, prompt_tokens=900, completion_tokens=12)
FULL = QuestionRecord(
    system="block + events",
    unit="chunk",
    asked=Asked(
        conversation="conv-1",
        question_id="conv-1/q1",
        question="Où? “Là”\u2028\n",
        category="temporal",
        gold=("D1:1", "D1:3"),
        answers=("nine", "9"),
        rule=AnswerRule.LIST,
        trap="ten",
    ),
    ranked=("D1:3", "D2:1"),
    contexts=(FilledContext(budget=256, units=("D1:3",), tokens=250), FilledContext(budget=854, units=(), tokens=0)),
    pool=(),
    given=Given(
        text="nine",
        is_abstention=True,
        citations=("D1:3",),
        tokens=1,
        confidence=0.25,
        verdict=Verdict(is_right=False, reply='{"right": false}', model="judge-1"),
    ),
    timings_ms={"recall": 1.25, "total": 3.0},
    cost=COST,
    problems=("events unknown",),
    error="it broke",
)
BARE = QuestionRecord(
    system="none",
    unit="turn",
    asked=Asked(conversation="c", question_id="c/q1", question="Who?", category="4", gold=()),
)
INGEST = IngestRecord(system="store", conversation="conv-1", turns=9, seconds=1.5, unit="turn", cost=COST)


@pytest.mark.parametrize("record", [FULL, BARE, INGEST], ids=["full", "bare", "ingest"])
def test_a_record_is_read_as_it_was_written(record: QuestionRecord | IngestRecord) -> None:
    line = record_line(record)
    assert line.count("\n") == 1
    assert read_record(line, file="records.jsonl", number=1) == record


def test_the_full_record_leaves_no_field_at_its_default() -> None:
    given = FULL.given
    assert given is not None
    assert given.verdict is not None
    for value in (FULL, FULL.asked, FULL.contexts[0], given, given.verdict, FULL.cost, INGEST):
        for field in fields(value):
            default = field.default_factory() if field.default_factory is not MISSING else field.default
            assert getattr(value, field.name) != default, f"{type(value).__name__}.{field.name} is not looked at"


def test_fields_at_their_default_take_no_room() -> None:
    assert json.loads(record_line(BARE)) == {
        "kind": "question",
        "system": "none",
        "unit": "turn",
        "asked": {"conversation": "c", "question_id": "c/q1", "question": "Who?", "category": "4", "gold": []},
    }


def test_an_empty_pool_is_not_an_untold_one() -> None:
    assert json.loads(record_line(FULL))["pool"] == []
    assert "pool" not in json.loads(record_line(BARE))


def changed(**more: object) -> str:
    document: dict[str, Any] = json.loads(record_line(FULL))
    return json.dumps({**document, **more})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 7: no JSON"),
        ("[]", "line 7: expected an object"),
        (changed(kind="turn"), "line 7, kind: 'turn' is no kind of record"),
        (changed(unit=3), "line 7, unit: expected text"),
        (changed(ranked=["a", 1]), "line 7, ranked: expected a list of texts"),
        (changed(ranked="abc"), "line 7, ranked: expected a list of texts"),
        (changed(timings_ms={"total": True}), "line 7, timings_ms.total: expected a number"),
        (changed(asked={}), "line 7, asked.conversation: the key is missing"),
    ],
)
def test_what_no_run_wrote_is_refused_by_line_and_key(line: str, said: str) -> None:
    with pytest.raises(DataFormatError, match=said):
        read_record(line, file="records.jsonl", number=7)


def test_a_rule_that_is_none_is_refused() -> None:
    document: dict[str, Any] = json.loads(record_line(FULL))
    document["asked"]["rule"] = "strict"
    with pytest.raises(DataFormatError, match="'strict' is no rule; rules are plain, list, first, abstain"):
        read_record(json.dumps(document), file="records.jsonl", number=7)
