"""The block ranker: one seam, every candidate once, no order but its own."""

import math
import random
from dataclasses import replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import pytest
import torch

from recollect.memory.embedder import MiniLmEmbedder
from recollect.memory.errors import WeightsCorrupt
from recollect.memory.types import Candidate, EventSummary, Turn
from recollect.rerank.adapter import Adapter
from recollect.rerank.block import BlockReranker
from recollect.rerank.block_attention import MAX_OWN_TOKENS, Heads
from recollect.rerank.block_pieces import MAX_PIECES, read_pieces
from recollect.rerank.block_reading import features, first_stage
from recollect.rerank.block_weights import SHIPPED, BlockWeights, load_weights, save_weights, shipped_weights

NOTHING = Adapter(down={}, up={})
SAID = (
    "We had pizza with anchovies.",
    "I adopted a beagle called Biscuit yesterday.",
    "My knee hurts since the run.",
    "The wedding is in a barn near Ghent.",
)


def candidate(number: int, text: str) -> Candidate:
    turn = Turn(
        id=number,
        user="alice",
        conversation="c",
        session="1",
        position=number + 1,
        speaker="Alice",
        text=text,
        said_at=datetime(2026, 3, 2, 18),
    )
    return Candidate(memory=turn, lexical=0.0, dense=None, fused=-float(number))


CANDIDATES = [candidate(number, text) for number, text in enumerate(SAID)]


@pytest.fixture(scope="module")
def ranker() -> BlockReranker:
    return BlockReranker(MiniLmEmbedder(dtype=torch.float32))


def test_the_answer_comes_first_and_every_candidate_once(ranker: BlockReranker) -> None:
    ranked = ranker.rank("What is Alice's dog called?", CANDIDATES)
    assert ranked[0].memory == CANDIDATES[1].memory
    assert sorted(one.memory.id for one in ranked) == [0, 1, 2, 3]
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    assert ranked[0].stages["block"] == ranked[0].score
    assert ranked[0].stages["fused"] == -1.0


def test_shuffled_candidates_get_the_same_scores(ranker: BlockReranker) -> None:
    straight = {one.memory.id: one.score for one in ranker.rank("Where is the wedding?", CANDIDATES)}
    shuffled = CANDIDATES.copy()
    random.Random(1).shuffle(shuffled)
    again = {one.memory.id: one.score for one in ranker.rank("Where is the wedding?", shuffled)}
    assert again == pytest.approx(straight, abs=1e-4)


def test_equal_candidates_keep_their_order(ranker: BlockReranker) -> None:
    twins = [replace(candidate(number, SAID[1]), fused=0.0) for number in (5, 2, 9)]
    assert [one.memory.id for one in ranker.rank("Which dog?", twins)] == [5, 2, 9]


def test_none_one_and_very_long_candidates_are_ranked(ranker: BlockReranker) -> None:
    assert ranker.rank("Which dog?", []) == []
    assert [one.memory.id for one in ranker.rank("Which dog?", CANDIDATES[:1])] == [0]
    assert len(ranker.rank("", [candidate(1, "word " * 50_000), CANDIDATES[0]])) == 2


def test_an_event_summary_is_a_candidate_like_any_other(ranker: BlockReranker) -> None:
    event = EventSummary(
        id=77,
        user="alice",
        conversation="c",
        session="1",
        text="Alice adopts a dog.",
        happened_at=datetime(2026, 3, 1),
        kind="anchor",
        turns=(1,),
    )
    candidates = [CANDIDATES[0], Candidate(memory=event, lexical=0.0, dense=0.5, fused=0.0)]
    assert {one.memory.id for one in ranker.rank("Which pet?", candidates)} == {0, 77}


def test_weights_of_another_encoder_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ranker.safetensors"
    save_weights(BlockWeights(adapter=NOTHING, reading=torch.ones(149), encoder="0" * 64), path)
    with pytest.raises(WeightsCorrupt, match="no block ranker of this version"):
        load_weights(path)
    with pytest.raises(WeightsCorrupt, match="expected 1234; install Recollect again"):
        load_weights(path, sha256="1234")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(WeightsCorrupt, match="Cannot read"):
        load_weights(path)
    with pytest.raises(WeightsCorrupt, match="Cannot read"):
        load_weights(tmp_path / "absent")


def test_weights_come_back_as_they_were_saved(tmp_path: Path) -> None:
    adapter = Adapter(down={"2.qkv": torch.randn(2, 384)}, up={"2.qkv": torch.randn(1152, 2)})
    saved = BlockWeights(adapter=adapter, reading=torch.randn(149))
    sha256 = save_weights(saved, tmp_path / "ranker.safetensors", told={"seed": 1})
    loaded = load_weights(tmp_path / "ranker.safetensors", sha256=sha256)
    assert torch.equal(loaded.reading, saved.reading)
    assert torch.equal(loaded.adapter.up["2.qkv"], adapter.up["2.qkv"].to(torch.bfloat16))


