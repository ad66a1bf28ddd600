"""Long conversations out of short ones: joined between two people, equal questions merged, scenes in their order."""

import random
from datetime import datetime
from pathlib import Path

import pytest

from recollect.training.corpora import Conversation, read_conversations
from recollect.training.pools import DAYS_APART, Renaming, concatenated, friends_episodes, friends_pools, msc_pools
from tests.training.data_sets import asked, doc, write_set


def msc(data: Path, count: int) -> None:
    """Conversations m0, m1, … between Ann0 and Bo0, Ann1 and Bo1, …, of two sessions."""
    docs: list[dict[str, object]] = []
    questions: list[dict[str, object]] = []
    facts: list[dict[str, object]] = []
    for number in range(count):
        name, one, other = f"m{number}", f"Ann{number}", f"Bo{number}"
        passages = [
            {"id": "D1:1", "speaker": one, "text": f"Where do you live these days, {other}?", "session": 1},
            {"id": "D1:2", "speaker": other, "text": f"I live in town number {number} now.", "session": 1},
            {"id": "D2:1", "speaker": one, "text": "I have a dog.", "session": 2},
        ]
        docs.append(doc(name, passages))
        questions.append(asked(name, f"What pets does {one} have?", "D2:1", type="group"))
        questions.append(asked(name, f"Does {other} live in town {number}?", "D1:2", type="single"))
        facts.append({"doc_id": name, "fact_3p": f"{one} has a dog.", "evidence": ["D2:1"]})
    write_set(data / "msc", docs=docs, qa=questions, facts=facts)


def three(data: Path) -> list[Conversation]:
    msc(data, 3)
    return read_conversations(data / "msc", splits=("train",))


def test_joined_conversations_are_between_two_people(tmp_path: Path) -> None:
    joined = concatenated(three(tmp_path), names=("Robin Hood", "Casey"))
    assert joined.id == "m0+m1+m2"
    assert joined.speakers == ("Robin Hood", "Casey")
    assert [turn.speaker for turn in joined.turns] == ["Robin Hood", "Casey", "Robin Hood"] * 3
    assert joined.turns[3].text == "Where do you live these days, Casey?"
    assert [fact.text for fact in joined.facts] == ["Robin Hood has a dog."] * 3


def test_refs_and_sessions_of_joined_conversations_stay_apart(tmp_path: Path) -> None:
    joined = concatenated(three(tmp_path))
    assert [turn.ref for turn in joined.turns[2:5]] == ["0:D2:1", "1:D1:1", "1:D1:2"]
    assert [turn.session for turn in joined.turns] == ["1.1", "1.1", "1.2", "2.1", "2.1", "2.2", "3.1", "3.1", "3.2"]
    assert [fact.evidence for fact in joined.facts] == [("0:D2:1",), ("1:D2:1",), ("2:D2:1",)]
    times = [turn.said_at for turn in joined.turns]
    assert times[0] == times[1] == datetime(2022, 1, 3, 18)
    days = [(time - datetime(2022, 1, 3, 18)).days for time in times if isinstance(time, datetime)]
    assert days == [session * DAYS_APART for session in (0, 0, 1, 2, 2, 3, 4, 4, 5)]


def test_questions_that_read_the_same_become_one_with_the_evidence_of_all(tmp_path: Path) -> None:
    joined = concatenated(three(tmp_path), names=("Robin", "Casey"))
    assert {question.text: question.evidence for question in joined.questions} == {
        "What pets does Robin have?": ("0:D2:1", "1:D2:1", "2:D2:1"),
        "Does Casey live in town 0?": ("0:D1:2",),
        "Does Casey live in town 1?": ("1:D1:2",),
        "Does Casey live in town 2?": ("2:D1:2",),
    }


def test_msc_pools_are_of_ten_conversations_each_used_once(tmp_path: Path) -> None:
    msc(tmp_path, 25)
    pools = msc_pools(tmp_path, "train", 9, random.Random(1))
    assert [len(pool.turns) for pool in pools] == [30, 30]
    used = [name for pool in pools for name in pool.id.split("+")]
    assert len(set(used)) == 20
    assert all(pool.speakers == ("Ann" + used[10 * n][1:], "Bo" + used[10 * n][1:]) for n, pool in enumerate(pools))
    assert [pool.id for pool in msc_pools(tmp_path, "train", 9, random.Random(1))] == [pool.id for pool in pools]
    assert len(msc_pools(tmp_path, "train", 1, random.Random(1))) == 1


