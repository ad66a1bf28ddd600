"""The hosted generator against a real server: pieces stream, and every failure says what happened."""

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from recollect.agent.generators.hosted import HostedGenerator
from recollect.memory.endpoint import Endpoint
from recollect.memory.endpoint_usage import Usage
from recollect.memory.errors import EndpointRefused, EndpointUnreachable, GenerationError
from recollect.memory.types import Context, Turn
from tests.openai_server import (
    Act,
    OpenAIServer,
    drops,
    hangs,
    refuses,
    refuses_then_drops,
    running,
    says,
    says_forever,
    says_then_drops,
    says_then_hangs,
    sends,
    streams_raw,
    unused_url,
)

KEY = "sk-the-secret"
LINES = "2 March 2026\n[1] Alice: I adopted a beagle yesterday."
CONTEXT = Context(memories=(), scores=(), text=LINES, tokens=0, budget=854)
FINISHED = b'{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}'


def endpoint(url: str, *, max_retries: int = 0, timeout_s: float = 5.0) -> Endpoint:
    return Endpoint(
        model="chat-1",
        base_url=url,
        api_key=KEY,
        key_variable="MY_KEY",
        max_retries=max_retries,
        timeout_s=timeout_s,
    )


def answer(
    server: OpenAIServer, *, max_retries: int = 0, timeout_s: float = 5.0, history: Sequence[Turn] = ()
) -> list[str]:
    generator = HostedGenerator(endpoint(server.url, max_retries=max_retries, timeout_s=timeout_s))
    return list(generator.stream("When did I adopt my dog?", CONTEXT, history))


def failure_of(act: Act, *, timeout_s: float = 5.0) -> GenerationError:
    with running(act) as server, pytest.raises(GenerationError) as caught:
        answer(server, timeout_s=timeout_s)
    assert server.url in str(caught.value)
    assert "chat-1" in str(caught.value)
    assert KEY not in str(caught.value)
    return caught.value


def test_pieces_come_as_the_server_sends_them() -> None:
    with running(says("On ", "1 March", " 2026 [1].")) as server:
        assert answer(server) == ["On ", "1 March", " 2026 [1]."]


def test_the_first_piece_is_there_before_the_last_was_sent() -> None:
    with running(says_then_hangs("On ")) as server:
        pieces = HostedGenerator(endpoint(server.url)).stream("When?", CONTEXT, ())
        assert next(pieces) == "On "
        assert not server.stopping.is_set()


def test_blank_pieces_before_the_answer_are_left_out() -> None:
    with running(says("", "\n", "  On ", "", "1 March ", " ", "2026")) as server:
        assert answer(server) == ["On ", "1 March ", " ", "2026"]


def test_the_request_carries_model_key_settings_and_messages() -> None:
    said_at = datetime(2026, 3, 5, tzinfo=UTC)
    earlier = Turn(
        id=1, user="u", conversation="c", session="s", position=1, speaker="Ann", text="Hi \ud800", said_at=said_at
    )
    with running(says("ok")) as server:
        answer(server, history=[earlier])
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body["model"] == "chat-1"
    assert request.body["stream"] is True
    assert request.body["temperature"] == 0
    assert request.body["max_tokens"] == 1024
    system, last = request.body["messages"]
    assert system["role"] == "system"
    assert last["role"] == "user"
    assert last["content"].startswith("Ann: Hi ?\n\n<memories>")
    assert LINES in last["content"]


def test_settings_left_to_the_server_are_not_sent() -> None:
    with running(says("ok")) as server:
        generator = HostedGenerator(endpoint(server.url), temperature=None, max_tokens=None)
        list(generator.stream("When?", CONTEXT, ()))
    assert not {"temperature", "max_tokens"} & set(server.requests[0].body)


def test_without_a_key_the_one_of_the_environment_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-server")
    with running(says("ok")) as server:
        generator = HostedGenerator(Endpoint(model="chat-1", base_url=server.url))
        assert list(generator.stream("When?", CONTEXT, ())) == ["ok"]
    assert not any("sk-of-another-server" in value for value in server.requests[0].headers.values())