def test_the_shipped_weights_are_small_and_pass_their_checksum() -> None:
    weights = shipped_weights()
    assert weights.reading.shape == (149,)
    assert Path(str(files("recollect.rerank").joinpath(SHIPPED))).stat().st_size < 8_000_000


def test_features_are_logs_shares_and_what_stands_beside() -> None:
    heads = Heads(mass=torch.tensor([[0.1, 0.2, 0.3, 0.4]]), tokens=torch.tensor([10, 10, 10, 10]))
    read = features(heads, first_stage("What did Bob say?", CANDIDATES))
    assert read.shape == (4, 2 * 1 + 4 + 1)
    assert read[:, 0].mean().item() == pytest.approx(0.0, abs=1e-6)
    assert (read[3, 0] - read[0, 0]).item() == pytest.approx(0.5 * math.log(4), abs=1e-4)
    assert read[:, 1].tolist() == pytest.approx([0.25, 0.5, 0.75, 1.0], abs=1e-5)
    assert read[:, 2].tolist() == pytest.approx([1.3416408, 0.4472136, -0.4472136, -1.3416408])  # fused 0, -1, -2, -3
    assert read[:, 3:6].abs().max().item() == 0.0  # scores all the same; Bob said none of it
    assert read[:, 6].tolist() == pytest.approx([math.log(10)] * 4)


def test_a_long_memory_is_found_by_its_end(ranker: BlockReranker) -> None:
    filler = "The weather was grey and we stayed at home all day doing nothing much. " * 25
    long = candidate(7, filler + "I adopted a beagle called Biscuit yesterday.")
    ranked = ranker.rank("Which beagle did Alice adopt?", [CANDIDATES[0], CANDIDATES[2], long])
    assert ranked[0].memory.id == 7
    hottest = max(ranked[0].heat, key=lambda heat: heat.share)
    assert hottest.start > len(filler) - 100


def test_of_a_very_long_memory_the_pieces_nearest_the_question_are_read() -> None:
    encoder = MiniLmEmbedder()
    long = candidate(7, "Nothing happened at all today, again. " * 2_000 + "The beagle barked.")
    pieces = read_pieces(encoder, "Did the beagle bark?", [long, CANDIDATES[0]])
    assert [piece.candidate for piece in pieces].count(0) == MAX_PIECES
    assert any(piece.places[-1][1] == len(long.memory.text) for piece in pieces if piece.candidate == 0)
    assert all(len(piece.block.own) <= MAX_OWN_TOKENS for piece in pieces)


def test_only_short_turns_are_read_beside_the_turn_before() -> None:
    before = "Bob: How many dogs do you have?"
    told = [
        replace(candidate(0, "Three of them."), preceding=before),
        replace(candidate(1, "word " * 40), preceding=before),
    ]
    short, long = read_pieces(MiniLmEmbedder(), "How many dogs?", told)
    assert len(short.block.context) > 5
    assert not long.block.context


@pytest.mark.parametrize("text", ["", "   ", "\n", "🐕🐕 👩‍👩‍👧", "我有一只叫饼干的狗。", "a" * 5_000])
def test_odd_texts_are_ranked_and_their_heat_lies_in_them(ranker: BlockReranker, text: str) -> None:
    ranked = ranker.rank("Which dog? 狗", [candidate(0, text), CANDIDATES[1]])
    (odd,) = (one for one in ranked if one.memory.id == 0)
    assert all(0 <= heat.start < heat.end <= len(text) for heat in odd.heat)
    assert math.isfinite(odd.score)


def test_heat_is_told_in_order_and_adds_up_to_at_most_one(ranker: BlockReranker) -> None:
    (best, *_) = ranker.rank("What is Alice's dog called?", CANDIDATES)
    starts = [heat.start for heat in best.heat]
    assert starts == sorted(starts)
    assert 0 < sum(heat.share for heat in best.heat) <= 1 + 1e-4
    assert "".join(best.memory.text[heat.start : heat.end] for heat in best.heat) == best.memory.text.replace(" ", "")


def test_event_summaries_are_read_before_the_candidates(ranker: BlockReranker) -> None:
    told = EventSummary(
        id=50,
        user="alice",
        conversation="c",
        session="1",
        text="Alice marries in a barn.",
        happened_at=datetime(2026, 3, 2, 18),
        kind="anchor",
        turns=(3,),
    )
    without = {one.memory.id: one.score for one in ranker.rank("Where is the wedding?", CANDIDATES)}
    with_events = {
        one.memory.id: one.score for one in ranker.rank("Where is the wedding?", CANDIDATES, events=[told])
    }
    assert with_events != pytest.approx(without, abs=1e-3)
    assert max(with_events, key=lambda number: with_events[number]) == 3
