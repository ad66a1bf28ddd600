"""What the first stage offers to training questions: places in the pool, evidence, what is left out."""

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recollect import open_memory
from recollect.agent.long_term_memory import LongTermMemory
from recollect.memory.embedder import MiniLmEmbedder
from recollect.memory.errors import DataFormatError
from recollect.memory.types import NewTurn
from recollect.training.asked import AskedList, AskedPool, Asker, load, save
from recollect.training.corpora import Conversation, Fact, Question

SAID = (
    ("Ann", "What is your new dog called?", "1"),
    ("Bo", "I adopted a beagle and called him Biscuit.", "1"),
    ("Ann", "My knee hurts since the long run.", "1"),
    ("Bo", "I adopted a beagle and called him Biscuit!", "2"),
    ("Ann", "The wedding is in a barn near Ghent.", "2"),
    ("Bo", "We had pizza with anchovies for lunch.", "2"),
)
DOG = Question(text="What is Bo's dog called?", evidence=("t1",), kind="reply", without=("t0",))
WEDDING = Question(text="Where is the wedding?", evidence=("t4", "t5"), kind="single")
POOL = Conversation(
    id="pool",
    split="train",
    speakers=("Ann", "Bo"),
    turns=tuple(
        NewTurn(speaker=speaker, text=text, said_at="2022-01-01T12:00", ref=f"t{place}", session=session)
        for place, (speaker, text, session) in enumerate(SAID)
    ),
    questions=(DOG, WEDDING),
    facts=(Fact(text="Bo has a beagle.", evidence=("t1", "t3")), Fact(text="Nobody knows.", evidence=("gone",))),
)
EVERY = {"": 100}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[LongTermMemory]:
    with open_memory(tmp_path / "train.db", user="train") as opened:
        yield opened


@pytest.fixture(scope="module")
def encoder() -> MiniLmEmbedder:
    return MiniLmEmbedder()


@pytest.fixture
def asker(memory: LongTermMemory, encoder: MiniLmEmbedder) -> Asker:
    return Asker(memory.as_user, encoder, limit=10, seed=1)


def of_kind(pool: AskedPool, kind: str) -> AskedList:
    (found,) = (one for one in pool.lists if one.kind == kind)
    return found


def test_turns_are_read_with_their_speaker_and_know_the_one_before(asker: Asker, encoder: MiniLmEmbedder) -> None:
    pool = asker.ask("msc", POOL, EVERY)
    assert pool.corpus == "msc"
    assert pool.before.tolist() == [-1, 0, 1, -1, 3, 4]
    texts = [f"{speaker}: {text}" for speaker, text, _ in SAID]
    assert [ids.tolist() for ids in pool.turns] == encoder.token_ids(texts)


def test_facts_are_tied_to_the_turns_they_cover(asker: Asker, encoder: MiniLmEmbedder) -> None:
    (beagle, nothing) = asker.ask("msc", POOL, EVERY).facts
    assert beagle[0].tolist() == encoder.token_ids(["Bo has a beagle."])[0]
    assert beagle[1].tolist() == [1, 3]
    assert nothing[1].tolist() == []


def test_a_list_is_what_recall_offers_best_first(
    asker: Asker, memory: LongTermMemory, encoder: MiniLmEmbedder
) -> None:
    asked = of_kind(asker.ask("msc", POOL, EVERY), "single")
    there = memory.as_user("msc train pool")
    found = there.recall(WEDDING.text, limit=10)
    assert asked.question.tolist() == encoder.token_ids([WEDDING.text])[0]
    by_place = {place: one for one in found for place, (_, text, _) in enumerate(SAID) if text == one.memory.text}
    assert set(asked.candidates.tolist()) == set(by_place)
    assert asked.candidates[0] == 4
    assert asked.fused.tolist() == sorted(asked.fused.tolist(), reverse=True)
    for place, lexical, dense in zip(asked.candidates, asked.lexical, asked.dense, strict=True):
        assert float(lexical) == pytest.approx(by_place[int(place)].stages["lexical"], abs=1e-5)
        assert float(dense) == pytest.approx(by_place[int(place)].stages["dense"], abs=1e-5)
    assert asked.evidence.tolist() == [4, 5]
    assert asked.named.tolist() == [0.0] * len(asked.candidates)


