"""Gathered questions: those that ship are well-formed, and each is asked of its own four conversations."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from recollect.memory.errors import DataFormatError
from recollect.training.gathered_questions import KINDS, gathered_pools, gathered_questions
from tests.training.test_pools import msc

PETS = {"q": "Which pets has Ann0 had?", "a": ["a dog"], "e": ["0:D2:1", "1:D2:1"], "k": "gather"}


def write(path: Path, *rows: tuple[Sequence[str], dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps({"docs": docs, **rest}) + "\n" for docs, rest in rows))
    return path


def test_what_ships_is_well_formed() -> None:
    every = gathered_questions()
    assert set(Counter(one.kind for one in every)) == set(KINDS)
    assert len({(one.conversations, one.text) for one in every}) == len(every) > 1_000
    for one in every:
        assert one.answers
        assert not set(one.turns) & set(one.doubtful)
        assert all(int(ref.split(":")[0]) < len(one.conversations) for ref in (*one.turns, *one.doubtful))
        assert len(one.turns) >= (2 if one.kind == "gather" else 1)


def test_a_pool_joins_its_conversations_in_order_and_asks_these_questions_alone(tmp_path: Path) -> None:
    msc(tmp_path, 3)
    lives = {"q": "Where has Bo0 lived?", "a": ["town number 0"], "e": ["1:D1:2"], "m": ["0:D1:2"], "k": "open"}
    file = write(tmp_path / "g.jsonl", (("m2", "m0"), PETS), (("m2", "m0"), lives), (("m1", "gone"), PETS))
    (pool,) = gathered_pools(tmp_path, "train", file=file)
    assert pool.id == "m2+m0"
    assert pool.speakers == ("Ann2", "Bo2")
    assert [turn.ref for turn in pool.turns][:4] == ["0:D1:1", "0:D1:2", "0:D2:1", "1:D1:1"]
    assert [(one.text, one.evidence, one.without) for one in pool.questions] == [
        ("Which pets has Ann0 had?", ("0:D2:1", "1:D2:1"), ()),
        ("Where has Bo0 lived?", ("1:D1:2",), ("0:D1:2",)),
    ]
    assert gathered_pools(tmp_path, "dev", file=file) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"e": ["0:D9:9"]}, "has no turn 0:D9:9"),
        ({"m": ["2:D2:1"]}, "has no turn 2:D2:1"),
        ({"e": []}, "has no turns"),
        ({"k": "odd"}, "its kind is none of gather, count, open"),
    ],
)
def test_a_malformed_question_is_told(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    msc(tmp_path, 2)
    with pytest.raises(DataFormatError, match=reason):
        gathered_pools(tmp_path, "train", file=write(tmp_path / "g.jsonl", (("m0", "m1"), {**PETS, **change})))
