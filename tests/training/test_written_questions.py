"""Written questions: those that ship are well-formed, and they join conversations of their split."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from recollect.memory.errors import DataFormatError
from recollect.training.written_questions import KINDS, written_conversations, written_pools, written_questions
from tests.training.test_pools import msc


def write(path: Path, *rows: tuple[str, str, list[str], str]) -> Path:
    path.write_text(
        "".join(
            json.dumps({"doc": doc, "q": text, "a": ["an answer"] if kind != "trap" else [], "e": turns, "k": kind})
            + "\n"
            for doc, text, turns, kind in rows
        )
    )
    return path


def test_what_ships_is_well_formed() -> None:
    every = written_questions()
    assert set(Counter(one.kind for one in every)) == set(KINDS)
    assert len({(one.conversation, one.text) for one in every}) == len(every) > 1_500
    assert all(one.turns and (one.kind == "trap") == (not one.answers) for one in every)
    assert all(len(answer.split()) <= 20 for one in every for answer in one.answers)


def test_conversations_have_their_written_questions_alone(tmp_path: Path) -> None:
    msc(tmp_path, 3)
    file = write(
        tmp_path / "w.jsonl", ("m0", "What pet has Ann0?", ["D2:1"], "single"), ("m0", "Bo0's?", ["D2:1"], "trap")
    )
    found = written_conversations(tmp_path, "train", file=file)
    assert [one.id for one in found] == ["m0"]
    assert [(one.text, one.evidence, one.kind) for one in found[0].questions] == [
        ("What pet has Ann0?", ("D2:1",), "written")
    ]
    assert written_conversations(tmp_path, "dev", file=file) == []


def test_pools_rename_speakers_in_questions_too_and_every_round_asks_all(tmp_path: Path) -> None:
    msc(tmp_path, 12)
    rows = [(f"m{n}", f"What pet has Ann{n} then?", ["D2:1"], "single") for n in range(12)]
    pools = written_pools(tmp_path, "train", 2, random.Random(1), file=write(tmp_path / "w.jsonl", *rows))
    assert [len(pool.turns) for pool in pools] == [30, 6, 30, 6]
    for pool in pools:
        names = set(pool.speakers)
        assert all(question.text.split()[3] in names for question in pool.questions)
    assert sum(len(question.evidence) for pool in pools for question in pool.questions) == 24


def test_a_question_is_its_speakers_own_only_where_somebody_looked(tmp_path: Path) -> None:
    msc(tmp_path, 2)
    rows = [("m0", "What pet has Ann0?", ["D2:1"], "single"), ("m1", "What pet has Ann1?", ["D2:1"], "single")]
    file = write(tmp_path / "w.jsonl", *rows)
    looked_at, other = file.read_text().splitlines()
    file.write_text(json.dumps({**json.loads(looked_at), "x": True}) + "\n" + other + "\n")
    found = written_conversations(tmp_path, "train", file=file)
    assert [one.questions[0].is_own for one in found] == [True, False]
    (pool,) = written_pools(tmp_path, "train", 1, random.Random(1), file=file)
    assert [(one.is_own, len(one.evidence)) for one in pool.questions] == [(False, 2)]  # asked alike of both


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("m0", "What?", ["D9:9"], "single"), "has no turn D9:9"),
        (("m0", "What?", [], "single"), "has no turns"),
        (("m0", "What?", ["D2:1"], "odd"), "its kind is none of"),
    ],
)
def test_a_malformed_question_is_told(tmp_path: Path, row: tuple[str, str, list[str], str], reason: str) -> None:
    msc(tmp_path, 1)
    with pytest.raises(DataFormatError, match=reason):
        written_conversations(tmp_path, "train", file=write(tmp_path / "w.jsonl", row))
