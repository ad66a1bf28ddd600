"""The documented JSONL: what is read, what is repaired and reported, what is refused."""

import hashlib
import json
import lzma
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recollect.evals.dataset import AnswerRule, Conversation
from recollect.evals.jsonl_dataset import load_jsonl
from recollect.memory.errors import DataFormatError

Records = Sequence[Mapping[str, object]]


def lines(records: Records) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def write(folder: Path, docs: Records | None, qa: Records) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "qa.jsonl").write_bytes(lines(qa))
    if docs is not None:
        (folder / "docs.jsonl").write_bytes(lines(docs))
    return folder


def passage(name: object, text: object, **more: object) -> dict[str, object]:
    return {"id": name, "text": text, **more}


def doc(name: str, *passages: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"doc_id": name, "passages": list(passages), **more}


def asked(name: str, question: str, evidence: object, **more: object) -> dict[str, object]:
    return {"doc_id": name, "question": question, "evidence": evidence, **more}


GARDEN = doc(
    "garden",
    passage("D2:1", "It rained.", speaker="Ines", session=2, time="7:04 PM on 25 May, 2022"),
    passage("D1:1", "Plot nine.", speaker="Tomas", session=1, time="2022-05-20T09:00+02:00", image_caption="a gate"),
    passage("D1:2", "\u2028", speaker="Ines", session=1, time="2022-05-20T09:00+02:00"),
    passage("D1:3", "By the canal.", speaker="Ines", session=1, time="2023/05/20 (Sat) 02:21"),
)
WHICH = asked("garden", "Which plot?", ["D1:1"], qid="g-0", answers=["nine", 9], type="single", dataset="ours")
WHERE = asked("garden", "Where?", "D1:3; D2:01", qid="g-1", answers="canal", dataset="ours")
WHO = asked("garden", "Who sang?", [], qid="g-2", answers=[], unanswerable=True)


def only(path: Path) -> Conversation:
    dataset = load_jsonl(path)
    assert len(dataset.conversations) == 1
    return dataset.conversations[0]


def oddities(conversation: Conversation) -> list[tuple[str, str, str]]:
    return [(problem.where, problem.raw, problem.reason) for problem in conversation.problems]


def test_passages_become_turns_by_session_and_position(tmp_path: Path) -> None:
    conversation = only(write(tmp_path, [GARDEN], [WHICH]))
    assert [(one.id, one.session, one.position, one.speaker, one.text) for one in conversation.turns] == [
        ("D1:1", 1, 1, "Tomas", "Plot nine. [shares a photo: a gate]"),
        ("D1:3", 1, 3, "Ines", "By the canal."),
        ("D2:1", 2, 1, "Ines", "It rained."),
    ]
    assert conversation.speakers == ("Tomas", "Ines")
    assert conversation.session_names == {1: "1", 2: "2"}


def test_times_are_read_as_iso_and_as_the_other_formats_write_them(tmp_path: Path) -> None:
    said_at = {turn.id: turn.said_at for turn in only(write(tmp_path, [GARDEN], [WHICH])).turns}
    assert said_at["D1:1"] == datetime(2022, 5, 20, 7, tzinfo=UTC)
    assert said_at["D2:1"] == datetime(2022, 5, 25, 19, 4, tzinfo=UTC)
    assert said_at["D1:3"] == datetime(2023, 5, 20, 2, 21, tzinfo=UTC)


def test_sessions_are_numbered_in_the_order_of_time(tmp_path: Path) -> None:
    late = passage("a", "Late.", session="evening", time="2022-05-02T20:00")
    early = passage("b", "Early.", session="morning", time="2022-05-02T08:00")
    conversation = only(write(tmp_path, [doc("d", late, early)], [asked("d", "When?", ["a"])]))
    assert [(turn.id, turn.session) for turn in conversation.turns] == [("b", 1), ("a", 2)]
    assert conversation.session_names == {1: "morning", 2: "evening"}


def test_questions_have_answers_evidence_category_and_rule(tmp_path: Path) -> None:
    dataset = load_jsonl(write(tmp_path, [GARDEN], [WHICH, WHERE, WHO]))
    first, second, third = dataset.conversations[0].questions
    assert (first.id, first.answers, first.evidence, first.category) == ("g-0", ("nine", "9"), ("D1:1",), "single")
    assert (second.answers, second.evidence, second.category) == (("canal",), ("D1:3", "D2:1"), "ours")
    assert (third.rule, third.answers, third.evidence) == (AnswerRule.ABSTAIN, (), ())
    assert first.rule is AnswerRule.PLAIN
    assert dataset.categories == ("single", "ours", "question")


def test_whole_numbers_name_passages_as_texts_do(tmp_path: Path) -> None:
    conversation = only(
        write(tmp_path, [doc("d", passage(0, "One."), passage(1, "Two."))], [asked("d", "?", [1, 0])])
    )
    assert [turn.id for turn in conversation.turns] == ["0", "1"]
    assert conversation.questions[0].evidence == ("1", "0")


