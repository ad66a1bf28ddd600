"""When a server is busy, or does not know a field of a request: what is asked again, after how long, and when not."""

import pytest

from recollect.agent.generators.hosted import HostedGenerator
from recollect.agent.ports import told_by
from recollect.memory.endpoint import Endpoint
from recollect.memory.endpoint_chat import EndpointChat
from recollect.memory.endpoint_usage import Usage
from recollect.memory.errors import EndpointRefused
from recollect.memory.types import Context
from tests.openai_server import Act, busy, refuses, refuses_field, running, says

NOTHING = Context(memories=(), scores=(), text="", tokens=0, budget=854)


def endpoint(url: str, *, max_retries: int = 2) -> Endpoint:
    return Endpoint(model="chat-1", base_url=url, max_retries=max_retries, timeout_s=5.0)


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_a_server_asks_for_is_kept(status: int) -> None:
    with running(busy(status, retry_after="0.4"), says("ok")) as server:
        assert list(HostedGenerator(endpoint(server.url)).stream("When?", NOTHING, ())) == ["ok"]
        first, second = server.requests
        assert second.at - first.at >= 0.4


def test_a_server_that_asks_for_hours_is_not_waited_for() -> None:
    with running(busy(429, retry_after="7200"), says("ok")) as server:
        with pytest.raises(EndpointRefused, match="429"):
            list(HostedGenerator(endpoint(server.url)).stream("When?", NOTHING, ()))
        assert len(server.requests) == 1


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_there_are_as_many_tries_as_configured_and_one(retries: int) -> None:
    with running(refuses(429)) as server:
        with pytest.raises(EndpointRefused, match="429"):
            list(HostedGenerator(endpoint(server.url, max_retries=retries)).stream("When?", NOTHING, ()))
        assert len(server.requests) == retries + 1


def test_a_model_that_wants_another_name_for_the_limit_and_no_temperature_is_asked_its_way() -> None:
    acts = [
        refuses_field("max_tokens", "Use 'max_completion_tokens' instead."),
        refuses_field("temperature", "Only the default (1) value is supported."),
        says("ok", usage=(5, 1)),
    ]
    with running(*acts) as server:
        generator = HostedGenerator(endpoint(server.url))
        assert told_by(generator, "When?", NOTHING).text == "ok"
        assert told_by(generator, "And why?", NOTHING).text == "ok"
    bodies = [request.body for request in server.requests]
    assert len(bodies) == 4  # what was refused once is not sent a second time
    assert bodies[0]["max_tokens"] == 1024
    for body in bodies[2:]:
        assert body["max_completion_tokens"] == 1024
        assert not {"temperature", "max_tokens"} & set(body)


def test_a_server_that_tells_no_usage_in_streams_still_answers() -> None:
    refused = refuses(422, "body.stream_options: Extra inputs are not permitted")
    with running(refused, says("ok")) as server:
        told = told_by(HostedGenerator(endpoint(server.url)), "When?", NOTHING)
    assert (told.text, told.usage) == ("ok", None)
    assert "stream_options" not in server.requests[-1].body


def test_a_whole_reply_is_asked_for_the_same_way() -> None:
    acts = [refuses_field("max_tokens", "Use 'max_completion_tokens' instead."), says("ok", usage=(5, 1))]
    with running(*acts) as server:
        reply = EndpointChat(endpoint(server.url)).reply("Be brief.", "When?")
    assert (reply.text, reply.usage) == ("ok", Usage(prompt_tokens=5, completion_tokens=1))
    assert server.requests[-1].body["max_completion_tokens"] == 1024


@pytest.mark.parametrize(
    "act",
    [
        refuses(400, "'max_tokens' is too large: 1024. This model's maximum context length is 512 tokens."),
        refuses(400, "This model is not supported."),
        refuses(500, "Unsupported parameter: 'max_tokens'"),
        refuses_field("messages", "Unsupported content."),
    ],
)
def test_another_refusal_is_no_reason_to_ask_again(act: Act) -> None:
    with running(act) as server:
        with pytest.raises(EndpointRefused):
            list(HostedGenerator(endpoint(server.url, max_retries=0)).stream("When?", NOTHING, ()))
        assert len(server.requests) == 1


def test_a_server_that_refuses_every_field_is_asked_once_without_each() -> None:
    acts = [refuses_field(name, "Unsupported.") for name in ("max_tokens", "max_completion_tokens", "temperature")]
    with running(*acts) as server:
        with pytest.raises(EndpointRefused):
            list(HostedGenerator(endpoint(server.url)).stream("When?", NOTHING, ()))
        assert len(server.requests) == 4
