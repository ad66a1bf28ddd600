"""Both lexical indexes pass the same tests, and agree with rank-bm25 and with the formula."""

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from recollect.memory.checks import check_turns
from recollect.memory.lexical import Bm25Index, Fts5Index
from recollect.memory.ports import LexicalDocument, LexicalIndex
from recollect.memory.store import Store
from recollect.memory.types import Hit, NewTurn, Scope
from recollect.memory.words import STOP_WORDS, query_terms, words

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EVERYTHING = Scope()


@dataclass(frozen=True)
class Said:
    """One document to be: own words, context, and where it belongs."""

    own: str
    context: str = ""
    user: str = "alice"
    conversation: str = "default"
    speaker: str = "Alice"
    minute: int = 0


class Shelf:
    """A store and one index over it."""

    def __init__(self, store: Store, index: LexicalIndex) -> None:
        self.store = store
        self.index = index

    def put(self, *said: Said | str) -> list[int]:
        wanted = [Said(own=line) if isinstance(line, str) else line for line in said]
        documents = [self._document(line) for line in wanted]
        self.index.add(documents)
        return [document.id for document in documents]

    def _document(self, said: Said) -> LexicalDocument:
        said_at = NOON + timedelta(minutes=said.minute)
        new = NewTurn(speaker=said.speaker, text=said.own or ".", said_at=said_at)
        (memory_id,) = self.store.append_turns(said.user, said.conversation, check_turns([new]))
        scope = self.store.scope(said.user, said.conversation)
        assert scope is not None
        return LexicalDocument(
            id=memory_id,
            own=said.own,
            context=said.context,
            user=scope.user or 0,
            conversation=scope.conversation or 0,
            speaker=said.speaker,
            said_us=int(said_at.timestamp()) * 1_000_000,
        )

    def scope(self, user: str, conversation: str | None = None, **limits: object) -> Scope:
        known = self.store.scope(user, conversation)
        assert known is not None
        return Scope(user=known.user, conversation=known.conversation, **limits)  # type: ignore[arg-type]

    def found(self, question: str, *, limit: int = 10, scope: Scope = EVERYTHING) -> list[int]:
        return [hit.id for hit in self.index.search(question, limit=limit, scope=scope)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "memory.db")


@pytest.fixture(params=["fts5", "bm25"])
def shelf(request: pytest.FixtureRequest, store: Store) -> Shelf:
    return Shelf(store, Fts5Index(store.file) if request.param == "fts5" else Bm25Index())


@pytest.fixture
def fts5(store: Store) -> Shelf:
    return Shelf(store, Fts5Index(store.file))


# -- the same for both ---------------------------------------------------------------------------


def test_finds_the_memory_that_shares_a_word(shelf: Shelf) -> None:
    dog, _, _ = shelf.put("My dog is called Biscuit", "It rains again", "Nothing much")
    assert shelf.found("What is the name of the DOG?") == [dog]
    assert shelf.found("helicopter") == []


def test_rarer_and_more_shared_words_come_first(shelf: Shelf) -> None:
    dog, garden, both, *_ = shelf.put("dog wall", "garden wall", "dog garden", "dog tree", *["rain sun"] * 7)
    assert shelf.found("dog garden")[:2] == [both, garden]
    assert dog in shelf.found("dog garden")


def test_two_memories_are_enough_for_the_right_order(shelf: Shelf) -> None:
    once, twice = shelf.put("dog and a cat and a bird", "dog, dog, dog, dog, dog, dog")
    assert shelf.found("dog") == [twice, once]
    assert all(hit.score > 0 for hit in shelf.index.search("dog", limit=9, scope=EVERYTHING))


def test_the_only_memory_is_found(shelf: Shelf) -> None:
    (only,) = shelf.put("dog")
    assert shelf.found("dog") == [only]


def test_an_empty_index_finds_nothing(shelf: Shelf) -> None:
    assert shelf.found("dog") == []


def test_the_limit_holds_and_may_be_zero(shelf: Shelf) -> None:
    ids = shelf.put(*["dog"] * 5, *["rain"] * 9)
    assert shelf.found("dog", limit=3) == ids[:3]
    assert shelf.found("dog", limit=0) == []
    assert shelf.found("dog", limit=-1) == []


def test_equal_scores_come_by_id(shelf: Shelf) -> None:
    ids = shelf.put("dog one", "cat one", "dog one", "bird", "fish", "dog one", "cow")
    assert shelf.found("dog") == [ids[0], ids[2], ids[5]]


