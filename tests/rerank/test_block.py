"""The block ranker: one seam, every candidate once, no order but its own."""

import random
from dataclasses import replace
from datetime import datetime

import pytest
import torch

from recollect.memory.embedder import MINILM_SHA256, MiniLmEmbedder
from recollect.memory.errors import RecollectError
from recollect.memory.types import Candidate, EventSummary, Turn
from recollect.rerank.block import BlockReranker
from recollect.rerank.block_attention import Heads
from recollect.rerank.head_reading import HeadReading, features

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


def test_weights_of_another_encoder_are_refused() -> None:
    with pytest.raises(RecollectError, match="another encoder"):
        BlockReranker(MiniLmEmbedder(), HeadReading(weights=torch.zeros(220), encoder="0" * 64))


def test_features_are_z_scores_and_shares() -> None:
    heads = Heads(mass=torch.tensor([[0.1, 0.2, 0.3, 0.4]]), tokens=torch.tensor([10, 10, 10, 10]))
    read = features(heads, CANDIDATES)
    assert read.shape == (4, 3 * 1 + 4)
    assert read[:, 0].mean().item() == pytest.approx(0.0, abs=1e-6)  # log mass, as z-scores
    assert read[:, 1].tolist() == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0], abs=1e-6)  # mass, scaled
    assert read[:, 2].tolist() == pytest.approx(read[:, 0].tolist(), abs=1e-5)  # equal lengths: as log mass
    assert read[:, 3].tolist() == pytest.approx([1.3416408, 0.4472136, -0.4472136, -1.3416408])  # fused 0, -1, -2, -3
    assert read[:, 4].tolist() == pytest.approx([2.3025851] * 4)
    assert read[:, 5:].abs().max().item() == 0.0  # all lexical and dense scores are the same


def test_the_shipped_weights_fit_the_encoder() -> None:
    assert BlockReranker(MiniLmEmbedder()).name == "block"
    assert len(MINILM_SHA256) == 64