def test_closing_the_iterator_closes_the_connection() -> None:
    with running(says_forever("word ")) as server:
        pieces = HostedGenerator(endpoint(server.url)).stream("When?", CONTEXT, ())
        assert next(pieces) == "word "
        assert not server.disconnected.is_set()
        pieces.close()  # type: ignore[attr-defined]  # a generator behind the protocol's Iterator
        assert server.disconnected.wait(10)


def test_a_closed_generator_connects_again_when_asked() -> None:
    with running(says("ok")) as server:
        generator = HostedGenerator(endpoint(server.url))
        list(generator.stream("When?", CONTEXT, ()))
        generator.close()
        assert list(generator.stream("When?", CONTEXT, ())) == ["ok"]


@pytest.mark.parametrize("trouble", [refuses(429), refuses(500), refuses(503), drops()])
def test_trouble_before_the_first_piece_is_tried_again(trouble: Act) -> None:
    with running(trouble, says("On ", "1 March")) as server:
        assert answer(server, max_retries=1) == ["On ", "1 March"]
        assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_that_will_not_pass_is_not_tried_again(status: int) -> None:
    with running(refuses(status)) as server, pytest.raises(EndpointRefused):
        answer(server, max_retries=3)
    assert len(server.requests) == 1


def test_a_connection_dropped_in_mid_stream_is_not_tried_again() -> None:
    with running(says_then_drops("On ")) as server, pytest.raises(EndpointUnreachable):
        answer(server, max_retries=3)
    assert len(server.requests) == 1


def test_the_tries_end() -> None:
    with running(refuses(503, "overloaded")) as server, pytest.raises(EndpointRefused, match=r"503.*overloaded"):
        answer(server, max_retries=2)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (400, "hosted.model"),
        (401, "environment variable MY_KEY"),
        (403, "environment variable MY_KEY"),
        (404, "Set `hosted.model`"),
        (429, "quota"),
        (500, "try again later"),
    ],
)
def test_a_refusal_says_its_status_the_servers_words_and_what_to_do(status: int, remedy: str) -> None:
    failure = failure_of(refuses(status, "the server's words"))
    assert isinstance(failure, EndpointRefused)
    assert str(status) in str(failure)
    assert "the server's words." in str(failure)
    assert remedy in str(failure)


def test_a_server_that_repeats_the_key_does_not_make_us_repeat_it() -> None:
    failure = failure_of(refuses(401, f"Incorrect API key provided: {KEY}"))
    assert "provided: [key]." in str(failure)
    assert failure.__cause__ is None
    assert failure.__suppress_context__


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"choices": [], "error": {"message": "out of memory"}}', "out of memory"),
        (b'{"error": {"message": "sk-the-secret is used up"}}', "[key] is used up"),
    ],
)
def test_an_error_inside_the_stream_is_a_refusal(body: bytes, words: str) -> None:
    failure = failure_of(streams_raw(body))
    assert isinstance(failure, EndpointRefused)
    assert words in str(failure)


def test_a_long_error_page_is_cut() -> None:
    assert len(str(failure_of(refuses(500, "x" * 10_000)))) < 600


def test_a_server_that_is_not_there_is_unreachable() -> None:
    url = unused_url()
    with pytest.raises(EndpointUnreachable, match=r"refused.*`hosted\.base_url`") as caught:
        list(HostedGenerator(endpoint(url)).stream("When?", CONTEXT, ()))
    assert url in str(caught.value)


def test_a_connection_dropped_before_the_headers_is_unreachable() -> None:
    assert isinstance(failure_of(drops()), EndpointUnreachable)


def test_an_error_whose_body_breaks_off_is_still_our_error() -> None:
    assert isinstance(failure_of(refuses_then_drops(500)), EndpointUnreachable)


@pytest.mark.parametrize("act", [says_then_drops("On ", "1"), says("On ", "1", finish=None)])
def test_pieces_before_a_break_arrive_and_then_the_break_is_told(act: Act) -> None:
    with running(act) as server:
        pieces = HostedGenerator(endpoint(server.url)).stream("When?", CONTEXT, ())
        assert [next(pieces), next(pieces)] == ["On ", "1"]
        with pytest.raises(EndpointUnreachable, match="chat-1"):
            next(pieces)


