"""The library under test: stored once, recalled once a question, ranked by every reranker."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recollect.agent.long_term_memory import LongTermMemory
from recollect.evals.chunk_system import Bm25Chunks, ChunkSystem, stemmed
from recollect.evals.dataset import Conversation, Dataset
from recollect.evals.locomo import load_locomo
from recollect.evals.retrieval import Retrieval, RetrievalSettings
from recollect.evals.run import compare_retrieval
from recollect.evals.system import SharedMemories, TurnSystem
from recollect.evals.units import ChunkUnit
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.errors import InvalidInput
from recollect.memory.store import Store
from recollect.memory.types import Candidate, EventSummary, NewTurn, ScoredMemory
from recollect.rerank.base import FirstStageOrder
from tests.fakes import HashEmbedder, count_words

UNIT = ChunkUnit(count=count_words, target_tokens=14)
"""Of the garden: D1:1 D1:2 (10 words with speakers), D1:3 (6), D2:1 D2:2 (12), D2:3 (8), D4:1 D4:3 (11), D4:4 (5)."""


class Opened:
    """Real memories of a temporary store, with an embedder that can break; counts what they were asked."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self.embedder = HashEmbedder()
        self.names: list[str] = []
        self._folder = folder
        self._opened = opened

    def __call__(self, name: str) -> LongTermMemory:
        self.names.append(name)
        archive = Archive(Store(self._folder / "eval.db"), self.embedder)
        contexts = ContextBuilder(count_words)
        return self._opened.enter_context(LongTermMemory(archive, FirstStageOrder(), contexts, user=name))


@pytest.fixture
def mini(mini_file: Path) -> Dataset:
    return load_locomo(mini_file)


@pytest.fixture
def garden(mini: Dataset) -> Conversation:
    return mini.conversations[0]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    with ExitStack() as stack:
        yield Opened(tmp_path, stack)


class Preferring:
    """Ranks turns that hold a word first, in the order said; scores 10, 9, … and 1 for all others."""

    reads_events = False

    def __init__(self, *words: str) -> None:
        self.name = " ".join(words)
        self._words = words

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        scores = {word: 10.0 - place for place, word in enumerate(self._words)}
        found = [
            ScoredMemory(
                memory=one.memory,
                score=max((score for word, score in scores.items() if word in one.memory.text), default=1.0),
                stages={},
            )
            for one in candidates
        ]
        return sorted(found, key=lambda scored: (-scored.score, scored.memory.id))


def system(memories: SharedMemories, *words: str) -> TurnSystem:
    return TurnSystem(memories, lambda: Preferring(*words))


def test_turns_are_stored_with_their_dia_id_as_ref(opened: Opened, mini: Dataset) -> None:
    memories = SharedMemories(opened)
    turns = memories.ingest(mini.conversations[1])
    assert memories.turns_of(mini.conversations[1].id, "default") == turns
    assert memories.turns_of("a conversation that was not ingested", "default") == ()
    assert [(turn.ref, turn.session, turn.position) for turn in turns] == [
        ("D1:1", "1", 1),
        ("D1:2", "1", 2),
        ("D1:3", "1", 3),
    ]
    assert (turns[2].speaker, turns[2].text) == ("Wen", "Hardly, the heating roared.")
    assert turns[2].said_at.astimezone(UTC) == datetime(2023, 6, 3, 12, 30, tzinfo=UTC)


def test_every_reranker_orders_the_same_candidates(opened: Opened, garden: Conversation) -> None:
    memories = SharedMemories(opened)
    bread, canal = system(memories, "bread"), system(memories, "canal", "bread")
    bread.ingest(garden)
    canal.ingest(garden)
    assert opened.names == ["conv-1"]
    first = bread.retrieve("conv-1", "Which plot?", limit=2, budget=20)
    second = canal.retrieve("conv-1", "Which plot?", limit=2, budget=20)
    assert first.ranked[0] == "D4:3"
    assert second.ranked == ("D1:3", "D4:3")
    assert first.pool == second.pool
    assert first.pool is not None
    assert sorted(first.pool) == sorted(turn.id for turn in garden.turns)
    assert "D4:3" in first.context
    assert 0 < first.context_tokens <= 20