def test_passages_without_times_are_dated_by_session_and_that_is_said_once(tmp_path: Path) -> None:
    docs = [
        doc(name, passage("a", "One.", speaker="X", session=2), passage("b", "Two.", speaker="X", session=10))
        for name in ("d1", "d2")
    ]
    dataset = load_jsonl(write(tmp_path, [*docs, GARDEN], [WHICH, asked("d1", "?", ["a"]), asked("d2", "?", ["a"])]))
    first, second = dataset.conversations[1].turns
    assert second.said_at - first.said_at == timedelta(days=1)
    assert (first.session, second.session) == (1, 2)
    [problem] = dataset.file_problems
    assert (problem.where, problem.raw) == ("docs.jsonl", "2 of 3 documents")
    assert problem.reason == "no passage has a time; sessions are dated one day apart from 1 January 2022"


def test_a_passage_without_a_speaker_is_said_by_its_title_and_that_is_said_once(tmp_path: Path) -> None:
    docs = [
        doc("d1", passage("a", "One.", title="Canals", time="2022-01-01"), title="Big_Gardens"),
        doc("d2", passage("a", "One.", time="2022-01-01"), title="Big_Gardens"),
        doc("d3", passage("a", "One.", time="2022-01-01")),
    ]
    dataset = load_jsonl(
        write(tmp_path, docs, [asked(name, "?", ["a"], answers=["x"]) for name in ("d1", "d2", "d3")])
    )
    assert [one.turns[0].speaker for one in dataset.conversations] == ["Canals", "Big Gardens", "Somebody"]
    assert [problem.raw for problem in dataset.problems] == ["3 of 3 documents"]


def test_everything_left_out_or_repaired_is_reported(tmp_path: Path) -> None:
    odd = doc(
        "odd",
        passage("a", "One.", speaker="X", time="2022-01-01T10:00"),
        passage("a", "Again.", speaker="X"),
        passage("b", None, speaker="X", time="soon"),
        speakers=["X", "Y"],
    )
    questions = [
        asked("odd", "First?", ["a", "b", "zz", "D1:1"], qid="q", answers=["x"]),
        asked("odd", "Second?", None, qid="q", answers=[" "]),
        asked("odd", " ", ["a"], qid="r"),
        asked("odd", "Third?", ["a"], answers=["told"], unanswerable=True),
    ]
    conversation = only(write(tmp_path, [odd], questions))
    assert conversation.speakers == ("X", "Y")
    assert [(one.id, one.evidence) for one in conversation.questions] == [
        ("q", ("a",)),
        ("q#2", ()),
        ("odd/q3", ("a",)),
    ]
    assert conversation.turns[1].said_at == datetime(2022, 1, 1, 10, tzinfo=UTC)
    assert oddities(conversation) == [
        ("q#2", "q", "an id of two questions; the later one got a number"),
        ("q#2", "", "question without an answer; its answers cannot be scored"),
        ("q#2", "", "question without evidence"),
        ("r", "", "question without a text; left out"),
        ("odd/q3", "told", "unanswerable question with an answer; right is to abstain"),
        ("a#2", "a", "an id of two passages; evidence means the first"),
        ("b", "soon", "time that cannot be read"),
        ("a#2", "", "passage without a time; it gets that of its neighbour"),
        ("b", "", "passage without a time; it gets that of its neighbour"),
        ("b", "", "passage without text; left out"),
        ("q", "b", "evidence names an absent turn; left out of the gold"),
        ("q", "zz", "evidence names an absent turn; left out of the gold"),
        ("q", "D1:1", "evidence names an absent turn; left out of the gold"),
    ]


def test_questions_about_absent_or_empty_documents_are_left_out_and_reported(tmp_path: Path) -> None:
    docs = [GARDEN, doc("empty"), doc("blank", passage("a", " ")), doc("garden")]
    questions = [WHICH, asked("gone", "?", ["a"], qid="x", answers=["y"]), asked("empty", "?", ["a"], qid="z")]
    dataset = load_jsonl(write(tmp_path, docs, questions))
    assert [one.id for one in dataset.conversations] == ["garden"]
    reasons = [(problem.conversation, problem.where, problem.reason) for problem in dataset.file_problems]
    empty = "document without a passage; left out, and its questions with it"
    assert ("gone", "x", "question about an absent document; left out") in reasons
    assert ("empty", "z", empty) in reasons
    assert ("blank", "passages", empty) in reasons
    again = ("line 4", "garden", "a doc_id of two documents; the later one is left out")
    assert again in oddities(dataset.conversations[0])


def test_a_document_nobody_asks_about_stays_a_conversation(tmp_path: Path) -> None:
    dataset = load_jsonl(write(tmp_path, [GARDEN, doc("quiet", passage("a", "Hm."))], [WHICH]))
    assert [(one.id, len(one.questions)) for one in dataset.conversations] == [("garden", 1), ("quiet", 0)]


