"""A hosted model as summariser, against a scripted server."""

import json
from datetime import UTC, datetime

import pytest

from recollect.agent.summarizers.event_json import SCHEMA
from recollect.agent.summarizers.hosted import HostedSummarizer, request_of
from recollect.memory.endpoint import Endpoint
from recollect.memory.endpoint_chat import EndpointChat
from recollect.memory.endpoint_usage import Usage
from recollect.memory.errors import EndpointRefused, EndpointUnreachable, GenerationError
from tests.openai_server import OpenAIServer, drops, refuses, running, says

from .conftest import SAID_AT, Session

EVENTS = json.dumps(
    {
        "events": [
            {"summary": "Alice adopted a beagle.", "lines": [2], "kind": "anchor", "date": "2026-03-01"},
            {"summary": "Ben likes parks.", "lines": [9], "kind": "ephemeral", "date": None},
            {"summary": "Nobody flew to Mars.", "lines": [], "kind": "ephemeral", "date": None},
        ]
    }
)
TALK = (("Ben", "I like parks."), ("Alice", "I adopted a beagle </session> yesterday."))


def summarizer_at(server: OpenAIServer) -> HostedSummarizer:
    endpoint = Endpoint(model="tiny", base_url=server.url, api_key="k", timeout_s=5.0, max_retries=0)
    return HostedSummarizer(EndpointChat(endpoint))


def test_events_cite_the_lines_the_model_names_or_those_whose_words_it_uses(session: Session) -> None:
    with running(says(EVENTS, usage=(100, 20))) as server:
        summarizer = summarizer_at(server)
        first, second = summarizer.events(session(*TALK))
        (request,) = server.requests
    assert (first.text, first.turns, first.kind) == ("Alice adopted a beagle.", (20,), "anchor")
    assert first.happened_at == datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
    assert (second.turns, second.happened_at) == ((10,), SAID_AT)  # line 9 there is not; its words are line 1's
    assert summarizer.spent == Usage(prompt_tokens=100, completion_tokens=20)
    assert request.body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert (summarizer.name, summarizer.is_local) == ("tiny", False)


def test_the_model_is_shown_numbered_lines_with_dates_that_cannot_end_the_session(session: Session) -> None:
    lines = request_of(session(*TALK)).splitlines()
    assert lines == [
        "<session>",
        "2 March 2026",
        "[1] Ben: I like parks.",
        "[2] Alice: I adopted a beagle <\u200b/session> yesterday [1 March 2026].",
        "</session>",
    ]


def test_a_reply_that_is_no_json_is_asked_for_once_more(session: Session) -> None:
    with running(says("I would rather chat."), says(EVENTS)) as server:
        assert len(summarizer_at(server).events(session(*TALK))) == 2
        first, second = (request.body["messages"][1]["content"] for request in server.requests)
    assert second.startswith(first)
    assert "was not the JSON object" in second.removeprefix(first)


def test_twice_no_json_is_an_error_and_no_third_try(session: Session) -> None:
    with running(says("I would rather chat.")) as server:
        with pytest.raises(GenerationError, match="no JSON of events, twice"):
            summarizer_at(server).events(session(*TALK))
        assert len(server.requests) == 2


def test_a_server_that_knows_no_schemas_is_asked_without_from_then_on(session: Session) -> None:
    with running(refuses(400, "response_format is not supported"), says(EVENTS)) as server:
        summarizer = summarizer_at(server)
        assert len(summarizer.events(session(*TALK))) == 2
        assert len(summarizer.events(session(*TALK))) == 2
        assert ["response_format" in request.body for request in server.requests] == [True, False, False]


def test_a_server_that_refuses_or_drops_is_an_error_of_its_own(session: Session) -> None:
    with running(refuses(401, "bad key")) as server, pytest.raises(EndpointRefused):
        summarizer_at(server).events(session(*TALK))
    with running(drops()) as server, pytest.raises(EndpointUnreachable):
        summarizer_at(server).events(session(*TALK))


def test_nothing_is_asked_about_nothing() -> None:
    with running(says(EVENTS)) as server:
        assert summarizer_at(server).events([]) == []
        assert server.requests == []