def test_a_question_is_recalled_once_for_all_rerankers(opened: Opened, garden: Conversation) -> None:
    memories = SharedMemories(opened)
    systems = [system(memories, "bread"), system(memories, "canal")]
    for one in systems:
        one.ingest(garden)
    opened.embedder.embedded.clear()
    for question in ("Which plot?", "Who bakes?"):
        for one in systems:
            one.retrieve("conv-1", question, limit=1, budget=20)
    assert opened.embedder.embedded == ["Which plot?", "Who bakes?"]


def test_the_shared_recall_counts_in_the_total_of_each(opened: Opened, garden: Conversation) -> None:
    seconds = iter([0.0, 0.5, 1.0, 1.25, 2.0, 2.125])  # recall, then the first and the second reranker
    memories = SharedMemories(opened, clock=seconds.__next__)
    totals = []
    for one in (system(memories, "bread"), system(memories, "canal")):
        one.ingest(garden)
        found = one.retrieve("conv-1", "Which plot?", limit=1, budget=20)
        totals.append(found.timings_ms["total"])
        assert {"lexical", "dense", "rerank", "context"} < set(found.timings_ms)
    assert totals == [750.0, 625.0]


def test_a_conversation_is_ingested_before_it_is_asked(opened: Opened) -> None:
    with pytest.raises(InvalidInput, match="conv-1 is unknown; ingest it before asking"):
        system(SharedMemories(opened), "x").retrieve("conv-1", "What?", limit=1, budget=1)
    with pytest.raises(InvalidInput, match="conv-1 is unknown; ingest it before asking"):
        Bm25Chunks(UNIT).retrieve("conv-1", "What?", limit=1, budget=1)


def test_turns_that_have_no_ref_are_an_error_and_not_a_low_score(opened: Opened, garden: Conversation) -> None:
    def used(name: str) -> LongTermMemory:
        memory = opened(name)
        memory.add_many([NewTurn(speaker="Eve", text="I was here before.")])
        return memory

    one = system(SharedMemories(used), "before")
    one.ingest(garden)
    with pytest.raises(InvalidInput, match="no ref; open an empty memory"):
        one.retrieve("conv-1", "Which plot?", limit=1, budget=20)


def test_what_failed_inside_the_library_is_reported_with_its_question(opened: Opened, mini: Dataset) -> None:
    opened.embedder.is_broken = True
    result = compare_retrieval(mini, {"it": system(SharedMemories(opened), "plot")}).results["it"]
    reported = [problem for problem in result.problems if problem not in mini.problems]
    assert {problem.where for problem in reported} >= {"conv-1/q1", "conv-2/q1"}
    assert any("words alone" in problem.reason for problem in reported)


def test_rerankers_that_cannot_be_made_are_reported_and_the_others_go_on(opened: Opened, mini: Dataset) -> None:
    def unknown() -> Preferring:
        raise InvalidInput("No such model; name another.")

    memories = SharedMemories(opened)
    systems = {"weak": TurnSystem(memories, unknown), "strong": system(memories, "plot", "Plot")}
    comparison = compare_retrieval(mini, systems, settings=RetrievalSettings(ks=(1,)))
    assert comparison.failures == {"weak": "No such model; name another."}
    assert comparison.results["strong"].overall().n == 5


# -- chunks --------------------------------------------------------------------------------------


def test_a_chunk_is_named_by_its_first_turn(garden: Conversation) -> None:
    assert dict(UNIT.of(garden)) == {
        "D1:1": "D1:1",
        "D1:2": "D1:1",
        "D1:3": "D1:3",
        "D2:1": "D2:1",
        "D2:2": "D2:1",
        "D2:3": "D2:3",
        "D4:1": "D4:1",
        "D4:3": "D4:1",
        "D4:4": "D4:4",
    }


def test_a_unit_says_how_large_its_chunks_came_out(mini: Dataset) -> None:
    # 52 words in six chunks of the garden; 6, 4 and 5 in one chunk of at most 14 and another of the train
    assert UNIT.described(mini.conversations) == "chunk of at most 14 tokens (8.4 on average, 4.0 a conversation)"


