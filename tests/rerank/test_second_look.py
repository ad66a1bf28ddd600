"""The second look: only the best are read again, equal memories stay equal, no order but the scores' own."""

import random
from collections.abc import Sequence
from statistics import median

import pytest
import torch

from recollect.memory.embedder import MiniLmEmbedder
from recollect.memory.errors import RerankError
from recollect.memory.types import Candidate, Effort, EventSummary, Heat, ScoredMemory
from recollect.rerank.adapter import Adapter
from recollect.rerank.base import Ranking, brevity, reads_events, stages_of
from recollect.rerank.line_reader import LineReader
from recollect.rerank.neighbours import AMONG_SEVERAL
from recollect.rerank.second_look import MOST_CHARACTERS, READ, SecondLook, most_looked_at
from recollect.rerank.span_rows import Row
from recollect.rerank.span_weights import SpanWeights
from tests.rerank.candidates import candidate

NOTHING = Adapter(down={}, up={})
QUESTION = "What did Alice adopt?"


def weights(width: int = 385) -> SpanWeights:
    return SpanWeights(adapter=NOTHING, head=torch.randn(3, width, generator=torch.Generator().manual_seed(5)))


class Fused:
    """Ranks by the first stage's score, tells that it read ten tokens, and sees nothing but the word "beagle"."""

    name = "fused"
    reads_events = False
    brevity = 0.5

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        return list(self.ranking(question, candidates, events=events).memories)

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        ordered = sorted(candidates, key=lambda one: -one.fused)
        return Ranking(
            memories=tuple(
                ScoredMemory(
                    memory=c.memory,
                    score=c.fused,
                    stages=stages_of(c),
                    heat=_heat(c.memory.text),
                    preceding=c.preceding,
                )
                for c in ordered
            ),
            problems=("It rains.",),
            effort=Effort(tokens=10, flops=1e6),
        )


def _heat(text: str) -> tuple[Heat, ...]:
    at = text.find("beagle")
    return () if at < 0 else (Heat(start=0, end=1, share=0.1), Heat(start=at, end=at + 6, share=0.9))


class Watched(LineReader):
    """Remembers what it was given to read."""

    def __init__(self, encoder: MiniLmEmbedder, given: SpanWeights) -> None:
        super().__init__(encoder, given)
        self.lines: list[str] = []

    def rows(self, question: str, lines: Sequence[str], before: Sequence[str] = ()) -> list[Row]:
        self.lines = list(lines)
        return super().rows(question, lines, before)


@pytest.fixture(scope="module")
def encoder() -> MiniLmEmbedder:
    return MiniLmEmbedder(dtype=torch.float32)


@pytest.fixture
def reader(encoder: MiniLmEmbedder) -> Watched:
    return Watched(encoder, weights())


def crowd(count: int, names: Sequence[str] = ("Alice",)) -> list[Candidate]:
    """Return what the speakers say in turn."""
    return [
        candidate(n, f"On day {n} I fed {n * 7} geese.", speaker=names[n % len(names)], fused=-float(n))
        for n in range(count)
    ]


def scores(ranked: Sequence[ScoredMemory]) -> dict[int, float]:
    return {one.memory.id: one.score for one in ranked}


def test_the_best_are_read_and_the_rest_count_as_the_median_that_was_read(reader: Watched) -> None:
    given = crowd(READ + 9)
    ranked = SecondLook(Fused(), reader, weight=0.5).rank(QUESTION, given)
    assert len(reader.lines) == READ
    assert sorted(one.memory.id for one in ranked) == list(range(READ + 9))
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    odds = {one.memory.id: one.stages["reader"] for one in ranked if "reader" in one.stages}
    assert sorted(odds) == list(range(READ))
    usual = median(odds.values())
    for number, score in scores(ranked).items():
        assert score == pytest.approx(-number + 0.5 * odds.get(number, usual))


def test_neighbours_count_once_more_where_more_than_two_speak(reader: Watched) -> None:
    ranked = SecondLook(Fused(), reader, weight=0.5).rank(QUESTION, crowd(6, ("Ann", "Bo", "Cy")))
    alone = {one.memory.id: -one.memory.id + 0.5 * one.stages["reader"] for one in ranked}
    usual = median(alone.values())
    for one in ranked:
        at = one.memory.id
        lead = max(0.0, *(alone[beside] - usual for beside in (at - 1, at + 1) if beside in alone))
        assert one.stages["beside"] == pytest.approx(AMONG_SEVERAL * lead)
        assert one.score == pytest.approx(alone[at] + AMONG_SEVERAL * lead)
    assert any(one.stages["beside"] > 0.0 for one in ranked)
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)


