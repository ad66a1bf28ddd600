"""Pools of the sets that are no dialogues of two: articles, meetings and episodes in windows, passages."""

import random
from pathlib import Path

import pytest

from recollect.memory.errors import DataFormatError
from recollect.training.passage_pools import crd3_episodes, multihop_sets, qmsum_meetings, squad_articles
from tests.training.data_sets import asked, doc, write_set


def test_articles_are_said_by_their_title_and_those_without_questions_left_out(tmp_path: Path) -> None:
    sentences = [{"id": 0, "text": "It is a volcano."}]
    write_set(
        tmp_path / "squad1",
        docs=[doc("a", sentences, title="Mount_Etna"), doc("b", sentences, title="Nobody")],
        qa=[asked("a", "What is it?", 0)],
    )
    (article,) = squad_articles(tmp_path, "train", 9, random.Random(1))
    assert (article.id, article.turns[0].speaker) == ("a", "Mount Etna")


def meeting(folder: Path, kind: str, spans: dict[str, list[int]], **rest: object) -> None:
    write_set(
        folder,
        docs=[doc("m", [f"turn {number}" for number in range(850)])],
        qa=[asked("m", name, *span, type=kind, **rest) for name, span in spans.items()],
    )


def test_meetings_are_cut_into_windows_of_400_turns_with_the_questions_inside(tmp_path: Path) -> None:
    spans = {
        "first": [0],
        "last": [398, 399],
        "across": [399, 400],
        "next": [400],
        "longest": list(range(410, 440)),
        "too long": list(range(410, 441)),
    }
    meeting(tmp_path / "qmsum", "specific", spans)
    windows = {one.id: one for one in qmsum_meetings(tmp_path, "train", 9, random.Random(1))}
    assert {key: [question.text for question in one.questions] for key, one in windows.items()} == {
        "m@0": ["first", "last"],
        "m@400": ["next", "longest"],
    }
    assert [turn.ref for turn in windows["m@400"].turns] == [str(number) for number in range(400, 800)]
    assert len(qmsum_meetings(tmp_path, "train", 1, random.Random(1))) == 1


def test_general_questions_about_meetings_are_not_asked(tmp_path: Path) -> None:
    meeting(tmp_path / "qmsum", "general", {"Summarize the meeting": [0]})
    assert qmsum_meetings(tmp_path, "train", 9, random.Random(1)) == []


@pytest.mark.parametrize(("score", "kept"), [(0.99, 0), (1.0, 1), (1.5, 1)])
def test_badly_aligned_summary_lines_ask_nothing(tmp_path: Path, score: float, kept: int) -> None:
    meeting(tmp_path / "crd3", "summary_chunk", {"Matt welcomes all.": [0]}, alignment_score=score)
    assert len(crd3_episodes(tmp_path, "train", 9, random.Random(1))) == kept


def test_summary_lines_of_more_than_ten_turns_ask_nothing(tmp_path: Path) -> None:
    meeting(tmp_path / "crd3", "x", {"ten": list(range(10)), "eleven": list(range(20, 31))}, alignment_score=2.0)
    (window,) = crd3_episodes(tmp_path, "train", 9, random.Random(1))
    assert [question.text for question in window.questions] == ["ten"]


PASSAGES = [{"id": number, "title": f"T{number}", "text": f"text {number}"} for number in range(3)]


def test_multi_hop_questions_bring_their_own_passages(tmp_path: Path) -> None:
    write_set(
        tmp_path / "multihop",
        qa=[
            asked("a", "Both?", 0, 2, qid="x", passages=PASSAGES),
            asked("b", "Neither?", 1, qid="y", passages=PASSAGES) | {"split": "dev"},
            asked("c", "None?", qid="z", passages=PASSAGES),
        ],
    )
    (pool,) = multihop_sets(tmp_path, "train", 9, random.Random(1))
    assert [(turn.speaker, turn.text, turn.ref) for turn in pool.turns] == [
        ("T0", "text 0", "0"),
        ("T1", "text 1", "1"),
        ("T2", "text 2", "2"),
    ]
    assert (pool.id, pool.questions[0].evidence, pool.questions[0].kind) == ("x", ("0", "2"), "multihop")


def test_multi_hop_questions_whose_evidence_is_blank_are_left_out(tmp_path: Path) -> None:
    blank = [PASSAGES[0], PASSAGES[1] | {"text": " "}, PASSAGES[2] | {"title": ""}]
    questions = [asked("a", f"{place}?", place, qid=str(place), passages=blank) for place in range(3)]
    write_set(tmp_path / "multihop", qa=questions)
    (pool,) = multihop_sets(tmp_path, "train", 9, random.Random(1))
    assert (pool.id, len(pool.turns)) == ("0", 1)


def test_records_without_what_is_needed_are_told_by_file_and_line(tmp_path: Path) -> None:
    write_set(tmp_path / "multihop", qa=[asked("a", "Both?", 0)])
    with pytest.raises(DataFormatError, match=r"multihop/qa\.jsonl\.xz, line 1: a record must have qid, .*passages"):
        multihop_sets(tmp_path, "train", 9, random.Random(1))
    meeting(tmp_path / "crd3", "x", {"ten": [1]})
    with pytest.raises(DataFormatError, match=r"line 1: a record must have .*alignment_score"):
        crd3_episodes(tmp_path, "train", 9, random.Random(1))