def test_conversations_of_more_than_two_are_no_part_of_a_pool(tmp_path: Path) -> None:
    msc(tmp_path, 10)
    docs = [doc(f"m{number}", ["Hi."]) for number in range(10)]
    write_set(tmp_path / "msc", docs=docs)
    assert msc_pools(tmp_path, "train", 9, random.Random(1)) == []


def test_msc_pools_ask_only_the_kinds_wanted_replies_among_them(tmp_path: Path) -> None:
    msc(tmp_path, 10)
    (plain,) = msc_pools(tmp_path, "train", 1, random.Random(1))
    assert {question.kind for question in plain.questions} == {"group", "single"}
    (pool,) = msc_pools(tmp_path, "train", 1, random.Random(1), kinds=("group", "reply"))
    assert [question.kind for question in pool.questions] == ["group", "reply"]
    reply = pool.questions[1]
    assert set(reply.evidence) == {f"{place}:D1:2" for place in range(10)}
    assert set(reply.without) == {f"{place}:D1:1" for place in range(10)}


def test_scenes_of_an_episode_are_one_pool(tmp_path: Path) -> None:
    scenes = [
        doc(f"e01_c0{number}", [f"Scene {number}.", {"id": 1, "speaker": name, "text": "Yes."}], split="dev")
        for number, name in ((2, "Ross"), (1, "Joey"))
    ]
    write_set(
        tmp_path / "friendsqa",
        docs=[*scenes, doc("e02_c01", ["Another."], split="dev"), doc("e01_c03", ["Train."])],
        qa=[asked("e01_c02", "Who says yes?", 1), asked("e01_c01", "What is it?", 0, 1)],
    )
    episodes = {one.id: one for one in friends_episodes(tmp_path, "dev", 5, random.Random(1))}
    assert sorted(episodes) == ["e01", "e02"]
    first = episodes["e01"]
    assert [(turn.ref, turn.session, turn.text) for turn in first.turns] == [
        ("0:0", "0", "Scene 1."),
        ("0:1", "0", "Yes."),
        ("1:0", "1", "Scene 2."),
        ("1:1", "1", "Yes."),
    ]
    assert first.speakers == ("A", "Joey", "Ross")
    assert [(question.text, question.evidence) for question in first.questions] == [
        ("What is it?", ("0:0", "0:1")),
        ("Who says yes?", ("1:1",)),
    ]
    assert len(friends_episodes(tmp_path, "dev", 1, random.Random(1))) == 1


def test_episodes_are_joined_until_a_pool_is_long_enough(tmp_path: Path) -> None:
    names = [f"e{number}" for number in range(5)]
    write_set(
        tmp_path / "friendsqa",
        docs=[doc(f"{name}_c01", [f"Scene of {name}.", "Yes."]) for name in names],
        qa=[asked(f"{name}_c01", text, 0) for name in names for text in (f"What of {name}?", "Who says yes?")],
    )
    pools = friends_pools(tmp_path, "train", 9, random.Random(2), least=4)
    assert [len(pool.turns) for pool in pools] == [4, 4, 2]
    assert sorted(name for pool in pools for name in pool.id.split("+")) == names
    for pool in pools:
        said = {turn.ref: turn.text for turn in pool.turns}
        assert len(said) == len(pool.turns)
        assert len({turn.session for turn in pool.turns}) == len(pool.turns) / 2
        asked_of = [question for question in pool.questions if question.text != "Who says yes?"]
        assert len(asked_of) == len(pool.turns) / 2
        for question in asked_of:
            assert [said[ref] for ref in question.evidence] == [f"Scene of {question.text[8:-1]}."]
        (same,) = [question for question in pool.questions if question.text == "Who says yes?"]
        assert len(same.evidence) == len(pool.turns) / 2  # one question, an answer in each


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Ann Lee met Bo.", "Bo met Casey Ray."),  # both at once: an exchange does not undo itself
        ("Ann's and BoBo's", "Bo's and BoBo's"),
        ("ann, Lee", "ann, Lee"),
    ],
)
def test_names_are_replaced_whole_first_names_too(said: str, read: str) -> None:
    assert Renaming(("Ann Lee", "Bo"), ("Bo", "Casey Ray"))(said) == read


def test_nobody_is_renamed_where_there_is_nobody() -> None:
    assert Renaming((), ())("Ann met Bo.") == "Ann met Bo."