def test_questions_may_carry_their_own_passages(tmp_path: Path) -> None:
    own = [passage(0, "The canal is old.", title="Canal"), passage(1, "The plot is new.", title="Plot")]
    other = [passage(0, "Another text.", title="Canal")]
    questions = [
        asked("m1", "How old?", [0], qid="a", answers=["old"], passages=own, dataset="hop"),
        asked("m1", "How new?", [1], qid="b", answers=["new"], passages=own, dataset="hop"),
        asked("m1", "What else?", [0], qid="c", answers=["text"], passages=other, dataset="hop"),
        asked("m2", "How old?", [0], qid="d", answers=["old"], passages=own, dataset="hop"),
    ]
    dataset = load_jsonl(write(tmp_path / "hops", None, questions))
    assert (dataset.name, [one.id for one in dataset.conversations]) == ("hops", ["m1", "m2"])
    assert [question.id for question in dataset.conversations[0].questions] == ["a", "b", "c"]
    assert [turn.speaker for turn in dataset.conversations[0].turns] == ["Canal", "Plot"]
    reason = "passages unlike those of an earlier question; the earlier ones count"
    assert oddities(dataset.conversations[0]) == [("line 3", "", reason)]


@pytest.mark.parametrize("given", ["", "qa.jsonl.xz", "docs.jsonl"])
def test_the_folder_and_either_file_mean_the_same_data_set(tmp_path: Path, given: str) -> None:
    folder = write(tmp_path / "plots", [GARDEN], [WHICH, WHERE])
    plain = (folder / "qa.jsonl").read_bytes()
    (folder / "qa.jsonl").unlink()
    (folder / "qa.jsonl.xz").write_bytes(lzma.compress(plain))
    dataset = load_jsonl(folder / given)
    both = (folder / "qa.jsonl.xz").read_bytes() + (folder / "docs.jsonl").read_bytes()
    assert (dataset.name, dataset.sha256) == ("plots", hashlib.sha256(both).hexdigest())
    assert len(dataset.conversations[0].questions) == 2


def test_files_with_more_in_their_names_are_found_beside_each_other(tmp_path: Path) -> None:
    (tmp_path / "my_docs_v2.jsonl").write_bytes(lines([GARDEN]))
    (tmp_path / "my_qa_v2.jsonl").write_bytes(b"\xef\xbb\xbf\n" + lines([WHICH]))
    dataset = load_jsonl(tmp_path / "my_docs_v2.jsonl")
    assert (dataset.name, dataset.conversations[0].questions[0].id) == ("my_docs_v2.jsonl", "g-0")


@pytest.mark.parametrize(
    ("docs", "qa", "where"),
    [
        ([GARDEN], [{"doc_id": "garden"}], "qa.jsonl, line 1, question: the key is missing"),
        ([GARDEN], [{**WHICH, "answers": [["x"]]}], "qa.jsonl, line 1, answers[0]: expected text, found a list"),
        ([GARDEN], [{**WHICH, "evidence": [None]}], "qa.jsonl, line 1, evidence[0]: expected text, found null"),
        ([GARDEN], [{**WHICH, "unanswerable": "no"}], "line 1, unanswerable: expected true or false, found text"),
        ([{"doc_id": "garden"}], [WHICH], "docs.jsonl, line 1, passages: the key is missing"),
        ([doc("garden", {"text": "x"})], [WHICH], "docs.jsonl, line 1, passages[0].id: the key is missing"),
        ([doc("garden", passage(1, 2))], [WHICH], "docs.jsonl, line 1, passages[0].text: expected text"),
        ([doc("other", passage(1, "x"))], [WHICH], "qa.jsonl asks nothing about passages that there are"),
    ],
)
def test_a_malformed_file_is_refused_by_file_line_and_key(
    tmp_path: Path, docs: Records, qa: Records, where: str
) -> None:
    with pytest.raises(DataFormatError) as refusal:
        load_jsonl(write(tmp_path, docs, qa))
    assert where in str(refusal.value)


def test_a_line_that_is_no_json_is_refused_by_its_number(tmp_path: Path) -> None:
    write(tmp_path, [GARDEN], [WHICH])
    (tmp_path / "docs.jsonl").write_bytes(lines([GARDEN]) + b"\n{]\n")
    with pytest.raises(DataFormatError, match=r"docs\.jsonl, line 3: no JSON in UTF-8"):
        load_jsonl(tmp_path)


def test_an_archive_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [GARDEN], [WHICH])
    (tmp_path / "docs.jsonl").write_bytes(lzma.compress(lines([GARDEN] * 50))[:-40])
    with pytest.raises(DataFormatError, match=r"docs\.jsonl, .*cannot be read"):
        load_jsonl(tmp_path)


def test_passages_without_questions_beside_them_are_refused(tmp_path: Path) -> None:
    (tmp_path / "docs.jsonl").write_bytes(lines([GARDEN]))
    with pytest.raises(DataFormatError, match="no file of questions lies beside it"):
        load_jsonl(tmp_path / "docs.jsonl")
    with pytest.raises(DataFormatError, match=r"holds no qa\.jsonl or qa\.jsonl\.xz"):
        load_jsonl(tmp_path)
