"""Which questions a run asks, and several files as one."""

from dataclasses import replace
from pathlib import Path

import pytest

from recollect.evals.dataset import Conversation, Dataset, Question
from recollect.evals.joined import joined
from recollect.evals.locomo import load_locomo
from recollect.evals.selection import Selection, select
from recollect.memory.errors import DataFormatError, InvalidInput


def conversation(name: str, questions: int) -> Conversation:
    asked = tuple(
        Question(id=f"{name}/q{number}", question="?", category="4", answers=("a",), evidence=("D1:1",))
        for number in range(questions)
    )
    return Conversation(id=name, speakers=("A", "B"), turns=(), questions=asked)


def dataset(*sizes: int, name: str = "mini.json") -> Dataset:
    conversations = tuple(conversation(f"c{place}", size) for place, size in enumerate(sizes))
    return Dataset(name=name, sha256=name, conversations=conversations, categories=("4",))


def counts(selection: Selection) -> dict[str, int]:
    return {one.id: len(one.questions) for one in selection.conversations}


def test_retrieval_asks_what_it_can_be_scored_on(mini_file: Path) -> None:
    found = select(load_locomo(mini_file))
    assert found.excluded == {"no_resolvable_evidence": 2, "unanswerable": 1}
    assert found.asked == 5
    assert counts(found) == {"conv-1": 4, "conv-2": 1}


def test_answers_are_asked_for_everything(mini_file: Path) -> None:
    assert select(load_locomo(mini_file), with_answers=True).asked == 8


def test_other_categories_are_counted_and_not_asked(mini_file: Path) -> None:
    found = select(load_locomo(mini_file), categories=["multi-hop"])
    assert counts(found) == {"conv-1": 1}
    assert sum(found.excluded.values()) == 7
    with pytest.raises(DataFormatError, match="no category 'multi hop'; did you mean 'multi-hop'"):
        select(load_locomo(mini_file), categories=["multi hop"])


def test_a_sample_is_even_over_conversations_and_the_same_for_a_seed() -> None:
    whole = dataset(10, 2, 7)
    found = select(whole, sample=9, seed=3)
    assert counts(found) in ({"c0": 4, "c1": 2, "c2": 3}, {"c0": 3, "c1": 2, "c2": 4})
    assert found.excluded == {"not_drawn": 10}
    assert select(whole, sample=9, seed=3) == found
    assert any(select(whole, sample=9, seed=seed) != found for seed in range(4, 8))


def test_a_sample_keeps_the_order_of_the_file() -> None:
    for one in select(dataset(30, 30), sample=20, seed=1).conversations:
        numbers = [int(question.id.partition("/q")[2]) for question in one.questions]
        assert numbers == sorted(numbers)


def test_every_conversation_can_be_drawn_where_a_sample_has_fewer_questions() -> None:
    draws = [select(dataset(3, 3, 3), sample=1, seed=seed) for seed in range(60)]
    assert {one.id for drawn in draws for one in drawn.conversations} == {"c0", "c1", "c2"}


def test_a_sample_of_more_than_there_is_is_everything() -> None:
    found = select(dataset(2, 2), sample=5)
    assert (found.asked, found.excluded) == (4, {})


def test_nothing_to_ask_is_an_error() -> None:
    with pytest.raises(DataFormatError, match=r"mini\.json has no question to ask"):
        select(dataset(0, 0))


def test_files_are_joined_with_their_names_in_front() -> None:
    both = joined([dataset(1), replace(dataset(2), sha256="other")])
    assert [one.id for one in both.conversations] == ["mini.json/c0", "mini.json#2/c0"]
    assert [question.id for question in both.conversations[1].questions] == [
        "mini.json#2/c0/q0",
        "mini.json#2/c0/q1",
    ]
    assert both.name == "mini.json, mini.json#2"


def test_one_file_stays_as_it_is() -> None:
    one = dataset(1)
    assert joined([one]) is one
    with pytest.raises(InvalidInput, match="No data set"):
        joined([])
