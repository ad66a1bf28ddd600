"""One whole reply of a chat model: its words, why they ended, and what they took if the server tells."""

import pytest

from recollect.memory.endpoint import Endpoint
from recollect.memory.endpoint_chat import EndpointChat, Reply
from recollect.memory.endpoint_usage import Usage, usage_in
from tests.openai_server import Act, running, says, sends


def reply_to(act: Act) -> Reply:
    with running(act) as server:
        return EndpointChat(Endpoint(model="chat-1", base_url=server.url)).reply("Be brief.", "When?")


def test_a_reply_tells_what_it_took() -> None:
    assert reply_to(says("In ", "May.", usage=(40, 3))) == Reply(
        text="In May.", finish="stop", usage=Usage(prompt_tokens=40, completion_tokens=3)
    )


@pytest.mark.parametrize("usage", [b"null", b"{}", b"[1]", b'{"prompt_tokens": null, "completion_tokens": 2}'])
def test_a_reply_without_counts_is_a_reply(usage: bytes) -> None:
    choice = b'{"message": {"content": "In May."}, "finish_reason": "stop"}'
    assert reply_to(sends(b'{"choices": [' + choice + b'], "usage": ' + usage + b"}")) == Reply(
        text="In May.", finish="stop"
    )


def test_half_a_count_is_none() -> None:
    assert usage_in(Usage(prompt_tokens=1, completion_tokens=2)) == Usage(prompt_tokens=1, completion_tokens=2)
    assert usage_in({"prompt_tokens": 1}) is None
