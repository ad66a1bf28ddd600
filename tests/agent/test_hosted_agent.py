"""An agent with a hosted model: what a turn took, citations of what was not shown, and stopped turns that hang up."""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from recollect.agent.agent import Agent
from recollect.agent.generators.hosted import HostedGenerator
from recollect.agent.long_term_memory import LongTermMemory
from recollect.agent.ports import Told, telling_pieces, told_by
from recollect.agent.prompt import Style
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.endpoint import Endpoint
from recollect.memory.endpoint_usage import Price, Usage, in_words
from recollect.memory.errors import GenerationError, RecollectError
from recollect.memory.store import Store
from recollect.memory.types import Context
from recollect.rerank.base import FirstStageOrder
from tests.fakes import HashEmbedder, ScriptedGenerator, count_words
from tests.openai_server import Act, running, says, says_forever, says_then_hangs

NOTHING = Context(memories=(), scores=(), text="", tokens=0, budget=854)
Opened = Callable[..., Agent]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    def open_agent(url: str, *, style: Style = "chat", context_tokens: int | None = None) -> Agent:
        archive = Archive(Store(tmp_path / "memory.db"), HashEmbedder())
        memory = LongTermMemory(archive, FirstStageOrder(), ContextBuilder(count_words), user="Alice")
        generator = HostedGenerator(
            Endpoint(model="chat-1", base_url=url, max_retries=0),
            style=style,
            context_tokens=context_tokens,
            price=Price(input_usd=1.0, output_usd=4.0),
        )
        return Agent(memory, generator)

    return open_agent


def test_an_answer_and_a_reply_tell_what_they_took(opened: Opened) -> None:
    with running(says("Noted.", usage=(2000, 100))) as server:
        agent = opened(server.url)
        usage = Usage(prompt_tokens=2000, completion_tokens=100, cost_usd=0.0024)
        assert agent.ask("dog?").usage == usage
        assert agent.reply("dog?").usage == usage


def test_a_server_that_does_not_tell_is_no_zero(opened: Opened) -> None:
    with running(says("Noted.")) as server:
        assert opened(server.url).ask("dog?").usage is None


@pytest.mark.parametrize("style", ["short", "chat"])
def test_citations_are_checked_against_the_context_in_both_styles(opened: Opened, style: Style) -> None:
    with running(says("A beagle [1] [7].")) as server:
        agent = opened(server.url, style=style)
        turn = agent.memory.add("Alice", "I adopted a beagle", said_at="2026-03-02")
        answer = agent.ask("Which beagle?")
    assert [(citation.number, citation.turn) for citation in answer.citations] == [(1, turn)]
    assert answer.dropped_citations == 1


def test_a_memory_the_model_was_not_shown_cannot_be_cited(opened: Opened) -> None:
    with running(says("A beagle [1] [2].")) as server:
        agent = opened(server.url, context_tokens=1024)
        for day in (2, 3):
            agent.memory.add("Alice", f"I adopted a beagle on day {day} " + "x" * 900, said_at=f"2026-03-0{day}")
        answer = agent.ask("Which beagle did I adopt on day 2?")
    assert len(answer.context.memories) == 2
    sent = server.requests[0].body["messages"][-1]["content"]
    shown = [number for number in (1, 2) if f"[{number}] Alice" in sent]
    assert len(shown) == 1
    assert [citation.number for citation in answer.citations] == shown
    assert answer.dropped_citations == 1
    assert "1 of the memories were left out" in answer.problems[-1]


def test_a_stopped_turn_hangs_up_and_what_was_said_stands(opened: Opened) -> None:
    with running(says_forever("word ")) as server:
        agent = opened(server.url)
        stream = agent.stream("Talk to me")
        assert next(stream) == "word "
        assert server.has_streams(1)
        stream.close()
        assert server.has_streams(0)
        assert [turn.text for turn in agent.memory.latest(9)] == ["Talk to me"]
        with pytest.raises(RecollectError, match="stopped"):
            _ = stream.answer


def test_every_stopped_stream_hangs_up() -> None:
    with running(says_forever("word ")) as server:
        generator = HostedGenerator(Endpoint(model="chat-1", base_url=server.url))
        streams = [generator.stream_told("When?", NOTHING, ()) for _ in range(4)]
        assert [next(stream) for stream in streams] == ["word "] * 4
        assert server.has_streams(4)
        for open_now, stream in zip((3, 2, 1, 0), streams, strict=True):
            stream.close()
            assert server.has_streams(open_now)


def test_any_generator_tells_the_whole_at_the_end_of_its_pieces() -> None:
    pieces = telling_pieces(ScriptedGenerator("one ", "two"), "count", NOTHING)
    assert [next(pieces), next(pieces)] == ["one ", "two"]
    with pytest.raises(StopIteration) as end:
        next(pieces)
    assert end.value.value == Told(text="one two") == told_by(ScriptedGenerator("one ", "two"), "count", NOTHING)


def test_usage_reads_as_words() -> None:
    assert in_words(Usage(prompt_tokens=1234, completion_tokens=56)) == "1,234 tokens read, 56 written"
    assert in_words(Usage(prompt_tokens=1, completion_tokens=2, cost_usd=0.01234)).endswith(", $0.0123")


@pytest.mark.parametrize("act", [says_then_hangs("word "), says_then_hangs()], ids=["after a piece", "before one"])
def test_an_answer_that_a_silent_server_owes_is_given_up_from_another_thread(opened: Opened, act: Act) -> None:
    ended: list[RecollectError] = []
    begun = Event()

    def read(agent: Agent) -> None:
        try:
            for _ in agent.stream("Talk to me", on_recall=lambda _: begun.set()):
                pass
        except RecollectError as error:
            ended.append(error)

    with running(act) as server:
        agent = opened(server.url)  # it would wait 60 seconds for the next piece
        reader = Thread(target=read, args=(agent,), daemon=True)
        reader.start()
        assert begun.wait(30)
        while reader.is_alive():  # it may not have reached the server yet
            agent.stop()
            reader.join(0.05)
            assert not server.stopping.is_set()
    assert isinstance(ended[0], GenerationError)
    assert [turn.text for turn in agent.memory.latest(9)] == ["Talk to me"]


def test_a_generator_that_was_stopped_hangs_up_and_answers_the_next_question() -> None:
    with running(says_forever("word ")) as server:
        generator = HostedGenerator(Endpoint(model="chat-1", base_url=server.url))
        pieces = generator.stream("When?", NOTHING, ())
        assert next(pieces) == "word "
        generator.stop()
        with pytest.raises(GenerationError):
            for _ in pieces:
                pass
        assert server.has_streams(0)
        assert next(generator.stream("And then?", NOTHING, ())) == "word "


def test_a_local_generator_has_nothing_to_hang_up(opened: Opened) -> None:
    agent = opened("http://127.0.0.1:9/v1")
    local = Agent(agent.memory, ScriptedGenerator("one ", "two"))
    local.stop()
    assert local.ask("count").text == "one two"