def test_chunks_are_ranked_by_the_scores_of_their_turns(opened: Opened, garden: Conversation) -> None:
    one = ChunkSystem(SharedMemories(opened), lambda: Preferring("bread", "seedlings", "canal"), UNIT)
    one.ingest(garden)
    found = one.retrieve("conv-1", "What?", limit=3, budget=20)
    assert found.ranked == ("D4:1", "D2:3", "D1:3")
    # 11 words, then 8; the next, of 6, would be too many, as all others are
    assert (found.context, found.context_tokens) == (("D4:1", "D2:3"), 19)
    assert found.pool is not None
    assert sorted(found.pool) == ["D1:1", "D1:3", "D2:1", "D2:3", "D4:1", "D4:4"]
    assert found.timings_ms["total"] >= found.timings_ms["rerank"]


def test_a_question_is_scored_by_the_chunks_that_hold_its_evidence(opened: Opened, mini: Dataset) -> None:
    memories = SharedMemories(opened)
    systems = {
        "right": ChunkSystem(memories, lambda: Preferring("Porto", "tomatoes", "canal"), UNIT),
        "wrong": ChunkSystem(memories, lambda: Preferring("Here"), UNIT),
    }
    settings = RetrievalSettings(ks=(1, 2, 3), unit=UNIT, budget=60)
    comparison = compare_retrieval(mini, systems, settings=settings)
    gold = {score.question_id: score.gold for score in comparison.results["right"].questions}
    assert gold == {
        "conv-1/q1": ("D2:1", "D1:3"),
        "conv-1/q2": ("D1:1",),
        "conv-1/q4": ("D1:3",),
        "conv-1/q5": ("D4:1",),  # both gold turns lie in one chunk
        "conv-2/q1": ("D1:1", "D1:3"),
    }
    recall = {score.question_id: score.recall_at for score in comparison.results["right"].questions}
    # right: D4:1, D2:1, D1:3 come first in the garden
    assert recall["conv-1/q1"] == {1: 0.0, 2: 0.5, 3: 1.0}
    assert recall["conv-1/q2"] == {1: 0.0, 2: 0.0, 3: 0.0}
    assert recall["conv-1/q5"] == {1: 1.0, 2: 1.0, 3: 1.0}
    assert comparison.results["wrong"].questions[3].recall_at[1] == 0.0
    assert comparison.pool is not None
    assert comparison.pool.overall().context_recall == 1.0


def test_the_reference_ranks_chunks_by_bm25_over_stems(garden: Conversation) -> None:
    reference = Bm25Chunks(UNIT)
    reference.ingest(garden)
    found = reference.retrieve("conv-1", "Canals? And the CANAL: sprouting!", limit=2, budget=6)
    assert found == Retrieval(
        ranked=("D1:3", "D2:1"),  # the latter for "sprouted"; "the" and "and" count for nothing
        context=("D1:3",),
        context_tokens=6,
        timings_ms=found.timings_ms,
    )
    assert list(found.timings_ms) == ["total"]


def test_terms_are_stems_without_function_words() -> None:
    assert stemmed("The tomatoes were sprouting by the Canal.") == ["tomato", "sprout", "canal"]


@pytest.mark.parametrize("question", ["photo canal canal", "Alba looking", "bread, plots and tomatoes", "is by the"])
def test_the_reference_orders_as_the_formula_says(garden: Conversation, question: str) -> None:
    """Okapi BM25 (Robertson and Zaragoza 2009) with k1 0.9 and b 0.4; no word asked for is in half of the chunks."""
    chunks = UNIT.chunks(garden.turns)
    documents = [stemmed(" ".join(f"{turn.speaker}: {turn.text}" for turn in chunk.turns)) for chunk in chunks]
    average = sum(map(len, documents)) / len(documents)

    def score(document: list[str]) -> float:
        total = 0.0
        for word in stemmed(question):
            holding, times = sum(word in other for other in documents), document.count(word)
            rarity = math.log((len(documents) - holding + 0.5) / (holding + 0.5)) if holding else 0.0
            total += rarity * times * 1.9 / (times + 0.9 * (0.6 + 0.4 * len(document) / average))
        return total

    best = sorted(range(len(chunks)), key=lambda place: -score(documents[place]))
    reference = Bm25Chunks(UNIT)
    reference.ingest(garden)
    found = reference.retrieve("conv-1", question, limit=9, budget=1)
    assert found.ranked == tuple(chunks[place].turns[0].id for place in best)
