"""docs/evaluation.md says what is so: its examples can be read, and it leaves out no key of a plan or a summary."""

import json
import re
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from recollect.evals.audit import load_audit
from recollect.evals.load import load_dataset
from recollect.evals.plan import AnswerPlan, Plan
from recollect.evals.plan_file import read_plan
from recollect.evals.record import IngestRecord, QuestionRecord
from recollect.evals.record_json import read_record
from recollect.evals.summarise import summarise
from recollect.evals.summary import CostSummary
from recollect.evals.summary_json import to_document
from recollect.evals.system_spec import SystemSpec, known_names
from recollect.evals.token_f1 import token_f1

from .miniature import asked, context, given, protocol, record

DOCS = Path(__file__).parents[2] / "docs"


@cache
def written() -> str:
    return (DOCS / "evaluation.md").read_text(encoding="utf-8")


def lines(start: str) -> list[str]:
    return [line for line in written().splitlines() if line.startswith(start)]


def test_the_plan_can_be_read_and_has_every_key(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", written(), re.DOTALL)
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
    plan = read_plan(tmp_path / "plan.toml")
    assert len(plan.systems) == 8
    assert plan.answers is not None
    assert plan.answers.judge == "gpt-4o-mini"
    for one in (*fields(Plan), *fields(AnswerPlan)):
        assert re.search(rf"^(\[{one.name}\]|{one.name} =)", text, re.MULTILINE), one.name


def test_every_key_of_a_system_and_every_name_is_there() -> None:
    for one in fields(SystemSpec):
        assert f"`{one.name}`" in written() or f"`{one.name}s`" in written()
    for name in known_names():
        assert f"`{name}`" in written()


def test_the_data_set_can_be_read(tmp_path: Path) -> None:
    document, question = lines('{"doc_id"')
    (tmp_path / "docs.jsonl").write_text(document, encoding="utf-8")
    (tmp_path / "qa.jsonl").write_text(question, encoding="utf-8")
    (conversation,) = load_dataset(tmp_path).conversations
    assert [one.evidence for one in conversation.questions] == [("D1:1",)]
    assert [one.speaker for one in conversation.turns] == ["Ann"]


def test_the_audit_can_be_read(tmp_path: Path) -> None:
    entries = [line for line in written().splitlines() if re.match(r'\{"(question_id|sample_id|question)"', line)]
    (tmp_path / "audit.jsonl").write_text("\n".join(entries), encoding="utf-8")
    assert [one.is_dropped for one in load_audit(tmp_path / "audit.jsonl").corrections] == [False, False, True]


def test_records_can_be_read() -> None:
    question, ingest = (read_record(line, file="docs", number=1) for line in lines('{"kind"'))
    assert isinstance(question, QuestionRecord)
    assert isinstance(ingest, IngestRecord)


def test_the_example_of_token_f1_is_right() -> None:
    assert 'against the key "1 March 2026" has F1 60' in written()
    assert token_f1("She adopted a beagle on 1 March 2026", "1 March 2026") == pytest.approx(0.6)


def test_every_key_of_the_summary_is_there() -> None:
    question = asked("c1/q1", "a", answers=("nine",))
    document = to_document(summarise(protocol(), [record(question, "a", context(854, "a", 9), given=given("nine"))]))
    (system,) = json.loads(json.dumps(document))["systems"].values()
    said = written().partition("## The JSON summary")[2]
    for key in (*document, *system, *system["abstention"], *(one.name for one in fields(CostSummary))):
        assert f"`{key}`" in said or f".{key}`" in said, key


def test_every_link_inside_leads_somewhere() -> None:
    headings = {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in lines("#")}
    assert set(re.findall(r"\]\(#([^)]*)\)", written())) <= headings
