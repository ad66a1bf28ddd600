"""Chunks of whole utterances and their order, on conversations small enough to reckon by hand."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from recollect.memory.errors import InvalidInput
from recollect.memory.types import EventSummary, NewTurn, ScoredMemory, Turn
from recollect.rerank.chunks import Chunk, ScoredChunk, chunked, rank_chunks, soft_maximum
from tests.fakes import count_words

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def said(*lines: tuple[str, str]) -> list[NewTurn]:
    """Turns of (session, text), all of Ines."""
    return [NewTurn(speaker="Ines", text=text, session=session) for session, text in lines]


def packed(turns: Sequence[NewTurn], target: int) -> list[list[str]]:
    return [[turn.text for turn in chunk.turns] for chunk in chunked(turns, target_tokens=target, count=count_words)]


def test_turns_are_packed_in_order_up_to_the_target_speakers_counted() -> None:
    turns = said(("1", "a b"), ("1", "c"), ("1", "d e f"), ("1", "g"))  # 3, 2, 4 and 2 words with "Ines:"
    assert packed(turns, 5) == [["a b", "c"], ["d e f"], ["g"]]
    assert packed(turns, 6) == [["a b", "c"], ["d e f", "g"]]
    assert packed(turns, 99) == [["a b", "c", "d e f", "g"]]
    assert [chunk.tokens for chunk in chunked(turns, target_tokens=6, count=count_words)] == [5, 6]


def test_a_chunk_ends_with_its_session() -> None:
    assert packed(said(("1", "a"), ("1", "b"), ("2", "c"), ("2", "d")), 99) == [["a", "b"], ["c", "d"]]


def test_an_utterance_longer_than_the_target_is_whole_and_alone() -> None:
    long = "one two three four five six"
    assert packed(said(("1", "a"), ("1", long), ("1", "b"), ("1", "c")), 4) == [["a"], [long], ["b", "c"]]


def test_nothing_gives_no_chunks_and_no_target_is_refused() -> None:
    assert packed([], 5) == []
    with pytest.raises(InvalidInput, match="at least 1"):
        packed([], 0)


def turn(number: int) -> Turn:
    return Turn(
        id=number,
        user="u",
        conversation="c",
        session="1",
        position=number,
        speaker="Ines",
        text=f"turn {number}",
        said_at=NOON,
    )


def chunk(*numbers: int) -> Chunk[Turn]:
    return Chunk(turns=tuple(turn(number) for number in numbers), tokens=len(numbers))


def scored(**scores: float) -> list[ScoredMemory]:
    """Scores by turn, t1=2.0 being turn 1's, best first."""
    ordered = sorted(scores.items(), key=lambda item: -item[1])
    return [ScoredMemory(memory=turn(int(name[1:])), score=score, stages={}) for name, score in ordered]


def ids(found: Sequence[ScoredChunk]) -> list[tuple[int, ...]]:
    return [tuple(one.id for one in ranked.chunk.turns) for ranked in found]


def test_at_temperature_zero_the_best_turn_ranks_its_chunk() -> None:
    ranked = scored(t1=4.0, t3=2.0, t4=-1.0, t5=-2.0, t2=-3.0)
    found = rank_chunks(ranked, [chunk(3, 4), chunk(1, 2), chunk(5)], temperature=0)
    assert ids(found) == [(1, 2), (3, 4), (5,)]
    deviation = math.sqrt((16 + 4 + 1 + 4 + 9) / 5)  # about a mean of 0
    assert [one.score for one in found] == pytest.approx([4 / deviation, 2 / deviation, -2 / deviation])


def test_several_good_turns_outweigh_a_better_one_when_it_is_warm() -> None:
    ranked = scored(t1=2.0, t2=1.5, t3=1.5, t4=-5.0)  # mean 0, so z are proportional
    chunks = [chunk(1, 4), chunk(2, 3)]
    assert ids(rank_chunks(ranked, chunks, temperature=0)) == [(1, 4), (2, 3)]
    assert ids(rank_chunks(ranked, chunks, temperature=1)) == [(2, 3), (1, 4)]
    deviation = math.sqrt((4 + 2.25 + 2.25 + 25) / 4)
    best = rank_chunks(ranked, chunks, temperature=1)[0]
    assert best.score == pytest.approx(1.5 / deviation + math.log(2))


def test_scores_are_standardised_so_that_their_scale_does_not_matter() -> None:
    small, large = scored(t1=0.02, t2=0.015, t3=0.015, t4=-0.05), scored(t1=220.0, t2=170.0, t3=170.0, t4=-480.0)
    chunks = [chunk(1, 4), chunk(2, 3)]
    assert [one.score for one in rank_chunks(small, chunks)] == pytest.approx(
        [one.score for one in rank_chunks(large, chunks)]
    )


def test_chunks_without_a_ranked_turn_come_last_in_their_order() -> None:
    found = rank_chunks(scored(t5=1.0, t6=-1.0), [chunk(1, 2), chunk(3), chunk(6), chunk(4, 5)])
    assert ids(found) == [(4, 5), (6,), (1, 2), (3,)]
    assert [one.score for one in found[2:]] == [-math.inf, -math.inf]


def test_equal_scores_keep_the_order_of_the_chunks() -> None:
    assert ids(rank_chunks(scored(t1=1.0, t2=1.0, t3=1.0), [chunk(3), chunk(1), chunk(2)])) == [(3,), (1,), (2,)]
    assert ids(rank_chunks([], [chunk(2), chunk(1)])) == [(2,), (1,)]
    assert rank_chunks(scored(t1=1.0), []) == []


def test_a_turn_ranked_twice_counts_once() -> None:
    twice = [*scored(t1=3.0, t2=1.0, t3=-4.0), ScoredMemory(memory=turn(1), score=3.0, stages={})]
    score = {one.chunk.turns[0].id: one.score for one in rank_chunks(twice, [chunk(1), chunk(2)])}
    deviation = math.sqrt(sum((value - 0.75) ** 2 for value in (3, 1, -4, 3)) / 4)
    assert score[1] == pytest.approx((3 - 0.75) / deviation)


def test_event_summaries_rank_no_chunk() -> None:
    event = EventSummary(
        id=9, user="u", conversation="c", session="1", text="An event.", happened_at=NOON, kind="anchor", turns=(2,)
    )
    ranked = [ScoredMemory(memory=event, score=5.0, stages={}), *scored(t1=1.0, t2=0.0)]
    assert ids(rank_chunks(ranked, [chunk(2), chunk(1)])) == [(1,), (2,)]


def test_the_soft_maximum_lies_between_the_best_and_all_of_them_together() -> None:
    assert soft_maximum([1.0, 2.0], 0) == 2.0
    assert soft_maximum([1.0, 2.0], 1) == pytest.approx(math.log(math.e + math.e**2))
    assert soft_maximum([700.0, 700.0], 0.5) == pytest.approx(700 + 0.5 * math.log(2))  # exp(1400) is no number
    assert soft_maximum([], 1) == -math.inf
    assert soft_maximum([1.0], 3) == 1.0


@pytest.mark.parametrize("temperature", [-0.1, math.nan])
def test_a_temperature_below_nothing_is_refused(temperature: float) -> None:
    with pytest.raises(InvalidInput, match="temperature"):
        rank_chunks(scored(t1=1.0), [chunk(1)], temperature=temperature)
