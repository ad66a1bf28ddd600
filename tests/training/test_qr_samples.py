"""Samples for detection: both documented forms, what is left out, and the same draw each time."""

import json
import lzma
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from recollect.memory.errors import DataFormatError
from recollect.training.qr_samples import MAX_WORDS, SampleSource

PASSAGES = [
    {"id": "a", "speaker": "Ann", "text": "My dog is a beagle."},
    {"id": "b", "speaker": "Ben", "text": "I sail on Sundays."},
    {"id": "c", "title": "Lisbon", "text": "A city by the sea."},
]


def written(path: Path, records: Sequence[Mapping[str, object]]) -> Path:
    text = "".join(json.dumps(record) + "\n" for record in records)
    path.write_bytes(lzma.compress(text.encode()) if path.suffix == ".xz" else text.encode())
    return path


def asked(question: str, evidence: Sequence[object], **more: object) -> dict[str, object]:
    return {"question": question, "evidence": list(evidence), **more}


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.xz"])
def test_a_folder_ties_questions_to_the_passages_of_their_document(tmp_path: Path, ending: str) -> None:
    written(tmp_path / f"docs{ending}", [{"doc_id": "d", "passages": PASSAGES}])
    written(tmp_path / f"qa{ending}", [asked("What dog?", ["a"], doc_id="d", split="train")])
    (sample,) = SampleSource(tmp_path).draw(None, seed=1)
    assert sample.question == "What dog?"
    assert [(p.title, p.text) for p in sample.passages][1:] == [
        ("", "Ben: I sail on Sundays."),
        ("Lisbon", "A city by the sea."),
    ]
    assert sample.evidence == {0}


def test_a_file_brings_its_own_passages_and_ids_may_be_numbers(tmp_path: Path) -> None:
    numbered = [{"id": number, "text": f"text {number}"} for number in range(3)]
    file = written(tmp_path / "own.jsonl", [asked("Which?", [1, 2], passages=numbered)])
    (sample,) = SampleSource(file).draw(None, seed=1)
    assert sample.evidence == {1, 2}
    assert SampleSource(file).name == "own"


def test_questions_nobody_can_learn_from_are_left_out(tmp_path: Path) -> None:
    blank = [*PASSAGES, {"id": "d", "text": "  "}]
    records = [
        asked("none", [], passages=PASSAGES),
        asked("strange", ["a", "z"], passages=PASSAGES),
        asked("all", ["a", "b", "c"], passages=blank),
        asked("blank", ["d"], passages=blank),
        asked("held out", ["a"], passages=PASSAGES, split="dev"),
        asked("good", ["b"], passages=blank),
        asked("good in part", ["d", "b"], passages=blank),
    ]
    source = SampleSource(written(tmp_path / "q.jsonl", records))
    assert source.count() == 2
    assert [sample.question for sample in source.draw(None, seed=1)] == ["good", "good in part"]
    assert [sample.evidence for sample in source.draw(None, seed=1)] == [{1}, {1}]
    with pytest.raises(DataFormatError, match="no question of the split train"):
        SampleSource(written(tmp_path / "none.jsonl", records[:5])).count()


def test_the_same_seed_draws_the_same_samples_in_file_order(tmp_path: Path) -> None:
    file = written(tmp_path / "q.jsonl", [asked(f"q{n}", ["a"], passages=PASSAGES) for n in range(40)])
    drawn = [[sample.question for sample in SampleSource(file).draw(7, seed)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] == sorted(drawn[0], key=lambda question: int(question[1:]))
    assert len(drawn[0]) == 7
    assert sum(1 for _ in SampleSource(file).draw(99, seed=1)) == 40


def test_samples_over_one_document_are_in_one_half(tmp_path: Path) -> None:
    records = [asked(f"q{n}", ["a"], passages=PASSAGES, doc_id=n // 3) for n in range(12)]
    halves = [sample.half for sample in SampleSource(written(tmp_path / "q.jsonl", records)).draw(None, seed=1)]
    assert halves == [0, 0, 0, 1, 1, 1] * 2
    nameless = [asked(f"q{n}", ["a"], passages=PASSAGES[: 2 + n // 3]) for n in range(6)]
    halves = [sample.half for sample in SampleSource(written(tmp_path / "n.jsonl", nameless)).draw(None, seed=1)]
    assert halves == [0, 0, 0, 1, 1, 1]


def test_long_paragraphs_are_cut_at_400_words(tmp_path: Path) -> None:
    long = {"id": "x", "text": " ".join(["word"] * 1000)}
    file = written(tmp_path / "q.jsonl", [asked("q", ["x"], passages=[long, *PASSAGES])])
    (sample,) = SampleSource(file).draw(None, seed=1)
    assert len(sample.passages[0].text.split()) == MAX_WORDS


def test_the_checksum_knows_every_byte_of_both_files(tmp_path: Path) -> None:
    written(tmp_path / "docs.jsonl", [{"doc_id": "d", "passages": PASSAGES}])
    written(tmp_path / "qa.jsonl", [asked("What dog?", ["a"], doc_id="d")])
    first = SampleSource(tmp_path).checksum()
    assert first == SampleSource(tmp_path).checksum()
    written(tmp_path / "docs.jsonl", [{"doc_id": "d", "passages": PASSAGES[::-1]}])
    assert SampleSource(tmp_path).checksum() != first


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ([1], "expected an object"),
        ({"question": "q"}, "'evidence' is missing"),
        ({"question": "q", "evidence": "a"}, "no list of passage ids"),
        ({"question": "q", "evidence": ["a"], "passages": [{"id": 1}]}, "no list of objects with id and text"),
        ({"question": "q", "evidence": ["a"]}, "no passages for document"),
    ],
)
def test_a_wrong_record_is_an_error_that_names_the_line(tmp_path: Path, record: object, complaint: str) -> None:
    file = tmp_path / "q.jsonl"
    good = asked("good", ["a"], passages=PASSAGES)
    file.write_text(json.dumps(good) + "\n" + json.dumps(record) + "\n", encoding="utf-8")
    with pytest.raises(DataFormatError, match=f"line 2: .*{complaint}"):
        SampleSource(file).count()


def test_absent_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"holds no qa\.jsonl"):
        SampleSource(tmp_path)
    with pytest.raises(DataFormatError, match="does not exist"):
        SampleSource(tmp_path / "none.jsonl").count()