def test_five_memories_among_two_thousand_are_all_found(shelf: Shelf) -> None:
    crowd = [Said(own=f"the dog barks number {n}", user="crowd") for n in range(1000)]
    rest = [Said(own=f"it rains {n}", user="crowd") for n in range(1000)]
    with shelf.store.file.atomic():
        shelf.put(*crowd)
        few = shelf.put(*(Said(own=f"a long walk with the dog, {n} km", user="small") for n in range(5)))
        shelf.put(*rest)
    assert sorted(shelf.found("dog", limit=5, scope=shelf.scope("small"))) == few


def test_a_scope_may_be_a_conversation(shelf: Shelf) -> None:
    shelf.put(Said(own="dog", conversation="home"), "rain", "sun", "fog")
    (work,) = shelf.put(Said(own="dog", conversation="work"))
    assert shelf.found("dog", scope=shelf.scope("alice", "work")) == [work]


def test_a_user_with_a_longer_number_is_another_user(shelf: Shelf) -> None:
    ids = shelf.put(*(Said(own="dog", user=f"user{n}") for n in range(12)))
    assert shelf.found("dog", scope=shelf.scope("user0")) == ids[:1]


def test_scope_words_in_a_question_or_a_memory_open_no_door(shelf: Shelf) -> None:
    (mine,) = shelf.put("u2 c2 dog")
    (theirs,) = shelf.put(Said(own="rain", user="bob"))
    assert shelf.found("u2", scope=shelf.scope("bob")) == []
    assert shelf.found('u2" OR scope : "u1', scope=shelf.scope("bob")) == []
    assert shelf.found("u2") == [mine]
    assert theirs != mine


def test_time_limits_are_inclusive(shelf: Shelf) -> None:
    ids = shelf.put(*(Said(own="dog", minute=n) for n in range(5)), "rain", "sun", "fog", "ice", "hail", "snow")
    at = [int(NOON.timestamp()) * 1_000_000 + n * 60_000_000 for n in range(5)]
    assert shelf.found("dog", scope=Scope(since_us=at[3])) == ids[3:5]
    assert shelf.found("dog", scope=Scope(until_us=at[1])) == ids[:2]
    assert shelf.found("dog", scope=shelf.scope("alice", since_us=at[1], until_us=at[1])) == ids[1:2]


def test_speakers_are_compared_without_case_before_ranking(shelf: Shelf) -> None:
    shelf.put(*(Said(own="dog dog", speaker="Bob") for _ in range(20)), *["rain"] * 30)
    (quiet,) = shelf.put(Said(own="a dog among many other words", speaker="Straße"))
    assert shelf.found("dog", limit=1, scope=Scope(speakers=("STRASSE",))) == [quiet]
    assert shelf.found("dog", limit=1, scope=Scope(speakers=("nobody",))) == []


def test_what_is_left_out_makes_room_for_others(shelf: Shelf) -> None:
    ids = shelf.put("dog", "dog", "dog", *["rain"] * 9)
    assert shelf.found("dog", limit=2, scope=Scope(without=frozenset(ids[:1]))) == ids[1:3]


def test_adding_again_replaces(shelf: Shelf) -> None:
    (memory_id,) = shelf.put("dog")
    shelf.put("rain", "sun", "fog")
    scope = shelf.scope("alice", "default")
    assert scope.user is not None
    assert scope.conversation is not None
    changed = LexicalDocument(
        id=memory_id,
        own="cat",
        context="",
        user=scope.user,
        conversation=scope.conversation,
        speaker="Alice",
        said_us=0,
    )
    shelf.index.add([changed])
    assert shelf.found("dog") == []
    assert shelf.found("cat") == [memory_id]


def test_removed_memories_are_not_found_and_unknown_ids_are_ignored(shelf: Shelf) -> None:
    first, second, *_ = shelf.put("dog", "dog", "rain", "sun", "fog")
    shelf.index.remove([first, 999])
    shelf.index.remove([])
    assert shelf.found("dog") == [second]


def test_words_of_the_context_are_found_and_own_words_are_worth_more(shelf: Shelf) -> None:
    near, own, *_ = shelf.put(
        Said(own="Yes, very much", context="Do you like your dog"),
        Said(own="Do you like your dog", context="Yes, very much"),
        *["rain and sun"] * 5,
    )
    assert shelf.found("dog") == [own, near]


@given(question=st.text())
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_valid_question(indexed: list[LexicalIndex], question: str) -> None:
    for index in indexed:
        hits = index.search(question, limit=5, scope=Scope(user=1, conversation=1))
        assert all(hit.id in (1, 2, 3) for hit in hits)


