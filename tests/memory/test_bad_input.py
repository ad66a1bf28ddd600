"""What cannot be stored is refused and says so; whatever else comes in is found again as it was; nothing is lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import recollect
from recollect.agent.agent import Agent
from recollect.agent.long_term_memory import LongTermMemory
from recollect.memory.archive import Archive
from recollect.memory.checks import MAX_TEXT_CHARACTERS
from recollect.memory.context import ContextBuilder
from recollect.memory.errors import ClosedError, InvalidInput, InvalidTurn
from recollect.memory.store import Store
from recollect.memory.types import NewTurn, Scope, Turn
from recollect.rerank.base import FirstStageOrder
from tests.fakes import HashEmbedder, ScriptedGenerator, count_words

MEGABYTE = 1_000_000
LONE = "half a dog \ud83d"
DEEP: Any = {}
for _ in range(2000):
    DEEP = {"deeper": DEEP}


def opened(path: Path) -> LongTermMemory:
    archive = Archive(Store(path), HashEmbedder())
    return LongTermMemory(archive, FirstStageOrder(), ContextBuilder(count_words), user="alice")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[LongTermMemory]:
    with opened(tmp_path / "memory.db") as memory:
        memory.add("Alice", "I adopted a beagle called Biscuit.")
        yield memory


def rows(memory: LongTermMemory) -> list[int]:
    """Return how many rows each table holds."""
    tables = ("users", "conversations", "sessions", "memories", "date_mentions", "vectors", "lexical")
    return [memory.archive.store.file.rows(f"select count(*) from {table}")[0][0] for table in tables]


NO_TURNS: list[tuple[Any, str]] = [
    ({"speaker": "A", "text": ""}, "text is empty"),
    ({"speaker": "A", "text": " \t\n\u3000"}, "text is empty"),
    ({"speaker": "A", "text": "one\x00two"}, "NUL character at 3"),
    ({"speaker": "A", "text": LONE}, "lone surrogate at character 11"),
    ({"speaker": "A", "text": None}, "must be text, not NoneType"),
    ({"speaker": "A", "text": b"bytes"}, "must be text, not bytes"),
    ({"speaker": "A", "text": "a" * (MAX_TEXT_CHARACTERS + 1)}, "split it into several"),
    ({"speaker": "", "text": "a"}, "speaker is empty"),
    ({"speaker": LONE, "text": "a"}, "speaker holds a lone surrogate"),
    ({"speaker": "A" * 1001, "text": "a"}, "names have at most"),
    ({"speaker": None, "text": "a"}, "speaker must be text"),
    ({"speaker": "A", "text": "a", "ref": LONE}, "ref holds a lone surrogate"),
    ({"speaker": "A", "text": "a", "ref": 1.5}, "ref must be text"),
    ({"speaker": "A", "text": "a", "session": " "}, "session is empty"),
    ({"speaker": "A", "text": "a", "session": "s" * MEGABYTE}, "names have at most"),
    ({"speaker": "A", "text": "a", "said_at": "yesterday"}, "ISO 8601"),
    ({"speaker": "A", "text": "a", "said_at": LONE}, "ISO 8601"),
    ({"speaker": "A", "text": "a", "said_at": "2026-02-30"}, "ISO 8601"),
    ({"speaker": "A", "text": "a", "said_at": 1767225600}, "ISO 8601"),
    ({"speaker": "A", "text": "a", "metadata": {"a": LONE}}, "metadata holds a lone surrogate"),
    ({"speaker": "A", "text": "a", "metadata": {"a": {1, 2}}}, "metadata cannot be written as JSON"),
    ({"speaker": "A", "text": "a", "metadata": {"a": float("nan")}}, "metadata cannot be written as JSON"),
    ({"speaker": "A", "text": "a", "metadata": ["a"]}, "metadata cannot be written as JSON"),
    ({"speaker": "A", "text": "a", "metadata": DEEP}, "nested more than"),
    ({"speaker": "A", "text": "a", "mood": "good"}, "unknown field 'mood'"),
    ({"speaker": "A", "text": "a", 1: 2, "mood": 1, None: 3}, "unknown field 'mood'"),
    ({"speaker": "A"}, "'text' is missing"),
    ({}, "'speaker' is missing"),
    ("a", "not str"),
    (None, "not NoneType"),
]


@pytest.mark.parametrize(("turn", "complaint"), NO_TURNS)
def test_what_is_no_turn_is_refused_with_its_whole_batch(memory: LongTermMemory, turn: Any, complaint: str) -> None:
    before = rows(memory)
    good = NewTurn(speaker="Bob", text="The copper kettle sings.")
    with pytest.raises(InvalidTurn, match=complaint) as refused:
        memory.add_many(iter([good, turn, good]))
    assert "Turn 1 of the batch" in str(refused.value)
    str(refused.value).encode()  # the message itself can be printed
    assert rows(memory) == before
    assert memory.add("Bob", "The copper kettle sings.").id == before[3] + 1
    assert memory.recall("copper kettle", limit=1)[0].memory.id == before[3] + 1


def test_one_bad_turn_alone_is_not_called_a_batch(memory: LongTermMemory) -> None:
    with pytest.raises(InvalidTurn, match=r"^text is empty; .*\. Nothing was stored\.$"):
        memory.add("Bob", " ")


def test_names_that_no_user_or_conversation_can_have_are_refused(memory: LongTermMemory) -> None:
    for name in ("", " ", LONE, "a\x00b", "u" * 1001, None, 1.5, True):
        with pytest.raises(InvalidInput):
            LongTermMemory(
                memory.archive,
                FirstStageOrder(),
                ContextBuilder(count_words),
                user=name,  # type: ignore[arg-type]
            )
        with pytest.raises(InvalidInput):
            memory.archive.add_turns("alice", name, [])  # type: ignore[arg-type]


def test_an_empty_user_is_not_quietly_the_configured_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="user is empty"):
        recollect.open_memory(tmp_path / "memory.db", user="")


def test_a_generator_that_fails_half_way_leaves_nothing(memory: LongTermMemory) -> None:
    def failing() -> Iterator[NewTurn]:
        yield NewTurn(speaker="Bob", text="The copper kettle sings.")
        raise OSError("the file ended")

    before = rows(memory)
    with pytest.raises(OSError, match="the file ended"):
        memory.add_many(failing())
    assert rows(memory) == before


def test_a_generator_of_mappings_and_turns_is_stored_in_order(memory: LongTermMemory) -> None:
    said = ["one", "two", "three"]
    turns = memory.add_many({"speaker": "Bob", "text": text, "ref": 7, "session": 3} for text in said)
    assert [turn.text for turn in turns] == said
    assert {(turn.ref, turn.session) for turn in turns} == {("7", "3")}
    assert memory.add_many([]) == []


@pytest.mark.parametrize("size", [MEGABYTE, 2 * MEGABYTE])
def test_a_huge_turn_comes_back_verbatim_is_found_by_a_word_and_fits_a_context(
    memory: LongTermMemory, size: int
) -> None:
    filler = "The quick brown fox jumps over the lazy dog, again and again. "
    text = (filler * (size // len(filler) + 1))[: size - 40] + "Then a quokka ate my saffron sandwich."
    for place in range(4):
        memory.add("Bob", f"Something else, number {place}.")
    turn = memory.add("Bob", text)
    assert turn.text == text
    assert memory.archive.store.turns([turn.id])[0].text == text
    assert [hit.id for hit in memory.archive.words.search("Which quokka?", limit=9, scope=Scope())] == [turn.id]
    assert turn in [found.memory for found in memory.recall("Which quokka?")]
    context = memory.context("Which quokka ate saffron?", budget=200)
    assert "a quokka ate my saffron sandwich" in context.text
    assert context.tokens <= 200
    assert len(context.text) < 20_000


def test_with_the_real_models_a_megabyte_without_a_blank_stays_small_in_a_context(tmp_path: Path) -> None:
    with recollect.open_memory(tmp_path / "memory.db", user="alice") as memory:
        text = "quokka " + "a" * MEGABYTE
        memory.add("Bob", text)
        context = memory.context("quokka")
        assert context.memories[0].text == text
        assert len(context.text) < 20_000


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1).filter(str.strip)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("👨‍👩‍👧‍👦 🏳️‍🌈 ﷺ", "שלום")
@example("\ufeff\u202e\x01\x1b[31m\x7f\u0085x\r\n", "漢字")
@example("e\u0301 \u1e9b\u0323 \uffff\U0010ffff", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A")
@given(ANY_TEXT, ANY_TEXT.filter(lambda name: len(name) <= 1000))
def test_any_text_comes_back_as_it_was(memory: LongTermMemory, text: str, speaker: str) -> None:
    metadata = {text: [speaker, None, 1.5], "": {"NUL": "\x00"}}
    turn = memory.add(speaker, text, ref=speaker, session=speaker, metadata=metadata)
    assert (turn.text, turn.speaker, turn.ref, turn.session) == (text, speaker, speaker, speaker)
    assert turn.metadata == metadata
    assert all(text[mention.start : mention.end] == mention.text for mention in turn.dates)


def test_what_was_closed_says_so(memory: LongTermMemory) -> None:
    agent = Agent(memory, ScriptedGenerator("Biscuit [1]."))
    turn = memory.latest(1)[0]
    memory.close()
    memory.close()
    uses = (
        lambda: memory.add("Bob", "one"),
        lambda: memory.recall("beagle"),
        lambda: agent.ask("beagle?"),
        lambda: memory.forget([turn]),
        lambda: memory.counts(),
    )
    for use in uses:
        with pytest.raises(ClosedError, match="is closed"):
            use()


def test_events_of_no_turns_of_strangers_and_of_forgotten_turns_are_refused(memory: LongTermMemory) -> None:
    turn = memory.latest(1)[0]
    (stranger,) = memory.archive.add_turns("bob", "default", [{"speaker": "Bob", "text": "Hi", "session": "1"}])
    gone = memory.add("Alice", "Forget this.")
    memory.forget([gone])
    before = rows(memory)
    wrong: list[list[Turn]] = [[], [turn, stranger], [gone], [turn, gone]]
    for turns in wrong:
        with pytest.raises(InvalidInput, match=r"turns of one session|is bob's, not alice's"):
            memory.add_event(turns, "Something happened")
    for text in ("", LONE, "a\x00b"):
        with pytest.raises(InvalidInput):
            memory.add_event([turn], text)
    assert rows(memory) == before
