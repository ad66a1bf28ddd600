"""Recall: both searches inside a scope, fused; what fails on the way is told and costs no answer."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from recollect.memory.archive import Archive
from recollect.memory.errors import EmbedderMismatch, InvalidInput
from recollect.memory.fusion import rrf_fused, z_fused
from recollect.memory.recall import Recall, Recalled, RecallOptions
from recollect.memory.store import Store
from recollect.memory.types import EventSummary, NewTurn, Scope, Turn
from tests.fakes import HashEmbedder

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LINES = (
    "I adopted a beagle called Biscuit",
    "It rained all day",
    "We cooked pasta with mushrooms",
    "My sister moved to Lyon",
    "The beagle ate my shoes",
    "A film about penguins",
)


class Library:
    """An archive whose embedder can be broken."""

    def __init__(self, path: Path, options: RecallOptions | None = None) -> None:
        self.embedder = HashEmbedder()
        self.archive = Archive(Store(path), self.embedder, recall=options)

    def say(
        self,
        *texts: str,
        user: str = "alice",
        conversation: str = "default",
        speaker: str = "Alice",
        apart_h: float = 2,
    ) -> list[Turn]:
        """Say texts, each in a session of its own unless they are less than an hour apart."""
        times = [NOON + timedelta(hours=apart_h * n) for n in range(len(texts))]
        turns = [NewTurn(speaker=speaker, text=t, said_at=at) for t, at in zip(texts, times, strict=True)]
        return self.archive.add_turns(user, conversation, turns)

    def ask(self, question: str, *, user: str | None = "alice", limit: int = 10, **limits: object) -> Recalled:
        known = self.archive.store.scope(user)
        assert known is not None
        scope = Scope(user=known.user, **limits)  # type: ignore[arg-type]
        return self.archive.recall.recall(question, scope=scope, limit=limit)

    def texts(self, question: str, **where: object) -> list[str]:
        return [candidate.memory.text for candidate in self.ask(question, **where).candidates]  # type: ignore[arg-type]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "memory.db")


def test_what_both_searches_like_comes_first(library: Library) -> None:
    library.say(*LINES)
    best = library.ask("What is my beagle called?").candidates[0]
    assert best.memory.text == LINES[0]
    assert best.lexical > 0
    assert best.dense is not None
    assert best.dense > 0


def test_the_candidates_of_either_search_are_offered(library: Library) -> None:
    library.say(*LINES)
    found = {candidate.memory.text: candidate for candidate in library.ask("beagle").candidates}
    assert set(found) == set(LINES)  # dense search offers everything of so small a store
    assert found["A film about penguins"].lexical == 0.0


@pytest.mark.parametrize("fusion", ["z", "rrf"])
def test_the_fused_score_is_the_fusion_of_the_two_others(tmp_path: Path, fusion: str) -> None:
    options = RecallOptions(fusion=fusion, dense_weight=0.7)  # type: ignore[arg-type]
    library = Library(tmp_path / "memory.db", options)
    library.say(*LINES)
    candidates = library.ask("the beagle and the rain").candidates
    lexical = {c.memory.id: c.lexical for c in candidates}
    dense = {c.memory.id: c.dense for c in candidates if c.dense is not None}
    if fusion == "z":
        expected = z_fused(lexical, dense, dense_weight=0.7)
    else:
        expected = rrf_fused({i: s for i, s in lexical.items() if s}, dense, dense_weight=0.7)
    assert {c.memory.id: c.fused for c in candidates} == pytest.approx(expected)
    assert [c.fused for c in candidates] == sorted((c.fused for c in candidates), reverse=True)


def test_a_lexical_hit_outside_the_dense_pool_still_gets_its_dense_score(tmp_path: Path) -> None:
    library = Library(tmp_path / "memory.db", RecallOptions(pool=2))
    library.say(*LINES, *(f"pasta {n}" for n in range(5)))
    candidates = library.ask("penguins pasta pasta", limit=2).candidates
    assert len(candidates) == 2
    assert all(candidate.dense is not None for candidate in candidates)


def test_a_limit_above_the_pool_is_met(tmp_path: Path) -> None:
    library = Library(tmp_path / "memory.db", RecallOptions(pool=2))
    library.say(*["dog"] * 9)
    assert len(library.ask("dog", limit=9).candidates) == 9


def test_the_limit_holds_and_ties_come_by_id(library: Library) -> None:
    said = library.say(*["the same words"] * 5)
    found = library.ask("same words", limit=3).candidates
    assert [candidate.memory.id for candidate in found] == [turn.id for turn in said[:3]]
    assert library.ask("same words", limit=0).candidates == ()


def test_a_blank_question_finds_nothing_and_breaks_nothing(library: Library) -> None:
    library.say(*LINES)
    assert library.ask(" \n").candidates == ()
    assert library.ask("").problems == ()


def test_a_vector_that_is_given_is_not_computed_again(library: Library) -> None:
    library.say(*LINES)
    vector = library.embedder.embed(["penguins"], kind="query")[0]
    library.embedder.embedded.clear()
    found = library.archive.recall.recall("beagle", scope=Scope(), limit=9, vector=vector)
    assert library.embedder.embedded == []
    dense = {c.memory.text: c.dense for c in found.candidates}
    assert max(dense, key=lambda text: dense[text] or 0) == "A film about penguins"


def test_the_stages_are_timed(library: Library) -> None:
    library.say(*LINES)
    timings = library.ask("beagle").timings
    assert set(timings) == {"embed", "lexical", "dense", "fuse"}
    assert all(took_ms >= 0 for took_ms in timings.values())


# -- scope ---------------------------------------------------------------------------------------


def test_two_users_never_see_each_others_memories_even_where_vectors_are_missing(library: Library) -> None:
    for round_number in range(4):
        library.embedder.is_broken = round_number % 2 == 1
        for user in ("alice", "bob"):
            library.say(f"beagle of {user} {round_number}", user=user)
    library.embedder.is_broken = False
    for _ in range(2):
        for user, other in (("alice", "bob"), ("bob", "alice")):
            texts = library.texts(f"beagle of {other}", user=user)
            assert len(texts) == 4
            assert all(f"beagle of {user}" in text for text in texts)
        library.archive.embed_missing()


def test_filters_apply_before_ranking(library: Library) -> None:
    library.say(*["beagle beagle"] * 300, user="alice", speaker="Bob")
    (mine,) = library.say("the beagle and I", user="alice", speaker="Alice")
    found = library.ask("beagle beagle", limit=1, speakers=("ALICE",)).candidates
    assert [candidate.memory.id for candidate in found] == [mine.id]


def test_a_memory_left_out_is_not_offered(library: Library) -> None:
    said = library.say(*LINES)
    found = library.ask("beagle", without=frozenset({said[0].id})).candidates
    assert said[0].id not in [candidate.memory.id for candidate in found]
    assert len(found) == len(LINES) - 1


def test_words_around_a_turn_lead_to_it_once_they_are_said(library: Library) -> None:
    library.say("rain", "sun", "fog", "ice", "hail", "snow")
    (question,) = library.say("Where did you spend the holidays?")
    (answer,) = library.say("In a hut near Chamonix")
    assert library.ask("holidays").candidates[1].lexical > 0
    found = {c.memory.id: c.lexical for c in library.ask("Chamonix").candidates}
    assert found[question.id] > 0  # what was said after it became its context
    assert found[answer.id] > found[question.id]


def test_events_are_candidates_and_go_with_their_turns(library: Library) -> None:
    said = library.say(*LINES)
    event = library.archive.add_event([said[0].id], "Alice got a puppy", happened_at=NOON)
    best = library.ask("puppy").candidates[0].memory
    assert isinstance(best, EventSummary)
    assert best == event
    library.archive.forget([said[0].id])
    assert "Alice got a puppy" not in library.texts("puppy")
    assert library.archive.words.search("puppy", limit=9, scope=Scope()) == []
    assert event.id not in library.archive.vectors.vectors_of([event.id])[0]


def test_forgotten_words_are_gone_from_the_context_of_neighbours_too(library: Library) -> None:
    said = library.say(*LINES, apart_h=0)
    assert sum(candidate.lexical > 0 for candidate in library.ask("Biscuit").candidates) == 3
    library.archive.forget([said[0].id])
    assert all(candidate.lexical == 0 for candidate in library.ask("Biscuit").candidates)
    assert len(library.ask("Biscuit").candidates) == len(LINES) - 1


def test_an_event_needs_turns_of_one_session(library: Library) -> None:
    said = library.say("a", "b")
    (other,) = library.say("c", conversation="other")
    for ids in ([], [999], [said[0].id, other.id]):
        with pytest.raises(InvalidInput, match="one session"):
            library.archive.add_event(ids, "An event", happened_at=NOON)


# -- failing and recovering ----------------------------------------------------------------------


def test_with_a_failing_embedder_recall_is_by_words_and_says_so(library: Library) -> None:
    library.say(*LINES)
    library.embedder.is_broken = True
    found = library.ask("beagle")
    assert {c.memory.text for c in found.candidates if "beagle" in c.memory.text} == {LINES[0], LINES[4]}
    assert all(candidate.dense is None and candidate.lexical > 0 for candidate in found.candidates)
    assert [c.lexical for c in found.candidates] == sorted((c.lexical for c in found.candidates), reverse=True)
    (problem,) = found.problems
    assert "words alone" in problem
    assert "broken" in problem


def test_turns_said_while_the_embedder_fails_are_found_by_words_and_embedded_later(library: Library) -> None:
    library.embedder.is_broken = True
    library.say(*LINES)
    assert library.archive.log.missing_count() == len(LINES)
    library.archive.embed_pending()  # still broken: says so, raises nothing
    library.embedder.is_broken = False
    assert library.ask("beagle").candidates[0].dense is None
    library.archive.embed_pending()
    assert library.archive.log.missing_count() == 0
    candidates = library.ask("beagle").candidates
    assert all(candidate.dense is not None for candidate in candidates)
    _, vectors = library.archive.vectors.vectors_of([1])
    np.testing.assert_allclose(vectors[0], library.embedder.embed([f"Alice: {LINES[0]}"], kind="passage")[0])


def test_what_another_handle_writes_is_recalled_at_once(library: Library) -> None:
    library.say(*LINES)
    assert library.ask("beagle").candidates
    other = Library(library.archive.store.file.path)
    (late,) = other.say("A second beagle joined us")
    assert late.id in [candidate.memory.id for candidate in library.ask("second beagle").candidates[:1]]
    other.archive.forget([late.id])
    assert "A second beagle joined us" not in library.texts("second beagle")


def test_a_memory_deleted_between_search_and_reading_is_left_out(library: Library) -> None:
    said = library.say(*LINES)

    class Deleting:
        """A reader that is overtaken by another process."""

        def memories(self, ids: object) -> dict[int, Turn]:
            library.archive.forget([said[0].id])
            return library.archive.store.memories(ids)  # type: ignore[arg-type,return-value]

        def preceding(self, ids: object) -> dict[int, str]:
            return library.archive.store.preceding(ids)  # type: ignore[arg-type]

    archive = library.archive
    recall = Recall(Deleting(), archive.words, archive.vectors, archive.embedder)
    found = recall.recall("beagle", scope=Scope(), limit=99).candidates
    assert said[0].id not in [candidate.memory.id for candidate in found]
    assert len(found) == len(LINES) - 1


def test_a_candidate_brings_what_was_said_right_before(library: Library) -> None:
    said = library.say(*LINES, apart_h=0.1)

    def preceding() -> dict[int, str]:
        return {candidate.memory.id: candidate.preceding for candidate in library.ask(LINES[1]).candidates}

    assert preceding()[said[1].id] == f"{said[0].speaker}: {said[0].text}"
    assert preceding()[said[0].id] == ""
    library.archive.forget([said[0].id])
    assert preceding()[said[1].id] == ""


def test_another_embedder_is_refused_with_the_command_that_helps(library: Library) -> None:
    library.say(*LINES)
    library.archive.close()
    path = library.archive.store.file.path
    with pytest.raises(EmbedderMismatch, match="recollect reembed"):
        Archive(Store(path), HashEmbedder(dimensions=8))
    archive = Archive(Store(path), HashEmbedder(dimensions=8), check_embedder=False)
    seen: list[tuple[int, int]] = []
    assert archive.reembed(progress=lambda done, total: seen.append((done, total))) == len(LINES)
    assert seen[-1] == (len(LINES), len(LINES))
    assert archive.recall.recall("beagle", scope=Scope(), limit=9).candidates[0].dense is not None
    archive.close()
    Archive(Store(path), HashEmbedder(dimensions=8)).close()


def test_a_reembedding_that_was_interrupted_is_continued(library: Library) -> None:
    library.say(*(f"turn {n}" for n in range(1_100)))
    embedder = HashEmbedder(dimensions=8)
    archive = Archive(Store(library.archive.store.file.path), embedder, check_embedder=False)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.reembed(progress=interrupt)
    embedder.embedded.clear()
    archive.reembed()
    assert 0 < len(embedder.embedded) < 1_100
    assert archive.log.missing_count() == 0


def test_the_progress_of_adding_reaches_the_total(library: Library) -> None:
    seen: list[tuple[int, int]] = []
    turns = [NewTurn(speaker="Alice", text=f"turn {n}", said_at=NOON) for n in range(600)]
    library.archive.add_turns("alice", "default", turns, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(512, 600), (600, 600)]
