"""What is forgotten is gone everywhere: from the store, its indexes, its neighbours and other open handles."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recollect.agent.long_term_memory import LongTermMemory
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.errors import InvalidInput
from recollect.memory.store import Store
from recollect.memory.types import Scope
from recollect.rerank.base import FirstStageOrder
from tests.fakes import HashEmbedder, count_words

SAID = ("The harbour was calm.", "My secret word is zanzibar, since yesterday.", "We sailed home.", "Then it rained.")


def opened(path: Path) -> LongTermMemory:
    archive = Archive(Store(path), HashEmbedder())
    return LongTermMemory(archive, FirstStageOrder(), ContextBuilder(count_words), user="alice")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[LongTermMemory]:
    with opened(tmp_path / "memory.db") as memory:
        memory.add_many({"speaker": "Alice", "text": text, "said_at": "2026-03-02T18:00"} for text in SAID)
        yield memory


def ids_in(memory: LongTermMemory, table: str, column: str) -> set[int]:
    return {row[0] for row in memory.archive.store.file.rows(f"select {column} from {table}")}


def traces(memory: LongTermMemory) -> dict[str, set[int]]:
    columns = {
        "memories": "id",
        "date_mentions": "memory_id",
        "vectors": "memory_id",
        "lexical": "rowid",
        "event_turns": "turn_id",
    }
    return {table: ids_in(memory, table, column) for table, column in columns.items()}


def word_hits(memory: LongTermMemory, question: str) -> list[int]:
    return [hit.id for hit in memory.archive.words.search(question, limit=99, scope=Scope())]


def vector_hits(memory: LongTermMemory) -> set[int]:
    vector = HashEmbedder().embed(["zanzibar"], kind="query")[0]
    return {hit.id for hit in memory.archive.vectors.search(vector, limit=99, scope=Scope())}


def test_a_forgotten_turn_leaves_no_row_and_no_hit(memory: LongTermMemory) -> None:
    secret = memory.latest(4)[1]
    assert all(secret.id in found for table, found in traces(memory).items() if table != "event_turns")
    assert secret.id in vector_hits(memory)
    assert word_hits(memory, "zanzibar")[0] == secret.id
    memory.forget([secret])
    assert all(secret.id not in found for found in traces(memory).values())
    assert vector_hits(memory) == {1, 3, 4}
    assert [turn.text for turn in memory.latest(9)] == [SAID[0], *SAID[2:]]
    assert memory.counts().date_mentions == 0
    assert "zanzibar" not in memory.context("What is the secret word?").text


def test_neighbours_lose_the_words_of_a_forgotten_turn_and_keep_the_others(memory: LongTermMemory) -> None:
    assert sorted(word_hits(memory, "zanzibar")) == [1, 2, 3, 4]
    memory.forget([memory.latest(4)[1]])
    assert word_hits(memory, "zanzibar") == []
    assert sorted(word_hits(memory, "harbour")) == [1, 3]
    assert sorted(word_hits(memory, "rained")) == [3, 4]
    memory.archive.store.file.write("insert into lexical (lexical) values ('integrity-check')")


def test_an_event_goes_with_its_last_turn_and_not_before(memory: LongTermMemory) -> None:
    first, second, *_ = memory.latest(4)
    event = memory.add_event([first, second], "Alice told a secret: zanzibar")
    kept = memory.add_event([first], "Alice was at the harbour")
    memory.forget([second])
    assert memory.archive.store.events_of([first.id])[0].turns == (first.id,)
    memory.forget([first])
    assert memory.archive.store.memories([event.id, kept.id]) == {}
    for found in traces(memory).values():
        assert not found & {first.id, second.id, event.id, kept.id}
    assert word_hits(memory, "zanzibar") == []
    assert vector_hits(memory) == {3, 4}


def test_an_event_can_be_forgotten_without_its_turns(memory: LongTermMemory) -> None:
    first = memory.latest(4)[0]
    event = memory.add_event([first], "Alice told a xylophone secret")
    memory.forget([event])
    assert word_hits(memory, "xylophone") == []
    assert event.id not in vector_hits(memory)
    assert memory.counts().turns == 4


def test_another_open_handle_notices_at_once(memory: LongTermMemory, tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as other:
        assert vector_hits(other) == {1, 2, 3, 4}
        memory.forget(memory.latest(4)[1:])
        assert vector_hits(other) == {1}
        assert word_hits(other, "zanzibar harbour") == [1]
        assert [found.memory.id for found in other.recall("zanzibar")] == [1]
        assert [turn.id for turn in other.latest(9)] == [1]
        assert len(other.archive.vectors) == 1


def test_a_snapshot_written_before_does_not_bring_anything_back(memory: LongTermMemory, tmp_path: Path) -> None:
    assert vector_hits(memory) == {1, 2, 3, 4}
    memory.archive.vectors.save()
    memory.forget(memory.latest(2))
    with opened(tmp_path / "memory.db") as later:
        assert vector_hits(later) == {1, 2}


def test_ids_are_never_used_again(memory: LongTermMemory, tmp_path: Path) -> None:
    memory.forget(memory.latest(4))
    assert memory.counts().turns == 0
    assert memory.recall("harbour") == []
    memory.forget([memory.add("Alice", "Gone again.")])
    with opened(tmp_path / "memory.db") as later:
        turn = later.add("Alice", "The harbour is new.")
        assert turn.id == 6
        assert [found.memory for found in later.recall("harbour")] == [turn]


def test_a_turn_never_written_with_a_vector_can_be_forgotten(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    embedder.is_broken = True
    archive = Archive(Store(tmp_path / "memory.db"), embedder)
    with LongTermMemory(archive, FirstStageOrder(), ContextBuilder(count_words), user="alice") as memory:
        memory.forget([memory.add("Alice", SAID[1])])
        embedder.is_broken = False
        assert memory.recall("zanzibar") == []
        assert all(not found for found in traces(memory).values())


def test_forgetting_nothing_or_what_is_gone_changes_nothing(memory: LongTermMemory) -> None:
    gone = memory.add("Alice", "Gone soon.")
    memory.forget([gone])
    before = traces(memory)
    memory.forget([])
    memory.forget([gone])
    memory.archive.forget([999, -1])
    assert traces(memory) == before


def test_no_event_comes_from_somebody_elses_turns(memory: LongTermMemory) -> None:
    theirs = memory.as_user("bob").add("Bob", "My keys are in the jar.")
    with pytest.raises(InvalidInput, match="bob's"):
        memory.add_event([theirs], "Bob keeps his keys in a jar")
    assert memory.archive.store.events_of([theirs.id]) == []


def test_somebody_elses_memories_cannot_be_forgotten(memory: LongTermMemory) -> None:
    (theirs,) = memory.as_user("bob").add_many([{"speaker": "Bob", "text": "My keys are in the jar."}])
    mine = memory.latest(1)
    with pytest.raises(InvalidInput, match="bob's"):
        memory.forget([*mine, theirs])
    assert memory.archive.store.turns([mine[0].id, theirs.id]) == [*mine, theirs]
