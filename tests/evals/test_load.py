"""Data sets by path: the format is told by what is in the file, and known releases are recognised."""

import json
import lzma
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recollect.evals.load import FORMATS, RELEASES, load_dataset
from recollect.evals.releases import release_of
from recollect.memory.errors import DataFormatError
from tests.evals.longmemeval_miniature import miniature

QUESTION = {"doc_id": "d", "question": "Which plot?", "answers": ["nine"], "evidence": [0]}
DOCUMENT = {"doc_id": "d", "passages": [{"id": 0, "text": "Plot nine.", "speaker": "Ines"}]}


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_locomo_is_told_by_its_keys_whatever_the_file_is_called(mini_file: Path) -> None:
    path = mini_file.rename(mini_file.with_name("conversations.txt"))
    dataset = load_dataset(path)
    assert [one.id for one in dataset.conversations] == ["conv-1", "conv-2"]
    assert dataset.categories[-1] == "adversarial"


def test_longmemeval_is_told_by_its_keys(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path / "locomo10.json", miniature()))
    assert [one.id for one in dataset.conversations] == ["q_bike", "q_flat", "q_piano_abs"]


@pytest.mark.parametrize("pack", [bytes, lzma.compress])
def test_jsonl_is_told_by_its_records_packed_or_not(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / "qa.jsonl").write_bytes(pack(json.dumps(QUESTION).encode()))
    (tmp_path / "docs.jsonl").write_bytes(pack(json.dumps(DOCUMENT).encode()))
    for path in (tmp_path, tmp_path / "qa.jsonl", tmp_path / "docs.jsonl"):
        assert load_dataset(path).conversations[0].questions[0].evidence == ("0",)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "begins with neither a list nor a record that is known"),
        (b"hello", "begins with neither a list nor a record that is known"),
        (b'{"speaker": "Ines", "text": "Plot nine."}\n', "begins with neither a list nor a record that is known"),
        (b'{\n "sample_id": "conv-1"\n}', "begins with neither a list nor a record that is known"),
        (b'[{"text": "x", "id": 1}]', "is a list of objects with id, text"),
        (b"[{}]", "is a list of objects with no key"),
        (b"[1]", "is a list of no objects"),
        (b"[]", "is a list of no objects"),
    ],
)
def test_an_unknown_format_is_refused_with_the_formats_that_are_read(
    tmp_path: Path, content: bytes, what: str
) -> None:
    path = tmp_path / "unknown.json"
    path.write_bytes(content)
    with pytest.raises(DataFormatError) as refusal:
        load_dataset(path)
    assert f"{path} {what};" in str(refusal.value)
    assert all(known in str(refusal.value) for known in FORMATS)


def test_a_folder_without_questions_is_refused_with_the_formats_that_are_read(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"is a folder without qa\.jsonl") as refusal:
        load_dataset(tmp_path)
    assert all(known in str(refusal.value) for known in FORMATS)


@pytest.mark.parametrize("content", [b"[", b"[{", b"[" * 100_000, b"\xfd7zXZ\x00garbage"])
def test_a_file_that_breaks_off_is_refused_as_unreadable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match=r"broken\.json"):
        load_dataset(path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match=r"absent\.json cannot be read"):
        load_dataset(tmp_path / "absent.json")


def test_releases_are_known_by_the_digest_of_their_file() -> None:
    locomo10 = "79fa87e90f04081343b8c8debecb80a9a6842b76a7aa537dc9fdf651ea698ff4"
    assert release_of(locomo10) == "LoCoMo, ten conversations (locomo10.json)"
    assert release_of("0" * 64) is None
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in RELEASES)
    assert len(set(RELEASES.values())) == len(RELEASES)
