"""The block ranker: one seam, every candidate once, no order but its own."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from recollect.memory.embedder import MiniLmEmbedder
from recollect.memory.errors import RerankError
from recollect.memory.types import Candidate, ScoredMemory
from recollect.rerank.adapter import Adapter
from recollect.rerank.block import READ, BlockReranker
from recollect.rerank.block_weights import BlockWeights
from tests.rerank.candidates import candidate, event

SAID = (
    "We had pizza with anchovies.",
    "I adopted a beagle called Biscuit yesterday.",
    "My knee hurts since the run.",
    "The wedding is in a barn near Ghent.",
)
CANDIDATES = [candidate(number, text, fused=-float(number)) for number, text in enumerate(SAID)]
WEDDING = event(50, "Alice marries in a barn.", (3,))


@pytest.fixture(scope="module")
def ranker() -> BlockReranker:
    return BlockReranker(MiniLmEmbedder(dtype=torch.float32))


def ids(ranked: Sequence[ScoredMemory]) -> list[int]:
    return [one.memory.id for one in ranked]


def scores(ranked: Sequence[ScoredMemory]) -> dict[int, float]:
    return {one.memory.id: one.score for one in ranked}


def test_the_answer_comes_first_and_every_candidate_once(ranker: BlockReranker) -> None:
    ranked = ranker.rank("What is Alice's dog called?", CANDIDATES)
    assert ranked[0].memory == CANDIDATES[1].memory
    assert sorted(ids(ranked)) == [0, 1, 2, 3]
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    stages = dict(ranked[0].stages)
    assert stages.pop("block") + stages.pop("beside") == ranked[0].score
    assert stages == {"lexical": 0.0, "fused": -1.0}


def test_what_stands_beside_the_answer_gains_by_it(ranker: BlockReranker) -> None:
    question = "What is Alice's dog called?"
    found = {one.memory.id: one.stages for one in ranker.rank(question, CANDIDATES)}
    readings = sorted(stages["block"] for stages in found.values())
    usual = (readings[1] + readings[2]) / 2
    assert found[0]["beside"] == found[2]["beside"] == pytest.approx(0.3 * (found[1]["block"] - usual), rel=1e-6)
    assert found[3]["beside"] == pytest.approx(0.3 * max(0.0, found[2]["block"] - usual), rel=1e-6)
    alone = BlockReranker(MiniLmEmbedder(dtype=torch.float32), neighbours=0.0).rank(question, CANDIDATES)
    assert {one.memory.id: one.score for one in alone} == {
        number: stages["block"] for number, stages in found.items()
    }


def test_the_question_decides(ranker: BlockReranker) -> None:
    assert ranker.rank("Where is the wedding?", CANDIDATES)[0].memory.id == 3
    assert ranker.rank("Which food did Alice eat?", CANDIDATES)[0].memory.id == 0


def shuffles(candidates: Sequence[Candidate], count: int) -> list[list[Candidate]]:
    return [random.Random(seed).sample(candidates, len(candidates)) for seed in range(count)]


def crowd() -> list[Candidate]:
    """Thirty turns of all lengths, one in pieces: enough for every bucket and its padding.

    Three are the same, each alone in its session: what stands beside them would tell them apart.
    """
    drawn = random.Random(0)
    words = " ".join(SAID).split()
    texts = [" ".join(drawn.choices(words, k=drawn.randrange(1, 24))) for _ in range(26)]
    texts += [SAID[1]] * 3 + [" ".join(drawn.choices(words, k=180))]
    told: list[Candidate] = []
    for number, text in enumerate(texts):
        fused, session = (0.5, f"alone {number}") if text == SAID[1] else (drawn.random(), "1")
        told.append(candidate(number, text, preceding="Bob: And then?", fused=fused, session=session))
    return told


@pytest.mark.parametrize(
    ("dtype", "eight_bits"), [(torch.float32, False), (torch.bfloat16, False), (torch.bfloat16, True)]
)
def test_shuffled_candidates_get_exactly_the_same_scores(dtype: torch.dtype, eight_bits: bool) -> None:
    ranker = BlockReranker(MiniLmEmbedder(dtype=dtype), eight_bits=eight_bits)
    told = [event(90, "Alice adopts a dog.", (26, 3)), event(91, "Alice has a wedding to go to.", (5, 9))]
    straight = ranker.rank("Which dog did Alice adopt?", crowd(), events=told)
    assert len(set(scores(straight).values())) == 28
    for shuffled in shuffles(crowd(), 3):
        again = ranker.rank("Which dog did Alice adopt?", shuffled, events=told)
        assert scores(again) == scores(straight)
        assert {one.memory.id: one.heat for one in again} == {one.memory.id: one.heat for one in straight}


def test_equal_candidates_keep_the_order_they_came_in_among_others(ranker: BlockReranker) -> None:
    equal = {26, 27, 28}
    for shuffled in shuffles(crowd(), 3):
        ranked = ranker.rank("Which dog did Alice adopt?", shuffled)
        came = [one.memory.id for one in shuffled if one.memory.id in equal]
        assert [number for number in ids(ranked) if number in equal] == came
        assert len({one.score for one in ranked if one.memory.id in equal}) == 1


def test_nothing_but_equal_candidates_stay_as_they_are(ranker: BlockReranker) -> None:
    twins = [candidate(number, SAID[1]) for number in (5, 2, 9)]
    assert ids(ranker.rank("Which dog?", twins)) == [5, 2, 9]
    assert ids(ranker.rank("Which dog?", [twins[0]] * 3)) == [5, 5, 5]


def test_the_first_stage_counts_between_candidates_that_say_the_same(ranker: BlockReranker) -> None:
    twins = [candidate(number, SAID[1], fused=float(number)) for number in (1, 3, 2)]
    assert len(set(scores(ranker.rank("Which dog?", twins)).values())) == 3


def test_no_candidate_and_one_are_ranked(ranker: BlockReranker) -> None:
    assert ranker.rank("Which dog?", []) == []
    (alone,) = ranker.rank("Which dog?", CANDIDATES[:1], events=[WEDDING])
    assert alone.memory.id == 0
    assert math.isfinite(alone.score)


def test_questions_without_words_are_ranked(ranker: BlockReranker) -> None:
    for question in ("", "  ", "?", "\ud800"):
        ranked = ranker.rank(question, CANDIDATES)
        assert sorted(ids(ranked)) == [0, 1, 2, 3]
        assert all(math.isfinite(one.score) for one in ranked)


def test_an_event_summary_is_a_candidate_like_any_other(ranker: BlockReranker) -> None:
    told = Candidate(memory=event(77, "Alice adopts a dog.", (1,)), lexical=0.0, dense=0.5, fused=0.0)
    ranked = ranker.rank("Which pet?", [CANDIDATES[0], told])
    assert set(ids(ranked)) == {0, 77}
    assert {one.memory.id: one.stages.get("dense") for one in ranked} == {0: None, 77: 0.5}


def test_a_long_memory_is_found_by_its_end(ranker: BlockReranker) -> None:
    filler = "The weather was grey and we stayed at home all day doing nothing much. " * 25
    long = candidate(7, filler + SAID[1])
    ranked = ranker.rank("Which beagle did Alice adopt?", [CANDIDATES[0], CANDIDATES[2], long])
    assert ranked[0].memory.id == 7
    assert max(ranked[0].heat, key=lambda heat: heat.share).start > len(filler) - 100


def test_a_memory_beyond_all_bounds_is_ranked_and_told_to_its_end(ranker: BlockReranker) -> None:
    text = "word " * 8_000 + "beagle"
    ranked = ranker.rank("Which beagle?", [candidate(1, text), CANDIDATES[0]])
    (long,) = (one for one in ranked if one.memory.id == 1)
    assert long.heat[-1].end == len(text)
    assert len(long.heat) < 2_000


@pytest.mark.parametrize("text", ["", "   ", "\n", "🐕🐕 👩‍👩‍👧", "我有一只叫饼干的狗。", "a" * 5_000])
def test_odd_texts_are_ranked_and_their_heat_lies_in_them(ranker: BlockReranker, text: str) -> None:
    ranked = ranker.rank("Which dog? 狗", [candidate(0, text), CANDIDATES[1]])
    (odd,) = (one for one in ranked if one.memory.id == 0)
    assert all(0 <= heat.start < heat.end <= len(text) for heat in odd.heat)
    assert bool(odd.heat) == bool(text.strip())
    assert math.isfinite(odd.score)


@pytest.mark.parametrize("mark", ["[CLS] [CLS] [CLS]", "[SEP]" * 30, "[MASK] [PAD] [UNK]"])
def test_who_says_the_models_own_marks_draws_no_attention_with_them(ranker: BlockReranker, mark: str) -> None:
    for question, answer in (("What is Alice's dog called?", 1), ("Where is the wedding? [SEP]", 3)):
        assert ranker.rank(question, [*CANDIDATES, candidate(9, mark, fused=-1.5)])[0].memory.id == answer


def test_heat_covers_the_words_in_order_and_adds_up_to_at_most_one(ranker: BlockReranker) -> None:
    for one in ranker.rank("What is Alice's dog called?", CANDIDATES):
        starts = [heat.start for heat in one.heat]
        assert starts == sorted(starts)
        assert all(heat.share >= 0 for heat in one.heat)
        assert 0 < sum(heat.share for heat in one.heat) < 1  # the rest is the speaker's, "Alice:", in no text
        read = "".join(one.memory.text[heat.start : heat.end] for heat in one.heat)
        assert read == one.memory.text.replace(" ", "")


def test_without_a_speaker_all_heat_is_in_the_text(ranker: BlockReranker) -> None:
    told = Candidate(memory=event(77, "Alice adopts a dog.", (1,)), lexical=0.0, dense=None, fused=0.0)
    (one,) = ranker.rank("Which pet?", [told])
    assert sum(heat.share for heat in one.heat) == pytest.approx(1.0, abs=1e-4)


def test_what_was_said_before_a_short_turn_is_read(ranker: BlockReranker) -> None:
    before = ("Bob: How many dogs do you have?", "Bob: How many aunts do you have?")
    told = [candidate(number, "Three of them.", preceding=text) for number, text in enumerate(before)]
    ranked = ranker.rank("How many dogs does Alice have?", told)
    assert ids(ranked) == [0, 1]
    assert ranked[0].score > ranked[1].score


def test_event_summaries_are_read_before_the_candidates(ranker: BlockReranker) -> None:
    without = ranker.rank("Where is the wedding?", CANDIDATES)
    told = ranker.rank("Where is the wedding?", CANDIDATES, events=[WEDDING])
    assert scores(told) != pytest.approx(scores(without), abs=1e-3)
    assert told[0].memory.id == 3


def test_event_summaries_of_other_turns_are_not_read(ranker: BlockReranker) -> None:
    elsewhere = event(51, "Bob moves to Rome.", (999,))
    without = ranker.rank("Where is the wedding?", CANDIDATES)
    assert scores(ranker.rank("Where is the wedding?", CANDIDATES, events=[elsewhere])) == scores(without)


def test_more_events_than_there_is_room_for_are_ranked_beside(ranker: BlockReranker) -> None:
    many = [event(100 + number, f"Alice does thing {number}. " * 60, (number % 4,)) for number in range(12)]
    assert ranker.rank("Where is the wedding?", CANDIDATES, events=many)[0].memory.id == 3


@pytest.mark.parametrize(
    "weights",
    [
        BlockWeights(adapter=Adapter(down={}, up={}), reading=torch.ones(7)),
        BlockWeights(
            adapter=Adapter(down={"2.qkv": torch.ones(1, 5)}, up={"2.qkv": torch.ones(5, 1)}), reading=torch.ones(149)
        ),
        BlockWeights(
            adapter=Adapter(down={"9.qkv": torch.ones(1, 384)}, up={"9.qkv": torch.ones(1152, 1)}),
            reading=torch.ones(149),
        ),
    ],
    ids=["reading", "factors", "layer"],
)
def test_weights_that_do_not_fit_the_encoder_are_an_error_of_ours(weights: BlockWeights) -> None:
    ranker = BlockReranker(MiniLmEmbedder(dtype=torch.float32), weights)
    with pytest.raises(RerankError, match=r"failed on 4 candidates: .*rerank\.name none"):
        ranker.rank("Which dog?", CANDIDATES)


def test_given_weights_are_used(ranker: BlockReranker) -> None:
    only_length = torch.zeros(149)
    only_length[-1] = -1.0
    shortest = BlockReranker(
        MiniLmEmbedder(dtype=torch.float32), BlockWeights(adapter=Adapter(down={}, up={}), reading=only_length)
    )
    told = [replace(candidate(number, "word " * (9 - number)), fused=1.0) for number in range(3)]
    assert ids(shortest.rank("Which dog?", told)) == [2, 1, 0]


def test_candidates_beyond_those_that_are_read_follow_by_the_first_stage(ranker: BlockReranker) -> None:
    many = [candidate(n, f"On day {n} I fed {n * 7} geese.", fused=-0.1 * n) for n in range(READ + 12)]
    for given in (many, *shuffles(many, 3)):
        found = ranker.ranking("How many geese did Alice feed on day 9?", given)
        read, unread = found.memories[:READ], found.memories[READ:]
        assert {one.memory.id for one in read} == set(range(READ))
        assert ids(unread) == list(range(READ, READ + 12))
        assert [one.score for one in unread] == sorted((one.score for one in unread), reverse=True)
        assert unread[0].score < read[-1].score
        assert not any("block" in one.stages or one.heat for one in unread)
    alone = ranker.rank("How many geese did Alice feed on day 9?", many[:READ])
    assert scores(read) == pytest.approx(scores(alone))


def test_candidates_that_read_the_same_have_one_score_on_both_sides_of_the_border(ranker: BlockReranker) -> None:
    many = [candidate(n, f"On day {n} I fed geese.", fused=-0.1 * n) for n in range(READ - 2)]
    many += [candidate(900 + n, "Geese again.", fused=-50.0) for n in range(5)]
    found = scores(ranker.rank("What did Alice feed?", many))
    assert len({found[900 + n] for n in range(5)}) == 1
