"""Hosted models against a real server that nobody here wrote: what is sent arrives, what comes is read."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from recollect.agent.generators.hosted import HostedGenerator
from recollect.agent.ports import told_by
from recollect.agent.prompt import Style, chat_messages
from recollect.config import Config
from recollect.memory.endpoint import Endpoint
from recollect.memory.endpoint_chat import EndpointChat
from recollect.memory.endpoint_usage import Price
from recollect.memory.errors import EndpointRefused
from recollect.memory.types import Context, Turn
from recollect.wiring import open_agent
from tests.real_server import MISSING, RealServer, serving

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"transformers serve needs {', '.join(MISSING)}; pip install 'recollect[dev]'"
)

LINES = "2 March 2026\n[1] Alice: I adopted a beagle yesterday."
QUESTION = "What did I adopt?"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


def context() -> Context:
    said_at = datetime(2026, 3, 2, tzinfo=UTC)
    text = "I adopted a beagle yesterday."
    turn = Turn(
        id=1, user="u", conversation="c", session="s", position=1, speaker="Alice", text=text, said_at=said_at
    )
    return Context(memories=(turn,), scores=(1.0,), text=LINES, tokens=20, budget=854)


def endpoint(server: RealServer, *, model: str | None = None) -> Endpoint:
    return Endpoint(model=model or server.model, base_url=server.url, max_retries=0)


@pytest.mark.parametrize("style", ["short", "chat"])
def test_what_is_sent_arrives_whole_and_what_it_took_is_told(server: RealServer, style: Style) -> None:
    generator = HostedGenerator(
        endpoint(server), max_tokens=12, style=style, price=Price(input_usd=2.0, output_usd=8.0)
    )
    told = told_by(generator, QUESTION, context())
    sent = [{"role": one.role, "content": one.content} for one in chat_messages(QUESTION, context(), style=style)]
    assert told.text
    assert told.usage is not None
    assert told.usage.prompt_tokens == server.tokens_of(sent)
    assert 1 <= told.usage.completion_tokens <= 12
    cost = (2.0 * told.usage.prompt_tokens + 8.0 * told.usage.completion_tokens) / 1e6
    assert told.usage.cost_usd == pytest.approx(cost)


def test_an_answer_comes_in_pieces_and_is_the_same_whole(server: RealServer) -> None:
    generator = HostedGenerator(endpoint(server), max_tokens=12)
    pieces = list(generator.stream(QUESTION, context(), ()))
    assert len(pieces) > 1
    assert "".join(pieces) == generator.told(QUESTION, context(), ()).text


def test_a_stream_that_is_closed_leaves_the_server_free_for_the_next(server: RealServer) -> None:
    generator = HostedGenerator(endpoint(server), max_tokens=1024)
    stream = generator.stream_told(QUESTION, context(), ())
    assert next(stream)
    stream.close()
    assert EndpointChat(endpoint(server), max_tokens=4).reply("Be brief.", QUESTION).finish == "length"


def test_a_model_that_is_not_there_is_a_refusal(server: RealServer) -> None:
    with pytest.raises(EndpointRefused, match="no-such-model"):
        list(HostedGenerator(endpoint(server, model="no-such-model")).stream(QUESTION, context(), ()))


def test_the_configured_server_answers_from_memory_and_the_reply_is_stored(server: RealServer) -> None:
    config = Config(
        generator="hosted",
        hosted_provider="vllm",
        hosted_base_url=server.url,
        hosted_model=server.model,
        hosted_max_tokens=12,
        hosted_input_price=1.0,
        window_turns=0,
    )
    with open_agent(":memory:", config=config) as agent:
        agent.memory.add("Alice", "I adopted a beagle called Biscuit.", said_at="2026-03-02T18:00")
        answer = agent.reply("What is the beagle called?")
        assert answer.reply is not None
        assert answer.reply.text == answer.text
        assert answer.usage is not None
        assert answer.usage.cost_usd == pytest.approx(answer.usage.prompt_tokens / 1e6)
        assert "Biscuit" in answer.context.text