def test_the_asking_turn_is_not_offered_and_repetitions_of_the_answer_are_doubtful(asker: Asker) -> None:
    asked = of_kind(asker.ask("msc", POOL, EVERY), "reply")
    assert sorted(asked.candidates.tolist()) == [1, 2, 3, 4, 5]
    assert asked.evidence.tolist() == [1]
    assert asked.candidates[asked.doubtful].tolist() == [3]
    speakers = [SAID[place][0] for place in asked.candidates]
    assert asked.named.tolist() == [1.0 if speaker == "Bo" else -1.0 for speaker in speakers]


def test_evidence_that_is_not_offered_is_told_all_the_same(memory: LongTermMemory, encoder: MiniLmEmbedder) -> None:
    asked = of_kind(Asker(memory.as_user, encoder, limit=1, seed=1).ask("msc", POOL, EVERY), "single")
    assert asked.candidates.tolist() == [4]
    assert asked.evidence.tolist() == [4, 5]


def test_pools_are_asked_apart(asker: Asker) -> None:
    one = asker.ask("msc", POOL, EVERY)
    other = asker.ask("msc", replace(POOL, id="other"), EVERY)
    assert [asked.candidates.tolist() for asked in other.lists] == [asked.candidates.tolist() for asked in one.lists]


def test_as_many_questions_of_each_kind_are_asked_as_wanted_the_same_every_time(
    memory: LongTermMemory, encoder: MiniLmEmbedder
) -> None:
    questions = [replace(WEDDING, text=f"Where is wedding number {number}?") for number in range(8)]
    many = replace(POOL, questions=(*questions, DOG))

    def asked(shares: dict[str, int], user: str) -> list[tuple[str, list[int]]]:
        pool = Asker(lambda name: memory.as_user(user + name), encoder, limit=5, seed=3).ask("msc", many, shares)
        return [(one.kind, one.question.tolist()) for one in pool.lists]

    assert [kind for kind, _ in asked({"single": 3}, "a")] == ["single"] * 3
    assert [kind for kind, _ in asked({"single": 2, "": 5}, "b")] == ["reply", "single", "single"]
    drawn = asked({"single": 3}, "c")
    assert drawn == asked({"single": 3}, "d")
    assert len({tuple(question) for _, question in drawn}) == 3


def test_a_pool_without_turns_has_no_lists(asker: Asker) -> None:
    empty = asker.ask("msc", replace(POOL, turns=(), questions=(), facts=()), EVERY)
    assert (empty.turns, empty.lists, empty.facts, len(empty.before)) == ((), (), (), 0)


def test_lists_come_back_from_their_file(asker: Asker, tmp_path: Path) -> None:
    pool = asker.ask("msc", POOL, EVERY)
    save(iter([pool]), tmp_path / "msc.lists")
    (again,) = load(tmp_path / "msc.lists")
    assert again.corpus == "msc"
    assert [ids.tolist() for ids in again.turns] == [ids.tolist() for ids in pool.turns]
    for one, other in zip(again.lists, pool.lists, strict=True):
        assert one.kind == other.kind
        for name in ("question", "candidates", "lexical", "dense", "fused", "evidence", "doubtful", "named"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
            assert getattr(one, name).dtype == getattr(other, name).dtype


class OfAnOlderVersion:
    """Is read back as a pool that lacks what pools have now."""

    def __reduce__(self) -> tuple[object, ...]:
        return AskedPool.__new__, (AskedPool,)


def test_lists_of_an_older_version_are_refused(tmp_path: Path) -> None:
    (tmp_path / "msc.lists").write_bytes(pickle.dumps([OfAnOlderVersion()]))
    with pytest.raises(DataFormatError, match=r"msc\.lists was written by an older version .* Delete it"):
        load(tmp_path / "msc.lists")