def test_what_the_reader_says_is_what_it_says_of_each_alone(reader: Watched) -> None:
    ranked = SecondLook(Fused(), reader).rank(QUESTION, crowd(5))
    for one in ranked:
        row = reader.rows(QUESTION, [f"Alice: {one.memory.text}"])
        assert one.stages["reader"] == pytest.approx(float(reader.read(row).tells[0]), abs=1e-4)


def test_a_reply_is_read_beside_what_it_replies_to(reader: Watched) -> None:
    asked = ["How many dogs has Ann?", "Is it late?"]
    replies = [candidate(n, "Three of them.", preceding=f"Bob: {text}") for n, text in enumerate(asked)]
    found = {one.memory.id: one.stages["reader"] for one in SecondLook(Fused(), reader).rank(QUESTION, replies)}
    assert found[0] != found[1]
    for number, text in enumerate(asked):
        row = reader.rows(QUESTION, ["Alice: Three of them."], [f"Bob: {text}"])
        assert found[number] == pytest.approx(float(reader.read(row).tells[0]), abs=1e-4)


@pytest.mark.parametrize("names", [("Alice",), ("Alice", "Bo", "Cy")], ids=["one", "several"])
def test_the_order_of_the_candidates_changes_nothing(names: tuple[str, ...], reader: Watched) -> None:
    given = [*crowd(20, names), candidate(70, "On day 3 I fed 21 geese.", fused=-3.0)]
    look = SecondLook(Fused(), reader)
    expected = scores(look.rank(QUESTION, given))
    for seed in range(5):
        shuffled = random.Random(seed).sample(given, len(given))
        assert scores(look.rank(QUESTION, shuffled)) == expected  # to the last bit


def test_equal_memories_keep_equal_scores_wherever_the_reading_ends(reader: Watched) -> None:
    given = [candidate(n, f"Goose {n % 10}.", fused=-float(n % 10)) for n in range(40)]
    found = scores(SecondLook(Fused(), reader, read=4).rank(QUESTION, given))
    assert len(reader.lines) == 4
    for number in range(10):
        assert len({found[number + ten] for ten in (0, 10, 20, 30)}) == 1


def test_with_one_memory_or_none_there_is_nothing_to_look_at(reader: Watched) -> None:
    look = SecondLook(Fused(), reader)
    assert look.rank(QUESTION, []) == []
    (one,) = look.rank(QUESTION, crowd(1))
    assert (one.score, reader.lines) == (0.0, [])


def test_a_long_memory_is_read_where_most_attention_went(reader: Watched) -> None:
    long = "It rained. " * 300 + "Then I adopted a beagle." + " It rained." * 300
    SecondLook(Fused(), reader).rank(QUESTION, [candidate(1, long), *crowd(2)])
    (read,) = [line for line in reader.lines if "beagle" in line]
    assert read.startswith("Alice: ")
    assert len(read) <= len("Alice: ") + MOST_CHARACTERS


def test_the_stretch_with_most_attention_is_the_one_that_trying_all_finds() -> None:
    drawn = random.Random(4)
    for _ in range(50):
        starts = sorted(drawn.sample(range(900), 40))
        heat = [Heat(start=at, end=at + 1, share=drawn.random()) for at in starts]
        every = {one.start: sum(o.share for o in heat if one.start <= o.start < one.start + 200) for one in heat}
        found = most_looked_at(heat, 900, 200)
        assert every[found] == pytest.approx(max(every.values()))
    assert most_looked_at(heat, 200, 200) == 0
    assert most_looked_at((), 900, 200) == 0


def test_problems_of_the_first_order_and_the_work_of_both_are_told(reader: Watched) -> None:
    found = SecondLook(Fused(), reader).ranking(QUESTION, crowd(3))
    rows = reader.rows(QUESTION, reader.lines)
    assert found.problems == ("It rains.",)
    assert found.effort.tokens == 10 + sum(len(row.ids) for row in rows)
    assert found.effort.flops is not None
    assert found.effort.flops > 1e6 + 2 * 10e6 * sum(len(row.ids) for row in rows)  # 10.6 M weights are in the layers


def test_it_reads_events_as_the_first_does_and_weighs_length_as_it_does(reader: Watched) -> None:
    look = SecondLook(Fused(), reader)
    assert (look.name, reads_events(look), brevity(look)) == ("block", False, 0.5)


def test_weights_that_do_not_fit_the_encoder_are_told(encoder: MiniLmEmbedder) -> None:
    with pytest.raises(RerankError, match="block_heads"):
        SecondLook(Fused(), LineReader(encoder, weights(12))).rank(QUESTION, crowd(3))


def test_a_memory_without_words_is_ranked_all_the_same(reader: Watched) -> None:
    nameless = candidate(9, "\u200b", fused=5.0)
    ranked = SecondLook(Fused(), reader).rank(QUESTION, [nameless, *crowd(3)])
    assert sorted(one.memory.id for one in ranked) == [0, 1, 2, 9]