@pytest.mark.parametrize(
    "question",
    [
        '"dog"',
        '"dog',
        "dog*",
        "dog NOT cat",
        "NEAR(dog cat, 2)",
        "own : dog",
        "^dog",
        "dog AND",
        "(dog",
        "-dog",
        "dog\x00",
    ],
)
def test_query_syntax_is_only_words(indexed: list[LexicalIndex], question: str) -> None:
    for index in indexed:
        assert [hit.id for hit in index.search(question, limit=1, scope=Scope())] == [1]


@pytest.mark.parametrize("question", ["", " \n", "?!", "_", "—", "\u0301", "🙂"])
def test_a_question_without_words_finds_nothing(indexed: list[LexicalIndex], question: str) -> None:
    for index in indexed:
        assert index.search(question, limit=9, scope=Scope(user=1)) == []


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> list[LexicalIndex]:
    """Both indexes over the same three memories of user 1 and one of user 2."""
    store = Store(tmp_path_factory.mktemp("lexical") / "memory.db")
    texts = ["dog", "rain 日本語 naïve", "sun"]
    shelf = Shelf(store, Fts5Index(store.file))
    assert shelf.put(*texts, Said(own="elsewhere _ 🙂", user="bob")) == [1, 2, 3, 4]
    in_memory = Bm25Index()
    in_memory.add([document_with(number, own) for number, own in enumerate(texts, 1)])
    return [shelf.index, in_memory]


def document_with(memory_id: int, own: str) -> LexicalDocument:
    return LexicalDocument(id=memory_id, own=own, context="", user=1, conversation=1, speaker="Alice", said_us=0)


@pytest.mark.parametrize(
    ("memory", "question"),
    [
        ("我昨天领养了一只狗", "狗叫什么名字"),
        ("東京タワーに行きました", "タワー"),
        ("강아지를 입양했어요", "강아지"),
        (unicodedata.normalize("NFD", "강아지를 입양했어요"), "강아지"),
        ("We met in İstanbul", "İstanbul"),
        ("We met in İSTANBUL", "i̇stanbul"),
        ("my re\u0301sume\u0301 is ready", "r\u00e9sum\u00e9"),
        ("my r\u00e9sum\u00e9 is ready", "re\u0301sume\u0301"),
        ("call some_function twice", "some_function"),
        ("Ünïcödé ÇAĞRI", "ünïcödé"),
        ("version 3.11 is out", "3.11"),
        ("We live in Hauptstraße", "Hauptstraße"),
        ("don't forget O'Brien", "O'Brien"),
    ],
)
def test_a_word_is_found_as_it_was_written(shelf: Shelf, memory: str, question: str) -> None:
    wanted, *_ = shelf.put(memory, "rain", "sun", "fog", "hail")
    assert shelf.found(question) == [wanted]


# -- words ---------------------------------------------------------------------------------------


def test_stop_words_are_left_out_unless_there_is_nothing_else() -> None:
    assert query_terms("What is the name of Alice's dog?") == ["name", "alice", "s", "dog"]
    assert query_terms("Who are you?") == ["who", "are", "you"]
    assert query_terms("dog Dog DOG cat") == ["dog", "cat"]
    assert all(word == word.lower() for word in STOP_WORDS)


def test_a_long_question_is_cut_to_its_first_terms() -> None:
    assert query_terms(" ".join(f"w{n}" for n in range(99)), limit=3) == ["w0", "w1", "w2"]


def test_east_asian_runs_become_single_characters() -> None:
    assert list(words("I like 東京 and カメラ.")) == ["i", "like", "東", "京", "and", "カ", "メ", "ラ"]


def test_fts5_knows_word_forms_and_ignores_accents(fts5: Shelf) -> None:
    adopted, cafe, *_ = fts5.put("She adopted two puppies", "We sat in a café", "rain", "sun", "fog")
    assert fts5.found("adopting a puppy") == [adopted]
    assert fts5.found("cafe") == [cafe]


# -- oracles -------------------------------------------------------------------------------------


VOCABULARY = [f"word{letter}{other}" for letter in "bcdfgh" for other in "klmnp"]  # porter leaves these alone


def corpus(seed: int) -> list[list[str]]:
    """Forty texts in which no word is in more than half: there BM25 variants agree on what is rare."""
    rng = np.random.default_rng(seed)
    texts = [list(rng.choice(VOCABULARY, size=rng.integers(3, 15))) for _ in range(40)]
    assert max(Counter(w for text in texts for w in set(text)).values()) < 20
    return texts


