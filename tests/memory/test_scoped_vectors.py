"""The vectors of a store: kept up with SQLite, restricted to scopes, loaded from a snapshot or rebuilt."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from recollect.memory.checks import check_turns
from recollect.memory.scoped_vectors import StoreVectors
from recollect.memory.store import Store
from recollect.memory.types import NewTurn, Scope
from recollect.memory.vector_log import VectorLog
from tests.fakes import HashEmbedder

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EMBEDDER = HashEmbedder(dimensions=16)


class Desk:
    """One handle on a store file, with its vectors."""

    def __init__(self, folder: Path, *, snapshot: str = "memory.faiss") -> None:
        self.store = Store(folder / "memory.db")
        self.log = VectorLog(self.store.file, EMBEDDER.dimensions)
        self.snapshot = folder / snapshot
        self.vectors = StoreVectors(self.store, self.log, EMBEDDER, path=self.snapshot)

    def say(
        self, *texts: str, user: str = "alice", conversation: str = "default", has_vectors: bool = True
    ) -> list[int]:
        turns = [NewTurn(speaker=user, text=text, said_at=NOON) for text in texts]
        ids = self.store.append_turns(user, conversation, check_turns(turns))
        if has_vectors:
            self.log.put(np.array(ids), EMBEDDER.embed(texts, kind="passage"))
        return ids

    def found(self, text: str, *, limit: int = 10, scope: Scope | None = None) -> list[int]:
        vector = EMBEDDER.embed([text], kind="query")[0]
        return [hit.id for hit in self.vectors.search(vector, limit=limit, scope=scope or Scope())]

    def scope(self, user: str, conversation: str | None = None, **limits: object) -> Scope:
        known = self.store.scope(user, conversation)
        assert known is not None
        return Scope(user=known.user, conversation=known.conversation, **limits)  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_most_similar_memory_comes_first(desk: Desk) -> None:
    ids = desk.say("the dog barks", "rain again", "the dog sleeps")
    assert desk.found("the dog sleeps") == [ids[2], ids[0], ids[1]]


def test_an_empty_store_finds_nothing(desk: Desk) -> None:
    assert desk.found("dog") == []
    assert len(desk.vectors) == 0


def test_a_user_with_few_memories_gets_all_of_them(desk: Desk) -> None:
    desk.say(*(f"the dog barks {n}" for n in range(1000)), user="crowd")
    few = desk.say("rain", "sun", "fog", "ice", "hail", user="small")
    desk.say(*(f"the dog sleeps {n}" for n in range(1000)), user="crowd")
    assert sorted(desk.found("the dog barks", limit=5, scope=desk.scope("small"))) == few


def test_a_scope_cached_for_a_user_grows_with_the_user(desk: Desk) -> None:
    first = desk.say("dog")
    desk.say("dog", user="bob")
    alice = desk.scope("alice")
    assert desk.found("dog", scope=alice) == first
    second = desk.say("cat")
    assert desk.found("dog", scope=alice) == first + second


def test_scopes_of_conversations_speakers_and_exclusions_hold(desk: Desk) -> None:
    home = desk.say("dog", "dog", conversation="home")
    work = desk.say("dog", conversation="work")
    bob = desk.say("dog", user="bob")
    assert desk.found("dog", scope=desk.scope("alice", "work")) == work
    assert desk.found("dog", scope=desk.scope("alice")) == home + work
    assert desk.found("dog", scope=Scope(speakers=("BOB",))) == bob
    assert desk.found("dog", scope=desk.scope("alice", without=frozenset(home))) == work
    assert desk.found("dog", scope=Scope(until_us=0)) == []


def test_a_user_who_joins_later_is_not_seen_by_the_one_who_was_alone(desk: Desk) -> None:
    alice = desk.say("dog")
    assert desk.found("dog", scope=desk.scope("alice")) == alice
    desk.say("dog dog", user="bob")
    assert desk.found("dog dog", scope=desk.scope("alice")) == alice


def test_memories_without_vectors_are_no_hits_and_disturb_no_scope(desk: Desk) -> None:
    alice = desk.say("dog")
    bare = desk.say("dog", has_vectors=False)
    desk.say("dog", user="bob", has_vectors=False)
    carol = desk.say("dog", user="carol")
    assert desk.found("dog", scope=desk.scope("alice")) == alice
    assert desk.found("dog", scope=desk.scope("bob")) == []
    assert desk.found("dog", scope=desk.scope("carol")) == carol
    desk.log.put(np.array(bare), EMBEDDER.embed(["dog"], kind="passage"))
    assert desk.found("dog", scope=desk.scope("alice")) == alice + bare


def test_vectors_come_back_for_those_that_have_them(desk: Desk) -> None:
    ids = desk.say("dog", "cat")
    bare = desk.say("cow", has_vectors=False)
    found, matrix = desk.vectors.vectors_of([ids[1], bare[0], 999, ids[0]])
    assert list(found) == [ids[1], ids[0]]
    np.testing.assert_array_equal(matrix, EMBEDDER.embed(["cat", "dog"], kind="passage"))


def test_what_another_handle_writes_and_deletes_is_seen_at_once(desk: Desk, tmp_path: Path) -> None:
    ids = desk.say("dog", "cat")
    assert sorted(desk.found("dog")) == ids
    other = Desk(tmp_path)
    more = other.say("dog")
    assert desk.found("dog")[:2] == [ids[0], more[0]]
    other.store.delete(ids[:1])
    assert desk.found("dog") == [more[0], ids[1]]
    assert desk.found("dog", scope=desk.scope("alice")) == [more[0], ids[1]]


def test_a_vector_that_was_replaced_counts_in_its_new_form(desk: Desk) -> None:
    ids = desk.say("dog", "cat")
    assert desk.found("dog")[0] == ids[0]
    desk.log.put(np.array(ids), EMBEDDER.embed(["cat", "dog"], kind="passage"))
    assert desk.found("dog")[0] == ids[1]
    assert len(desk.vectors) == 2


# -- snapshots -----------------------------------------------------------------------------------


def test_a_snapshot_is_used_and_caught_up(desk: Desk, tmp_path: Path) -> None:
    ids = desk.say("dog", "cat", "cow")
    desk.vectors.save()
    desk.store.delete(ids[:1])
    later = desk.say("dog")
    reopened = Desk(tmp_path)
    # A vector that only the snapshot holds shows that it was read: SQLite is told to forget that it has one.
    reopened.store.file.write("update vectors set vector = zeroblob(64) where memory_id = ?", [ids[1]])
    assert sorted(reopened.found("dog")) == [*ids[1:], *later]
    _, matrix = reopened.vectors.vectors_of([ids[1]])
    np.testing.assert_array_equal(matrix, EMBEDDER.embed(["cat"], kind="passage"))
    _, matrix = reopened.vectors.vectors_of(later)
    np.testing.assert_array_equal(matrix, EMBEDDER.embed(["dog"], kind="passage"))


def test_a_missing_snapshot_is_no_event(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    ids = desk.say("dog")
    assert desk.found("dog") == ids
    assert not caplog.records
    assert not desk.snapshot.exists()


def test_a_snapshot_of_another_store_is_not_believed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    other = Desk(tmp_path / "a")
    other.say("dog", "cat", "cow")
    other.vectors.save()
    desk = Desk(tmp_path / "b")
    ids = desk.say("rain")
    desk.snapshot.write_bytes(other.snapshot.read_bytes())
    with caplog.at_level(logging.WARNING):
        assert desk.found("dog") == ids
    assert "another store" in caplog.text
    assert "rebuilt" in caplog.text


def test_a_snapshot_newer_than_its_store_is_not_believed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(tmp_path)
    ids = desk.say("dog")
    desk.store.close()
    backup = (tmp_path / "memory.db").read_bytes()
    newer = Desk(tmp_path)
    newer.say("cat")
    newer.vectors.save()
    newer.store.close()
    (tmp_path / "memory.db").write_bytes(backup)
    restored = Desk(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert restored.found("cat") == ids
    assert "newer than its store" in caplog.text


def test_few_changes_are_not_worth_a_snapshot(desk: Desk) -> None:
    desk.say("dog")
    desk.found("dog")
    desk.vectors.save_if_worth_it()
    assert not desk.snapshot.exists()


def test_many_changes_are_worth_one_snapshot(desk: Desk, tmp_path: Path) -> None:
    with desk.store.file.atomic():
        desk.say(*(f"dog {n}" for n in range(5_000)))
    desk.found("dog")
    desk.vectors.save_if_worth_it()
    written = desk.snapshot.stat().st_mtime_ns
    desk.vectors.save_if_worth_it()
    assert desk.snapshot.stat().st_mtime_ns == written
    assert len(Desk(tmp_path).vectors) == 5_000


def test_no_snapshot_of_vectors_that_another_process_made_anew_in_another_size(desk: Desk) -> None:
    with desk.store.file.atomic():
        ids = desk.say(*(f"dog {n}" for n in range(5_000)))
    desk.found("dog")
    other = VectorLog(desk.store.file, 8)
    other.clear()
    other.put(np.array(ids[:1]), np.ones((1, 8), np.float32))
    desk.vectors.save_if_worth_it()
    assert not desk.snapshot.exists()


@pytest.mark.parametrize("limits", [{}, {"speakers": ("bob",)}, {"without_speakers": ("alice",)}])
def test_a_filtered_scope_that_was_searched_before_grows_with_the_store(
    desk: Desk, limits: dict[str, object]
) -> None:
    desk.say("dog", user="alice")
    theirs = desk.say("dog", "cat", user="bob")
    for _ in range(2):
        assert sorted(desk.found("dog", scope=desk.scope("bob", **limits))) == theirs
        desk.say("dog", user="alice")
        theirs += desk.say("dog again", user="bob")
    left_out = {theirs[0], theirs[-1], 10_000}
    found = desk.found("dog", scope=desk.scope("bob", without=frozenset(left_out), **limits))
    assert sorted(found) == theirs[1:-1]


def test_a_forgotten_index_is_read_again(desk: Desk) -> None:
    ids = desk.say("dog")
    assert desk.found("dog") == ids
    desk.log.clear()
    desk.vectors.forget_index()
    assert desk.found("dog") == []
    desk.log.put(np.array(ids), EMBEDDER.embed(["dog"], kind="passage"))
    assert desk.found("dog") == ids


def test_after_a_restored_backup_the_snapshot_of_the_other_future_is_not_believed(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.say("dog")
    desk.vectors.save()
    desk.store.close()
    backup = (tmp_path / "memory.db").read_bytes()
    lost_future = Desk(tmp_path)
    lost_future.say("cat", "cow")
    lost_future.vectors.save()
    lost_future.store.close()
    (tmp_path / "memory.db").write_bytes(backup)
    restored = Desk(tmp_path)
    ids = restored.say("rain", "sun", "fog")
    assert restored.found("sun")[0] == ids[1]
    _, matrix = restored.vectors.vectors_of(ids)
    np.testing.assert_array_equal(matrix, EMBEDDER.embed(["rain", "sun", "fog"], kind="passage"))


def test_forgetting_the_newest_memory_costs_no_snapshot(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ids = desk.say("dog", "cat")
    desk.vectors.save()
    desk.store.delete(ids[1:])
    with caplog.at_level(logging.WARNING):
        assert Desk(tmp_path).found("dog") == ids[:1]
    assert not caplog.records
