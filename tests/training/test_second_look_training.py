"""Training the second look: it sees what the product reads, learns, ends where a whole run does, and is written."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recollect.memory.embedder import MiniLmEmbedder, minilm_folder
from recollect.memory.minilm import MiniLm
from recollect.memory.types import Candidate, NewTurn, Scope
from recollect.rerank.adapter import Adapter
from recollect.rerank.block import BlockReranker
from recollect.rerank.block_weights import BlockWeights, shipped_weights
from recollect.rerank.line_reader import LineReader
from recollect.rerank.second_look import SecondLook
from recollect.rerank.span_rows import MOST_LINE_TOKENS, read_rows
from recollect.rerank.span_weights import SpanWeights, load_weights
from recollect.training import block_qr
from recollect.training.asked import AskedList, AskedPool, Asker
from recollect.training.block_lists import Example
from recollect.training.corpora import Conversation, Question
from recollect.training.second_look import Recipe, Trainer, mixed, ordering_loss
from recollect.training.second_look_lists import (
    FAR_LINES,
    MOST_EVIDENCE,
    NEAR,
    Heads,
    HeadsList,
    ShownLines,
    drawn_lists,
    line_rows,
    shown_lines,
)
from recollect.training.second_look_measure import looked_at, measure
from recollect.training.second_look_run import Plan, run
from recollect.wiring import open_memory

TURNS = 40


def a_list(evidence: list[int], *, doubtful: tuple[int, ...] = (), turns: int = TURNS) -> AskedList:
    scores = np.linspace(1.0, 0.0, turns).astype(np.float32)
    return AskedList(
        kind="single",
        question=np.array([2054, 2054 + evidence[0], 1029], dtype=np.uint16),
        candidates=np.arange(turns, dtype=np.int32),
        lexical=scores,
        dense=scores,
        fused=scores,
        evidence=np.array(evidence, dtype=np.int32),
        doubtful=np.isin(np.arange(turns), doubtful),
        named=np.zeros(turns, dtype=np.float32),
    )


def a_pool(*lists: AskedList, corpus: str = "msc") -> AskedPool:
    return AskedPool(
        corpus=corpus,
        turns=tuple(np.array([2054 + place, 1010, 2000 + 7 * place], dtype=np.uint16) for place in range(TURNS)),
        before=np.arange(-1, TURNS - 1, dtype=np.int32),
        lists=lists,
    )


def in_order(asked: AskedList) -> HeadsList:
    """The heads say what the first stage does."""
    return HeadsList(example=Example(pool=a_pool(asked), asked=asked), scores=asked.fused)


def places(shown: ShownLines) -> list[int]:
    return [line[0].ids[line[0].first] - 2054 for line in shown.rows]


@pytest.fixture(scope="module")
def base() -> MiniLm:
    whole = MiniLm(minilm_folder(), sha256=None, dtype=torch.float32)
    return whole.with_layers(whole.layers[:2])


@pytest.fixture(scope="module")
def start() -> SpanWeights:
    head = torch.randn(3, 385, generator=torch.Generator().manual_seed(5)) * 0.02
    return SpanWeights(adapter=Adapter(down={}, up={}), head=head)


def test_most_lines_shown_are_such_as_the_heads_take_for_the_answer() -> None:
    listed = in_order(a_list([1, 30, 2, 5, 6, 39], doubtful=(3, 4, 31)))
    for seed in range(8):
        shown = shown_lines(listed, 16, random.Random(seed))
        assert shown is not None
        evidence = [place for place, tells in zip(places(shown), shown.is_evidence, strict=True) if tells]
        others = [place for place, tells in zip(places(shown), shown.is_evidence, strict=True) if not tells]
        assert len(evidence) == MOST_EVIDENCE
        assert set(evidence) <= {1, 30, 2, 5, 6, 39}
        assert len(others) == 16 - MOST_EVIDENCE
        assert not {3, 4, 31, *evidence} & set(others)
        assert sum(place >= NEAR for place in others) == FAR_LINES
        assert len(set(places(shown))) == 16


def test_a_list_without_evidence_near_the_top_or_without_others_shows_nothing() -> None:
    unseen = replace(a_list([1]), evidence=np.array([99], dtype=np.int32))
    assert shown_lines(in_order(unseen), 16, random.Random(1)) is None
    assert shown_lines(in_order(a_list([0, 1, 2], turns=3)), 16, random.Random(1)) is None


def test_lines_are_read_as_the_product_reads_them() -> None:
    encoder = MiniLmEmbedder()
    said = ["Ann: Which dogs?", "Bo: Three beagles.", "Ann: " + "my old greyhound " * MOST_LINE_TOKENS]
    question = "Which dogs does Bo have?"
    ids = [np.array(one, dtype=np.uint16) for one in encoder.token_ids(said)]
    asked = replace(a_list([1], turns=3), question=np.array(encoder.token_ids([question])[0], dtype=np.uint16))
    pool = AskedPool(corpus="msc", turns=tuple(ids), before=np.array([-1, 0, 1], dtype=np.int32), lists=(asked,))
    read = [line_rows(Example(pool=pool, asked=asked), place) for place in range(3)]
    wanted = read_rows(encoder, question, said, ["", *said[:2]])
    assert [row.ids for line in read for row in line] == [row.ids for row in wanted]
    assert len(read[2]) > 1  # a long line is read in windows


def test_the_loss_falls_when_evidence_is_told_apart() -> None:
    shown = shown_lines(in_order(a_list([1])), 6, random.Random(1))
    assert shown is not None
    evidence = torch.tensor(shown.is_evidence).float()
    assert ordering_loss(4 * evidence, shown, 0.03) < ordering_loss(torch.zeros(6), shown, 0.03)
    assert ordering_loss(-4 * evidence, shown, 0.0) > ordering_loss(torch.zeros(6), shown, 0.0)
    # alone, the cross-entropy tells odds that are all too high from right ones
    assert ordering_loss(evidence * 8 + 9, shown, 0.5) > ordering_loss(evidence * 8 - 4, shown, 0.5)


RECIPE = Recipe(updates=4, lists=2, lines=6, rank=2, warm_up=1)


def test_an_interrupted_run_ends_where_a_whole_one_does(base: MiniLm, start: SpanWeights, tmp_path: Path) -> None:
    lists = [in_order(a_list([place])) for place in range(6)]
    for name in ("whole", "halves"):
        (tmp_path / name).mkdir()
    whole = Trainer(base, start, lists, RECIPE, tmp_path / "whole")
    losses = [whole.step() for _ in range(4)]
    halves = Trainer(base, start, lists, RECIPE, tmp_path / "halves")
    assert [halves.step(), halves.step()] == losses[:2]
    halves.save()
    halves.step()  # lost with the process
    again = Trainer(base, start, lists, RECIPE, tmp_path / "halves")
    assert again.update == 2
    assert [again.step(), again.step()] == pytest.approx(losses[2:], abs=1e-5)
    assert again.is_done
    torch.testing.assert_close(again.weights().head, whole.weights().head)
    for name, factor in whole.weights().adapter.up.items():
        torch.testing.assert_close(again.weights().adapter.up[name], factor)
    assert not torch.equal(whole.weights().head, start.head)
    assert float(whole.weights().adapter.up["1.qkv"].abs().max()) > 0


def test_it_learns_its_lists_and_is_better_than_the_heads_then(
    base: MiniLm, start: SpanWeights, tmp_path: Path
) -> None:
    lists = [in_order(a_list([place])) for place in (3, 5, 7, 9)]
    trainer = Trainer(base, start, lists, replace(RECIPE, updates=30, lists=4, lines=12, step=5e-3), tmp_path)
    losses = [trainer.step() for _ in range(30)]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    figures = measure(base, trainer.weights(), lists)
    assert (figures["msc heads"]["R@3"], figures["msc heads"]["R@5"]) == (0.0, 25.0)
    assert figures["msc second look"]["R@3"] >= 50.0
    assert figures["msc second look"]["R@5"] == 100.0
    assert figures["msc second look"]["n"] == 4


def test_mixed_weights_are_those_between(start: SpanWeights) -> None:
    drawn = torch.Generator().manual_seed(1)
    down, up = torch.randn(2, 384, generator=drawn), torch.randn(384, 2, generator=drawn)
    trained = SpanWeights(adapter=Adapter(down={"0.attended": down}, up={"0.attended": up}), head=start.head + 1.0)
    quarter = mixed(start, trained, 0.25, rank=4)
    torch.testing.assert_close(quarter.head, start.head + 0.25)
    change = quarter.adapter.up["0.attended"] @ quarter.adapter.down["0.attended"]
    torch.testing.assert_close(change, 0.25 * up @ down, atol=1e-4, rtol=1e-4)
    reading = torch.zeros(5)
    heads = block_qr.mixed(
        BlockWeights(adapter=start.adapter, reading=reading),
        BlockWeights(adapter=trained.adapter, reading=reading + 4.0),
        0.25,
        rank=4,
    )
    torch.testing.assert_close(heads.reading, reading + 1.0)


def asked_pool(folder: Path, encoder: MiniLmEmbedder, names: tuple[str, ...]) -> tuple[AskedPool, list[Candidate]]:
    """A conversation of 24 turns asked one question through the library, and the same candidates as it gives them."""
    things = ("beagle", "kite", "piano", "canoe", "teapot", "tractor", "ladder", "violin", "helmet")
    turns = [
        NewTurn(
            speaker=names[place % len(names)],
            text=f"For {place + 3} euros I bought a {things[place % 9]} {'once' if place % 3 else 'for my sister'}.",
            said_at="2024-01-01T10:00",
            ref=str(place),
            session=str(place // 8),
        )
        for place in range(24)
    ]
    question = Question(text="What did Bo buy for his sister?", evidence=("3", "9"), kind="")
    conversation = Conversation(id="c", split="dev", speakers=names, turns=tuple(turns), questions=(question,))
    with open_memory(folder / "m.db", user="x") as root:
        pool = Asker(root.as_user, encoder, limit=100, seed=1).ask("msc", conversation, {"": 10})
        memory = root.as_user("msc dev c")
        found = memory.archive.recall.recall(question.text, scope=memory.scope({}) or Scope(), limit=100).candidates
        return pool, list(found)


@pytest.mark.parametrize("names", [("Ann", "Bo"), ("Ann", "Bo", "Cy")], ids=["two", "several"])
def test_what_is_measured_is_what_the_product_ranks(names: tuple[str, ...], tmp_path: Path) -> None:
    encoder = MiniLmEmbedder(dtype=torch.float32)
    pool, candidates = asked_pool(tmp_path, encoder, names)
    assert pool.several_speak is (len(names) > 2)
    drawn = torch.Generator().manual_seed(3)
    weights = SpanWeights(adapter=Adapter(down={}, up={}), head=torch.randn(3, 385, generator=drawn))
    (listed,) = [Heads(encoder.model, shipped_weights()).read(Example(pool=pool, asked=one)) for one in pool.lists]
    ours = looked_at(encoder.model, weights, listed, 0.5)
    product = SecondLook(BlockReranker(encoder), LineReader(encoder, weights), weight=0.5)
    ranked = product.rank("What did Bo buy for his sister?", candidates)
    wanted = {scored.memory.id: scored.score for scored in ranked}
    assert [wanted[one.memory.id] for one in candidates] == pytest.approx(ours.tolist(), abs=2e-2)


def test_a_run_writes_weights_and_figures_and_goes_on_from_what_was_written(
    start: SpanWeights, tmp_path: Path
) -> None:
    train = [a_pool(*(a_list([place]) for place in range(4)))]
    held_out = [a_pool(a_list([6]), corpus="qmsum")]
    plan = Plan(recipe=replace(RECIPE, updates=2), start=start, lists=3)
    heard: list[tuple[int, int]] = []
    told = run(
        train,
        held_out,
        plan,
        folder=tmp_path,
        out=tmp_path / "w.safetensors",
        on_update=lambda made, every: heard.append((made, every)),
    )
    assert heard == [(1, 2), (2, 2)]
    assert told["qmsum second look"]["n"] == 1  # type: ignore[index]
    assert len(drawn_lists(train, most=3, drawn=random.Random(1))) == 3
    weights = load_weights(tmp_path / "w.safetensors", sha256=str(told["sha256"]))
    again = run(train, held_out, plan, folder=tmp_path, out=tmp_path / "v.safetensors", on_update=heard.append)  # type: ignore[arg-type]
    assert len(heard) == 2  # it was done
    assert again["sha256"] == told["sha256"]
    torch.testing.assert_close(load_weights(tmp_path / "v.safetensors").head, weights.head)
