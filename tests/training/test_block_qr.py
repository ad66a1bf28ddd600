"""Training the block ranker: what is shown, that it learns, that an interrupted run ends where a whole one does."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recollect.memory.embedder import minilm_folder
from recollect.memory.minilm import MiniLm
from recollect.memory.types import NewTurn
from recollect.training.asked import AskedList, AskedPool
from recollect.training.block_corpora import Extent, corpora
from recollect.training.block_lists import Example, Reading, Sampler, examples_of, show, show_whole
from recollect.training.block_measure import beside_others, measure, recalls
from recollect.training.block_qr import SHARES, Recipe, Trainer, fitted
from recollect.training.block_run import HELD_OUT, chosen
from recollect.training.corpora import Conversation
from recollect.training.losses import group_contrastive

FACTS = ((5, 0), (6, 2))


def a_list(evidence: list[int], *, kind: str = "single", turns: int = 12) -> AskedList:
    scores = np.linspace(1.0, 0.0, turns).astype(np.float32)
    return AskedList(
        kind=kind,
        question=np.array([2054 + evidence[0], 3608], dtype=np.uint16),
        candidates=np.arange(turns, dtype=np.int32),
        lexical=scores,
        dense=scores,
        fused=scores,
        evidence=np.array(evidence, dtype=np.int32),
        doubtful=np.isin(np.arange(turns), [3]),
        named=np.zeros(turns, dtype=np.float32),
    )


def a_pool(*lists: AskedList, turns: int = 12) -> AskedPool:
    return AskedPool(
        corpus="msc",
        turns=tuple(np.array([2054 + place, 1010, 2000 + 7 * place], dtype=np.uint16) for place in range(turns)),
        before=np.arange(-1, turns - 1, dtype=np.int32),
        lists=lists,
        facts=tuple((np.array([ids, ids], dtype=np.uint16), np.array([place])) for ids, place in FACTS),
    )


@pytest.fixture(scope="module")
def base() -> MiniLm:
    whole = MiniLm(minilm_folder(), sha256=None, dtype=torch.float32)
    return whole.with_layers(whole.layers[:2])


RECIPE = Recipe(
    updates=4,
    lists=2,
    rank=2,
    first_layer=1,
    start_lists=3,
    warm_up=1,
    reading=Reading(candidates=6, facts_chance=0.5),
)


def test_evidence_is_shown_with_hard_and_easy_others_but_no_doubtful_ones() -> None:
    example = Example(pool=a_pool(), asked=a_list([4]))
    for seed in range(5):
        shown = show(example, Reading(candidates=9, hard=1.0, noise=0.0), random.Random(seed))
        assert [int(block.own[0]) - 2054 for block in shown.blocks] == [4, 0, 1, 2, 5, 6, 7, 8, 9]
        assert shown.is_evidence.tolist() == [True] + [False] * 8


def test_facts_of_the_evidence_are_never_shown_and_replies_never_with_contexts() -> None:
    reading = Reading(candidates=11, facts_chance=1.0, context_chance=1.0)
    shown = show(Example(pool=a_pool(), asked=a_list([0])), reading, random.Random(1))
    assert shown.facts == [6, 6]
    assert any(block.context for block in shown.blocks)
    reply = show(Example(pool=a_pool(), asked=a_list([0], kind="reply")), reading, random.Random(1))
    assert not any(block.context for block in reply.blocks)


def test_a_corpus_is_drawn_once_through_before_again() -> None:
    lists = [a_list([place]) for place in range(5)]
    sampler = Sampler(examples=examples_of([a_pool(*lists)]), shares={"msc": 1.0}, drawn=random.Random(3))
    first = [int(sampler.next().asked.evidence[0]) for _ in range(5)]
    assert sorted(first) == [0, 1, 2, 3, 4]


def test_every_corpus_has_its_share_and_its_held_out_lists() -> None:
    assert set(corpora("train")) == set(SHARES)
    assert set(corpora("dev")) == set(HELD_OUT)
    pools = [replace(a_pool(*(a_list([place]) for place in range(5))), corpus=corpus) for corpus in HELD_OUT]
    assert [one.pool.corpus for one in chosen(pools)] == [corpus for corpus in HELD_OUT for _ in range(5)]


def test_a_share_of_the_sets_is_drawn() -> None:
    turns = (NewTurn(speaker="Ann", text="Hello.", said_at="2026-01-01T10:00"),)
    every = [Conversation(id=str(n), split="train", speakers=("Ann",), turns=turns, questions=()) for n in range(9)]
    assert Extent().part(every, random.Random(1)) == every
    third = Extent(share=1 / 3).part(every, random.Random(1))
    assert len({one.id for one in third}) == 3
    assert Extent(share=0.01).of(9) == 1


def test_lists_without_evidence_or_choice_teach_nothing() -> None:
    nothing = replace(a_list([0]), evidence=np.array([99], dtype=np.int32))
    assert examples_of([a_pool(nothing, a_list([0], turns=5))]) == {}


def test_recall_counts_evidence_that_was_not_offered_and_a_context_prefers_short_turns() -> None:
    asked = replace(a_list([0, 1, 50, 51]), candidates=np.arange(12, dtype=np.int32))
    pool = a_pool(asked)
    long = tuple(np.zeros(390, dtype=np.uint16) if place == 2 else turn for place, turn in enumerate(pool.turns))
    example = Example(pool=replace(pool, turns=long), asked=asked)
    scores = np.array([3.0, 2.0, 4.0] + [0.0] * 9, dtype=np.float32)
    # at 1 the long turn alone, at 3 both offered ones of four; in 400 tokens the long one leaves no room
    assert recalls(example, scores, brevity=0.0) == [0.0, 0.5, 0.5, 0.5, 0.0, 0.5]
    assert recalls(example, scores, brevity=1.0)[4] == 0.5


def test_what_stands_beside_a_good_candidate_gains_in_its_session_only() -> None:
    pool = replace(a_pool(a_list([1]), turns=4), before=np.array([-1, 0, -1, 2], dtype=np.int32))
    offered = replace(pool.lists[0], candidates=np.array([1, 3, 2, 0], dtype=np.int32))
    found = beside_others(Example(pool=pool, asked=offered), np.array([5.0, 1.0, 0.0, 1.0], dtype=np.float32))
    assert found.tolist() == pytest.approx([5.0, 1.0, 0.0, 1.0 + 0.3 * (5.0 - 1.0)])


def test_the_reading_is_fitted_to_what_tells_evidence_apart() -> None:
    rows = torch.tensor([[1.0, 0.3], [0.0, 0.4], [0.2, 0.3]])
    is_evidence = torch.tensor([True, False, False])
    weights = fitted([(rows, is_evidence)], ridge=0.01)
    assert float(weights[0]) > abs(float(weights[1]))
    assert group_contrastive(rows @ weights, is_evidence) < group_contrastive(rows @ torch.zeros(2), is_evidence)


def test_an_interrupted_run_ends_where_a_whole_one_does(base: MiniLm, tmp_path: Path) -> None:
    pools = [a_pool(*(a_list([place]) for place in range(6)))]
    for name in ("whole", "halves"):
        (tmp_path / name).mkdir()
    whole = Trainer(base, pools, RECIPE, tmp_path / "whole")
    losses = [whole.step() for _ in range(4)]
    halves = Trainer(base, pools, RECIPE, tmp_path / "halves")
    assert [halves.step(), halves.step()] == losses[:2]
    halves.save()
    halves.step()  # lost with the process
    again = Trainer(base, pools, RECIPE, tmp_path / "halves")
    assert again.update == 2
    assert [again.step(), again.step()] == pytest.approx(losses[2:], abs=1e-5)
    assert again.is_done
    torch.testing.assert_close(again.weights().reading, whole.weights().reading)
    for name, factor in whole.weights().adapter.up.items():
        torch.testing.assert_close(again.weights().adapter.up[name], factor)
    assert float(whole.weights().adapter.up["1.qkv"].abs().max()) > 0


def test_a_run_can_go_on_from_weights(base: MiniLm, tmp_path: Path) -> None:
    pools = [a_pool(*(a_list([place]) for place in range(6)))]
    first = Trainer(base, pools, RECIPE, tmp_path)
    first.step()
    begun = first.weights()
    (tmp_path / "on").mkdir()
    wider = replace(RECIPE, rank=3, first_layer=0)
    again = Trainer(base, pools, wider, tmp_path / "on", begun)
    assert torch.equal(again.weights().reading, begun.reading)
    example = Example(pool=pools[0], asked=pools[0].lists[2])
    torch.testing.assert_close(
        show_whole(example).features(again.encoder(), gradient=False),
        show_whole(example).features(first.encoder(), gradient=False),
        atol=1e-4,
        rtol=1e-4,
    )
    again.step()
    assert not torch.equal(again.weights().reading, begun.reading)


def test_training_learns_its_lists(base: MiniLm, tmp_path: Path) -> None:
    pools = [a_pool(*(a_list([place]) for place in range(6)))]
    recipe = replace(RECIPE, updates=25, lists=6, step=5e-3, start_lists=6)
    trainer = Trainer(base, pools, recipe, tmp_path)
    losses = [trainer.step() for _ in range(25)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    weights = trainer.weights()
    figures = measure(trainer.encoder(), weights.reading, [Example(pool=pools[0], asked=pools[0].lists[5])])
    assert figures["msc first stage"]["n"] == 1
    assert json.dumps(figures)


def test_a_whole_list_is_shown_as_the_product_reads_it() -> None:
    shown = show_whole(Example(pool=a_pool(), asked=a_list([4])))
    assert len(shown.blocks) == 12
    assert list(shown.blocks[1].context) == [2054, 1010, 2000]
    assert shown.facts == []
