"""Pools for training: conversations joined between two people, episodes, articles, meetings, passages."""

import json
import lzma
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from recollect.training.corpora import read_conversations
from recollect.training.passage_pools import crd3_episodes, multihop_sets, qmsum_meetings, squad_articles
from recollect.training.pools import concatenated, friends_episodes, msc_pools


def write(path: Path, records: Sequence[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def msc(data: Path, count: int) -> None:
    docs: list[dict[str, object]] = []
    questions: list[dict[str, object]] = []
    facts: list[dict[str, object]] = []
    for number in range(count):
        one, other = f"Ann{number}", f"Bo{number}"
        passages = [
            {"id": "D1:1", "speaker": one, "text": f"Where do you live these days, {other}?", "session": 1},
            {"id": "D1:2", "speaker": other, "text": f"I live in town number {number} now.", "session": 1},
            {"id": "D2:1", "speaker": one, "text": "I have a dog.", "session": 2},
        ]
        docs.append({"doc_id": f"m{number}", "split": "train", "passages": passages})
        for kind, text, ref in (
            ("group", f"What pets does {one} have?", "D2:1"),
            ("single", f"Is {other} tall?", "D1:2"),
        ):
            record = {"doc_id": f"m{number}", "question": text, "evidence": [ref], "type": kind, "split": "train"}
            questions.append(record)
        facts.append({"doc_id": f"m{number}", "fact_3p": f"{one} has a dog.", "evidence": ["D2:1"]})
    write(data / "msc" / "docs.jsonl.xz", docs)
    write(data / "msc" / "qa.jsonl.xz", questions)
    write(data / "msc" / "facts.jsonl.xz", facts)


def test_joined_conversations_are_between_two_people_and_equal_questions_become_one(tmp_path: Path) -> None:
    msc(tmp_path, 3)
    joined = concatenated(read_conversations(tmp_path / "msc", splits=("train",)), names=("Robin", "Casey"))
    assert {turn.speaker for turn in joined.turns} == {"Robin", "Casey"}
    assert joined.turns[0].text == "Where do you live these days, Casey?"
    by_text = {question.text: question.evidence for question in joined.questions}
    assert by_text["What pets does Robin have?"] == ("0:D2:1", "1:D2:1", "2:D2:1")
    assert by_text["Is Casey tall?"] == ("0:D1:2", "1:D1:2", "2:D1:2")
    assert [(fact.text, fact.evidence) for fact in joined.facts][1] == ("Robin has a dog.", ("1:D2:1",))
    assert len({turn.session for turn in joined.turns}) == 6


def test_msc_pools_are_of_ten_with_the_kinds_asked_for(tmp_path: Path) -> None:
    msc(tmp_path, 25)
    pools = msc_pools(tmp_path, "train", 9, random.Random(1), kinds=("group", "reply"))
    assert [len(pool.turns) for pool in pools] == [30, 30]
    assert {question.kind for question in pools[0].questions} == {"group", "reply"}
    (reply,) = (question for question in pools[0].questions if question.kind == "reply")
    assert len(reply.evidence) == 10
    assert len(reply.without) == 10
    assert not set(reply.without) & set(reply.evidence)


def test_scenes_of_an_episode_are_one_pool(tmp_path: Path) -> None:
    docs: list[dict[str, object]] = [
        {"doc_id": f"e01_c0{n}", "split": "dev", "passages": [{"id": 0, "speaker": "Ross", "text": f"Scene {n}"}]}
        for n in (2, 1)
    ]
    write(tmp_path / "friendsqa" / "docs.jsonl.xz", docs)
    write(tmp_path / "friendsqa" / "qa.jsonl.xz", [{"doc_id": "e01_c02", "question": "Which?", "evidence": [0]}])
    (episode,) = friends_episodes(tmp_path, "dev", 5, random.Random(1))
    assert [turn.text for turn in episode.turns] == ["Scene 1", "Scene 2"]
    assert episode.questions[0].evidence == ("1:0",)


def test_sentences_of_an_article_are_said_by_its_title(tmp_path: Path) -> None:
    write(tmp_path / "squad1" / "docs.jsonl.xz", [
        {"doc_id": "a", "split": "train", "title": "Mount_Etna", "passages": [{"id": 0, "text": "It is a volcano."}]},
        {"doc_id": "b", "split": "train", "title": "Nobody", "passages": [{"id": 0, "text": "Nothing is asked."}]},
    ])  # fmt: skip
    write(tmp_path / "squad1" / "qa.jsonl.xz", [{"doc_id": "a", "question": "What is it?", "evidence": [0]}])
    (article,) = squad_articles(tmp_path, "train", 9, random.Random(1))
    assert article.turns[0].speaker == "Mount Etna"


def test_meetings_are_cut_into_windows_and_long_spans_left_out(tmp_path: Path) -> None:
    passages = [{"id": number, "speaker": "A", "text": f"turn {number}"} for number in range(450)]
    write(tmp_path / "qmsum" / "docs.jsonl.xz", [{"doc_id": "m", "split": "train", "passages": passages}])
    spans = {"short": [10, 11], "late": [420], "long": list(range(31)), "across": [399, 400]}
    write(tmp_path / "qmsum" / "qa.jsonl.xz", [
        {"doc_id": "m", "question": name, "evidence": span, "type": "specific"} for name, span in spans.items()
    ])  # fmt: skip
    windows = {one.id: one for one in qmsum_meetings(tmp_path, "train", 9, random.Random(1))}
    assert {key: [q.text for q in one.questions] for key, one in windows.items()} == {
        "m@0": ["short"],
        "m@400": ["late"],
    }
    assert [len(windows[key].turns) for key in ("m@0", "m@400")] == [400, 50]


@pytest.mark.parametrize(("score", "kept"), [(0.5, 0), (1.5, 1)])
def test_badly_aligned_summary_lines_ask_nothing(tmp_path: Path, score: float, kept: int) -> None:
    write(tmp_path / "crd3" / "docs.jsonl.xz", [
        {"doc_id": "c", "split": "train", "passages": [{"id": 0, "speaker": "Matt", "text": "Welcome."}]}
    ])  # fmt: skip
    write(tmp_path / "crd3" / "qa.jsonl.xz", [
        {"doc_id": "c", "question": "Matt welcomes all.", "evidence": [0], "alignment_score": score}
    ])  # fmt: skip
    assert len(crd3_episodes(tmp_path, "train", 9, random.Random(1))) == kept


def test_multi_hop_questions_bring_their_own_passages(tmp_path: Path) -> None:
    passages = [{"id": n, "title": f"T{n}", "text": f"text {n}"} for n in range(3)]
    write(tmp_path / "multihop" / "qa.jsonl.xz", [
        {"qid": "x", "split": "train", "question": "Both?", "evidence": [0, 2], "passages": passages},
        {"qid": "y", "split": "dev", "question": "Neither?", "evidence": [1], "passages": passages},
    ])  # fmt: skip
    (pool,) = multihop_sets(tmp_path, "train", 9, random.Random(1))
    assert [turn.speaker for turn in pool.turns] == ["T0", "T1", "T2"]
    assert pool.questions[0].evidence == ("0", "2")
