"""Long JSON lists read in pieces: what comes out is what reading at once gives, wherever the pieces end."""

import hashlib
import json
from pathlib import Path

import pytest

from recollect.evals.json_list import JsonList
from recollect.memory.errors import DataFormatError

VALUES = (
    '[{"a": "caf\u00e9 \\ud83c\\udfb9 \U0001f3b9 \\"x\\" \\\\", "b": [1.5e-7, -20, true, null]}, 12.25, 7,',
    ' "\\u00e9", -1E+3, [], {}, false, 123456789012345678901234567890.5 , {"deep": [[[{"c": ""}]]]}\n]\n',
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "list.json"
    path.write_text("".join(VALUES), encoding="utf-8")
    return path


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 5, 7, 11, 16, 17, 31, 64, 1 << 20])
def test_elements_are_those_of_reading_at_once_wherever_the_pieces_end(file: Path, chunk_bytes: int) -> None:
    elements = JsonList(file, shape="ours", chunk_bytes=chunk_bytes)
    assert [one.value for one in elements] == json.loads(file.read_bytes())
    assert elements.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_elements_longer_than_a_piece_are_read(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    words = [{"text": '\u00e9\\"' * length} for length in (10, 5000, 70_000)]
    path.write_text(json.dumps(words), encoding="utf-8")
    assert [one.value for one in JsonList(path, shape="ours", chunk_bytes=1000)] == words


def test_elements_know_their_place(file: Path) -> None:
    elements = list(JsonList(file, shape="ours"))
    assert str(elements[2].unlike("text")) == f"{file}, [2]: expected text, found a number; write it as in ours."


@pytest.mark.parametrize("text", ["[]", " [ ] ", "\ufeff[]"])
def test_an_empty_list_has_no_elements(tmp_path: Path, text: str) -> None:
    path = tmp_path / "empty.json"
    path.write_text(text, encoding="utf-8")
    assert list(JsonList(path, shape="ours")) == []


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
@pytest.mark.parametrize(
    "text",
    ["", "[", "[1", "[1,", "[1,]", "[1 2]", "[1}", '["open', '[{"a" 1}]', "[nul]", "[1] x", "[1]]", '[{"a": 1]'],
)
def test_what_is_no_json_is_refused(tmp_path: Path, text: str, chunk_bytes: int) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataFormatError, match=r"broken\.json is no JSON \(.*\); give ours\."):
        list(JsonList(path, shape="ours", chunk_bytes=chunk_bytes))


def test_the_place_of_an_error_is_counted_from_the_start_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    text = json.dumps(["word " * 100] * 50)[:-1] + ", nonsense" + " " * 100
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataFormatError, match=f"Expecting value at character {text.index('nonsense') + 1:,}"):
        list(JsonList(path, shape="ours", chunk_bytes=64))


def test_an_error_in_a_long_file_is_told_before_the_file_is_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("[nonsense" + " " * 100_000, encoding="utf-8")
    elements = JsonList(path, shape="ours", chunk_bytes=100)
    with pytest.raises(DataFormatError, match="is no JSON"):
        list(elements)
    assert elements.sha256 == hashlib.sha256(path.read_bytes()[:100]).hexdigest()


def test_what_is_no_list_is_refused_by_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "object.json"
    path.write_text('{"a": 1}', encoding="utf-8")
    with pytest.raises(DataFormatError, match="expected a list, found an object"):
        list(JsonList(path, shape="ours"))
