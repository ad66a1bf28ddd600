"""Training sets as they are read: what is kept, what is left out, what is told of broken files."""

import json
import lzma
from pathlib import Path

import pytest

from recollect.memory.errors import DataFormatError
from recollect.training.corpora import read_conversations, read_jsonl
from tests.training.data_sets import asked, doc, write_set


def test_conversations_are_read_in_file_order_with_their_questions_and_facts(tmp_path: Path) -> None:
    passages = [
        {"id": "D1:1", "speaker": "Ann", "text": "Hello!", "session": 1},
        {"id": "D2:1", "speaker": "Bo", "text": "I have a dog.", "session": 2},
    ]
    write_set(
        tmp_path,
        docs=[doc("two", passages), doc("one", ["Hi."]), doc("other", ["Hi."], split="dev")],
        qa=[asked("one", "Who?", 0), asked("two", "What pets does Bo have?", "D2:1", type="group")],
        facts=[{"doc_id": "two", "fact_3p": "Bo has a dog.", "evidence": ["D2:1"]}],
    )
    two, one = read_conversations(tmp_path, splits=("train",))
    assert (two.id, one.id) == ("two", "one")
    assert two.speakers == ("Ann", "Bo")
    assert [(turn.ref, turn.session, turn.speaker, turn.text) for turn in two.turns] == [
        ("D1:1", "1", "Ann", "Hello!"),
        ("D2:1", "2", "Bo", "I have a dog."),
    ]
    (question,) = two.questions
    assert (question.text, question.evidence, question.kind) == ("What pets does Bo have?", ("D2:1",), "group")
    assert [(fact.text, fact.evidence) for fact in two.facts] == [("Bo has a dog.", ("D2:1",))]
    assert one.turns[0].ref == one.questions[0].evidence[0] == "0"
    assert one.facts == ()


def test_only_the_kinds_asked_for_are_read(tmp_path: Path) -> None:
    questions = [asked("d", kind, 0, type=kind) for kind in ("single", "group", "statement")]
    write_set(tmp_path, docs=[doc("d", ["Hi."])], qa=questions)
    (whole,) = read_conversations(tmp_path, splits=("train",))
    (part,) = read_conversations(tmp_path, splits=("train",), kinds=("group", "single"))
    assert [question.kind for question in whole.questions] == ["single", "group", "statement"]
    assert [question.kind for question in part.questions] == ["single", "group"]


def test_questions_without_evidence_that_can_be_found_are_left_out(tmp_path: Path) -> None:
    questions = [asked("d", "Nothing?"), asked("d", "Blank?", 1), asked("d", "Half?", 0, 7), asked("d", "Whole?", 0)]
    write_set(tmp_path, docs=[doc("d", ["Hi.", " \n"])], qa=questions)
    (conversation,) = read_conversations(tmp_path, splits=("train",))
    assert [turn.text for turn in conversation.turns] == ["Hi."]
    assert [question.text for question in conversation.questions] == ["Whole?"]


def test_what_nobody_says_is_said_by_its_title(tmp_path: Path) -> None:
    passages = [
        {"id": 0, "text": "It erupts."},
        {"id": 1, "text": "It is high.", "title": "Mountains"},
        {"id": 2, "text": "I saw it.", "speaker": "Ann"},
    ]
    write_set(tmp_path, docs=[doc("a", passages, title="Mount_Etna"), doc("b", passages[:1])], qa=[])
    titled, untitled = read_conversations(tmp_path, splits=("train",))
    assert [turn.speaker for turn in titled.turns] == ["Mount Etna", "Mountains", "Ann"]
    assert untitled.speakers == ("Somebody",)


def test_a_file_is_read_packed_or_not(tmp_path: Path) -> None:
    (tmp_path / "plain.jsonl").write_text('{"name": "Zoë"}\n', encoding="utf-8")
    with lzma.open(tmp_path / "packed.jsonl.xz", "wt", encoding="utf-8") as file:
        file.write('{"name": "Zoë"}\n')
    for name in ("plain.jsonl", "packed.jsonl.xz"):
        assert list(read_jsonl(tmp_path / name)) == [{"name": "Zoë"}]


def test_an_absent_set_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"qa\.jsonl\.xz does not exist; point --data at"):
        read_conversations(tmp_path / "msc", splits=("train",))


@pytest.mark.parametrize("broken", ["{]", "[1, 2]", '{"doc_id": "d", "question": "Who?"}', "null"])
def test_a_broken_record_is_told_by_file_and_line(tmp_path: Path, broken: str) -> None:
    write_set(tmp_path, docs=[doc("d", ["Hi."])])
    with lzma.open(tmp_path / "qa.jsonl.xz", "wt", encoding="utf-8") as file:
        file.write(json.dumps(asked("d", "Who?", 0)) + "\n" + broken + "\n")
    with pytest.raises(DataFormatError, match=r"qa\.jsonl\.xz, line 2: "):
        read_conversations(tmp_path, splits=("train",))


@pytest.mark.parametrize("damage", ["cut", "no archive", "no text"])
def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path, damage: str) -> None:
    write_set(tmp_path, qa=[asked("d", f"Who is number {number}?", 0) for number in range(2_000)])
    path = tmp_path / "qa.jsonl.xz"
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-100], "no archive": b"qa", "no text": lzma.compress(b'{"a": "\xff"}\n')}[damage])
    with pytest.raises(DataFormatError, match=r"qa\.jsonl\.xz, line \d+: cannot be read .*; copy the file again"):
        list(read_jsonl(path))