@pytest.mark.parametrize("seed", range(5))
def test_fts5_scores_are_those_of_rank_bm25(store: Store, seed: int) -> None:
    shelf = Shelf(store, Fts5Index(store.file, context_weight=0.0))
    texts = corpus(seed)
    ids = shelf.put(*(" ".join(text) for text in texts))
    # the two scope terms of every row count towards its length
    oracle = BM25Okapi([[*text, "u1", "c1"] for text in texts], k1=1.2, b=0.75)
    for question in (["wordbk"], ["wordbk", "wordcl", "worddm"], VOCABULARY[::4]):
        expected = {i: s for i, s in zip(ids, oracle.get_scores(question), strict=True) if s > 0}
        hits = shelf.index.search(" ".join(question), limit=99, scope=Scope())
        assert {hit.id: hit.score for hit in hits} == pytest.approx(expected, rel=1e-6)
        assert is_ordered(hits)


def is_ordered(hits: Sequence[Hit]) -> bool:
    return list(hits) == sorted(hits, key=lambda hit: (-hit.score, hit.id))


@pytest.mark.parametrize("seed", range(3))
def test_bm25_index_scores_are_those_of_rank_bm25_weighted_by_column(store: Store, seed: int) -> None:
    index = Bm25Index(own_weight=1.0, context_weight=0.25)
    owns, contexts = corpus(seed), corpus(seed + 100)
    pairs = zip(owns, contexts, strict=True)
    ids = Shelf(store, index).put(*(Said(own=" ".join(own), context=" ".join(near)) for own, near in pairs))
    question = VOCABULARY[::5]
    expected = BM25Okapi(owns).get_scores(question) + 0.25 * BM25Okapi(contexts).get_scores(question)
    hits = index.search(" ".join(question), limit=99, scope=Scope())
    assert {hit.id: hit.score for hit in hits} == pytest.approx(
        {i: s for i, s in zip(ids, expected, strict=True) if s > 0}
    )
    assert is_ordered(hits)


def robertson_walker(
    documents: Sequence[Sequence[str]], question: Sequence[str], *, k1: float, b: float, has_factor: bool
) -> list[float]:
    """METHODS section 1: idf ln(1 + (N - df + .5) / (df + .5)), with or without the factor k1 + 1."""
    average = sum(map(len, documents)) / len(documents)
    scores = []
    for document in documents:
        score = 0.0
        for term in question:
            df = sum(term in other for other in documents)
            tf = document.count(term)
            idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
            score += idf * tf * ((k1 + 1) if has_factor else 1) / (tf + k1 * (1 - b + b * len(document) / average))
        scores.append(score)
    return scores


def test_oracle_b1_lucene_and_robertson_variants_of_the_formula() -> None:
    documents = [list("aba"), list("bc"), list("cccd")]
    lucene = robertson_walker(documents, ["a", "c"], k1=0.9, b=0.4, has_factor=False)
    robertson = robertson_walker(documents, ["a", "c"], k1=0.9, b=0.4, has_factor=True)
    assert lucene == pytest.approx([0.676434, 0.264047, 0.350749], abs=1e-6)
    assert robertson == pytest.approx([1.285225, 0.501689, 0.666423], abs=1e-6)


def test_both_indexes_order_oracle_b1_as_the_formula_does(shelf: Shelf) -> None:
    # FTS5 and rank-bm25 have another idf, ln((N - df + .5) / (df + .5)) with a floor, and fixed k1 and b:
    # the values differ, the order must not. "a" is a stop word, so the letters are written out.
    ids = shelf.put("alpha beta alpha", "beta gamma", "gamma gamma gamma delta")
    assert shelf.found("alpha gamma") == [ids[0], ids[2], ids[1]]


# -- the match budget ----------------------------------------------------------------------------


def test_a_small_budget_leaves_out_frequent_words_and_finds_by_the_rare_one(store: Store) -> None:
    shelf = Shelf(store, Fts5Index(store.file, match_budget=10))
    common = shelf.put(*["the dog barks"] * 30)
    (rare,) = shelf.put("biscuit")
    assert shelf.found("dog biscuit", limit=99) == [rare]
    assert shelf.found("dog", limit=99) == common  # the only word is never left out


def test_within_the_budget_nothing_is_left_out(store: Store) -> None:
    shelf = Shelf(store, Fts5Index(store.file, match_budget=40))
    shelf.put(*["the dog barks"] * 30, *["cats sleep"] * 20, "biscuit")
    assert len(shelf.found("dog biscuit", limit=99)) == 31
    assert len(shelf.found("dog cats biscuit", limit=99)) == 21  # together they would match 51


def test_the_budget_learns_that_a_word_became_frequent(store: Store) -> None:
    shelf = Shelf(store, Fts5Index(store.file, match_budget=10))
    shelf.put(*["rain"] * 12, "dog biscuit")
    assert len(shelf.found("dog biscuit", limit=99)) == 1
    shelf.put(*["the dog barks"] * 30)
    assert len(shelf.found("dog biscuit", limit=99)) == 1
