"""What the lexical index leaves out in large stores, and what it must not lose by it."""

from pathlib import Path

import pytest

from recollect.memory.lexical import Fts5Index, SearchedTerms
from recollect.memory.ports import LexicalDocument
from recollect.memory.store import Store
from recollect.memory.types import Scope

EVERYONE = Scope()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "memory.db")


def put(index: Fts5Index, *texts: str, user: int = 1, first: int = 1) -> None:
    index.add(
        [
            LexicalDocument(id=i, own=text, context="", user=user, conversation=user, speaker="", said_us=0)
            for i, text in enumerate(texts, first)
        ]
    )


def test_frequent_words_are_not_sought_but_decide_between_hits(store: Store) -> None:
    index = Fts5Index(store.file, match_budget=10, count_budget=1000)
    put(index, *["rain falls"] * 30, "biscuit sleeps", "biscuit rain", *["sun shines"] * 60)
    assert index.searched_terms("biscuit rain", EVERYONE) == SearchedTerms(sought=("biscuit",), scored=("rain",))
    assert [hit.id for hit in index.search("biscuit rain", limit=9, scope=EVERYONE)] == [32, 31]


def test_scores_with_frequent_words_are_those_of_a_full_search(store: Store) -> None:
    index = Fts5Index(store.file, match_budget=10, count_budget=1000)
    full = Fts5Index(store.file, match_budget=10**9)
    put(index, *["rain falls softly"] * 30, "biscuit sleeps", "biscuit rain", "rain biscuit falls", *["sun"] * 60)
    wanted = {hit.id: hit.score for hit in full.search("biscuit rain", limit=99, scope=EVERYONE)}
    found = index.search("biscuit rain", limit=99, scope=EVERYONE)
    assert [hit.id for hit in found] == [32, 33, 31]
    assert [hit.score for hit in found] == pytest.approx([wanted[hit.id] for hit in found])


def test_words_beyond_the_count_budget_are_left_out(store: Store) -> None:
    index = Fts5Index(store.file, match_budget=10, count_budget=20)
    put(index, *["rain falls"] * 30, "biscuit")
    assert index.searched_terms("biscuit rain", EVERYONE) == SearchedTerms(sought=("biscuit",))


def test_a_small_user_of_a_large_store_is_searched_for_every_word(store: Store) -> None:
    index = Fts5Index(store.file, match_budget=10, count_budget=1000)
    put(index, *["rain falls"] * 90)
    put(index, "rain biscuit", "rain", user=2, first=91)
    assert index.searched_terms("biscuit rain", Scope(user=2)).sought == ("biscuit", "rain")
    assert [hit.id for hit in index.search("biscuit rain", limit=9, scope=Scope(user=2))] == [91, 92]


def test_very_frequent_words_are_estimated_from_samples(store: Store) -> None:
    index = Fts5Index(store.file, match_budget=10, count_budget=25_000)
    put(index, *["rain falls", "sun shines"] * 11_000, "biscuit")
    # 11,000 of each: their sum stays within the budget only if the estimates are near the truth
    assert index.searched_terms("rain sun biscuit", EVERYONE).scored == ("rain", "sun")
    tight = Fts5Index(store.file, match_budget=10, count_budget=20_000)
    assert tight.searched_terms("rain sun biscuit", EVERYONE).scored == ("rain",)