@pytest.mark.parametrize("act", [hangs(), says_then_hangs(), says_then_hangs("On ")])
def test_silence_is_unreachable_wherever_it_begins(act: Act) -> None:
    failure = failure_of(act, timeout_s=0.2)
    assert isinstance(failure, EndpointUnreachable)
    assert "0.2 s" in str(failure)
    assert "`timeout_s`" in str(failure)


@pytest.mark.parametrize(
    "act",
    [
        streams_raw(b"not json"),
        streams_raw(b'{"choices": '),
        streams_raw(b"\xff\xfe"),
        streams_raw(b"[1, 2]"),
        streams_raw(b'"text"'),
        streams_raw(b"null"),
        streams_raw(b'{"choices": ["text"]}'),
        streams_raw(b'{"choices": 3}'),
        streams_raw(b'{"choices": [{"index": 0, "delta": {"content": 3}}]}'),
        streams_raw(b'{"choices": [{"index": 0, "delta": "text"}]}'),
        sends(b"<html>welcome</html>", content_type="text/html"),
        sends(b'{"choices": [{"message": {"content": "not streamed"}}]}'),
    ],
)
def test_what_is_no_chat_completion_is_told_apart_from_an_answer(act: Act) -> None:
    failure = failure_of(act)
    assert "/v1" in str(failure)
    assert "did not send" in str(failure)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (says(), "no text"),
        (says("", " \n"), "no text"),
        (says(finish="length"), "max_tokens"),
        (says(finish="content_filter"), "filter"),
    ],
)
def test_an_empty_reply_is_an_error(act: Act, words: str) -> None:
    assert words in str(failure_of(act))


def test_chunks_without_choices_or_text_are_passed_over() -> None:
    text = json.dumps({"choices": [{"index": 0, "delta": {"content": "ok"}, "finish_reason": None}]}).encode()
    bare = b'{"choices": [{"index": 0, "finish_reason": null}]}'
    with running(streams_raw(b'{"choices": []}', bare, text, b'{"usage": {}}', FINISHED)) as server:
        assert answer(server) == ["ok"]


def test_an_answer_cut_at_the_limit_is_given_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with running(says("On 1", finish="length")) as server, caplog.at_level(logging.WARNING):
        assert answer(server) == ["On 1"]
    assert "1024 tokens" in caplog.text


def test_openai_is_not_imported_before_the_first_request() -> None:
    program = (
        "import sys; from recollect.agent.generators.hosted import HostedGenerator;"
        "from recollect.memory.endpoint import Endpoint;"
        "HostedGenerator(Endpoint(model='m', base_url='http://localhost/v1'));"
        "sys.exit('openai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_whole_answer_tells_what_it_took() -> None:
    with running(says("On ", "1 March [1].", usage=(321, 12))) as server:
        told = HostedGenerator(endpoint(server.url)).told("When?", CONTEXT, ())
    assert told.text == "On 1 March [1]."
    assert told.usage == Usage(prompt_tokens=321, completion_tokens=12)
    assert told.confidence is None
    assert server.requests[0].body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("usage", [b"{}", b'"many"', b'{"prompt_tokens": "3", "completion_tokens": 4}', b"null"])
def test_a_server_that_does_not_count_costs_no_answer(usage: bytes) -> None:
    choice = b'{"index": 0, "delta": {"content": "ok"}, "finish_reason": "stop"}'
    with running(streams_raw(b'{"choices": [' + choice + b'], "usage": ' + usage + b"}")) as server:
        told = HostedGenerator(endpoint(server.url)).told("When?", CONTEXT, ())
    assert (told.text, told.usage) == ("ok", None)


def test_a_chat_does_not_ask_what_it_took() -> None:
    with running(says("ok", usage=(3, 1))) as server:
        assert answer(server) == ["ok"]
    assert "stream_options" not in server.requests[0].body
