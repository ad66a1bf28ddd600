"""Any text is a question, filters are checked, and what a model writes can be stored."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recollect.agent.agent import Agent
from recollect.agent.long_term_memory import LongTermMemory
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.errors import InvalidInput, InvalidTurn
from recollect.memory.store import Store
from recollect.memory.types import NewTurn, Scope
from recollect.rerank.base import FirstStageOrder
from tests.fakes import HashEmbedder, ScriptedGenerator, count_words

MEGABYTE = 1_000_000
LONE = "half a dog \ud83d"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[LongTermMemory]:
    archive = Archive(Store(tmp_path / "memory.db"), HashEmbedder())
    with LongTermMemory(archive, FirstStageOrder(), ContextBuilder(count_words), user="alice") as memory:
        memory.add("Alice", "I adopted a beagle called Biscuit.")
        yield memory


QUESTIONS = [
    "",
    " \n",
    "?!…",
    "the of and",
    '"',
    "'; drop table memories; --",
    'beagle"',
    '"unclosed beagle',
    "(((",
    "beagle) OR (",
    "NEAR(beagle kettle, 3)",
    "beagle NEAR kettle",
    "own:beagle",
    "{own context} : beagle",
    "-own : beagle",
    "^beagle",
    "beagle*",
    "*",
    "beagle AND NOT kettle",
    "NOT",
    "a AND",
    "+beagle",
    "_",
    "___ beagle",
    "\x00 beagle",
    "\ufffe \u202e",
    LONE,
    "\udc00\ud800",
    "beagle " * 50_000,
    "b" * MEGABYTE,
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: ascii(question[:20]))
def test_any_question_is_answered(memory: LongTermMemory, question: str) -> None:
    found = memory.recall(question, limit=3)
    assert len(found) <= 1
    if "beagle" in question:
        assert [one.memory.id for one in found] == [1]
    assert memory.context(question, budget=100).tokens <= 100
    agent = Agent(memory, ScriptedGenerator("Biscuit [1]."))
    assert agent.ask(question).problems == ()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.text(st.sampled_from("\"'()*^-+:{}_ ,aORANDNEAR\ud800\x00"), min_size=1))
def test_no_text_is_too_odd_a_question(memory: LongTermMemory, question: str) -> None:
    assert len(memory.archive.words.search(question, limit=5, scope=Scope())) <= 1
    assert len(memory.recall(question, limit=5)) <= 1


def test_a_chat_turn_that_cannot_be_stored_is_refused_and_the_next_one_works(memory: LongTermMemory) -> None:
    agent = Agent(memory, ScriptedGenerator("Biscuit [1]."))
    before = memory.counts()
    for text in ("", LONE, "a\x00b"):
        with pytest.raises(InvalidTurn):
            agent.reply(text)
    assert memory.counts() == before
    assert agent.reply("What is my dog called?").citations[0].turn.id == 1


def test_what_a_model_writes_is_stored_even_if_no_text_may_hold_it(memory: LongTermMemory) -> None:
    agent = Agent(memory, ScriptedGenerator("Bis", "cuit\x00 \ud83d", "\udc36 \udfff [1]."))
    answer = agent.reply("What is my dog called?")
    assert answer.text == "Biscuit\N{REPLACEMENT CHARACTER} \N{DOG FACE} \N{REPLACEMENT CHARACTER} [1]."
    assert memory.latest(1)[0].text == answer.text
    stream = agent.stream("And my dog?")
    "".join(stream).encode()


@pytest.mark.parametrize(
    "filters",
    [{"as_of": "soon"}, {"since": 5}, {"until": LONE}, {"until": "2026-13-01"}, {"as_of": b"2026"}],
)
def test_a_filter_that_is_no_time_is_the_callers_mistake_even_for_the_agent(
    memory: LongTermMemory, filters: Any
) -> None:
    agent = Agent(memory, ScriptedGenerator("Biscuit [1]."))
    for ask in (memory.recall, memory.context, memory.retrieve, agent.ask):
        with pytest.raises(InvalidInput, match="ISO 8601"):
            ask("beagle", **filters)


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"since": "0001-01-01"}, 1),
        ({"until": "9999-12-31"}, 1),
        ({"until": "9999-12-31T23:59:59.999999-23:59"}, 1),
        ({"since": None, "until": None, "as_of": None}, 1),
        ({"conversation": LONE}, 0),
        ({"conversation": "a\x00b"}, 0),
        ({"speakers": [LONE]}, 0),
        ({"speakers": "alice"}, 1),
        ({"without_speakers": "Alice"}, 0),
        ({"without": [10**30, -1]}, 1),
        ({"without": [1]}, 0),
    ],
)
def test_odd_filters_have_right_answers(memory: LongTermMemory, filters: Any, count: int) -> None:
    assert len(memory.recall("beagle", **filters)) == count


@pytest.mark.parametrize("limit", [0, -1, 2**62])
def test_odd_limits_have_right_answers(memory: LongTermMemory, limit: int) -> None:
    assert len(memory.recall("beagle", limit=limit)) == (limit > 0)
    assert memory.context("beagle", budget=min(limit, 0)).text == ""


def test_times_of_all_kinds_share_one_conversation(memory: LongTermMemory) -> None:
    moments = [
        datetime.min,
        datetime.max,
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=12))),
        datetime(2026, 3, 2, 18, 0),
        datetime(2026, 3, 2, 18, 0, tzinfo=UTC),
        datetime(2026, 3, 2, 18, 0, tzinfo=timezone(timedelta(hours=5, minutes=45, seconds=1))),
        "2026-03-02",
        " 2026-03-02T18:00Z ",
    ]
    turns = memory.add_many(
        NewTurn(speaker="Bob", text=f"yesterday at the copper lake {place}", said_at=moment)
        for place, moment in enumerate(moments)
    )
    assert [turn.said_at for turn in turns[:7]] == moments[:7]
    agent = Agent(memory, ScriptedGenerator("The lake [1]."))
    assert len(memory.recall("copper lake", limit=20)) == 1 + len(moments)
    assert len(memory.context("copper lake", budget=500).memories) == 1 + len(moments)
    assert agent.ask("When was it?").problems == ()
    assert len(memory.recall("copper lake", limit=20, since="2026-01-01", until="2026-12-31")) == 6
