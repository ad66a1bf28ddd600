"""The configured hosted model: which server and key, how much it reads, what it costs."""

import pytest

from recollect import Config
from recollect.agent.ports import told_by
from recollect.agent.prompt import INSTRUCTION, SHORT_INSTRUCTION
from recollect.config import load_config
from recollect.memory.endpoint_usage import Price
from recollect.memory.errors import ConfigError
from recollect.memory.types import Context
from recollect.wiring import make_generator
from recollect.wiring_hosted import PROVIDERS, context_tokens, hosted_endpoint, hosted_generator, price_of
from tests.fakes import HashEmbedder
from tests.openai_server import running, says

NOTHING = Context(memories=(), scores=(), text="", tokens=0, budget=854)


@pytest.mark.parametrize("provider", ["openai", "ollama", "vllm", "llama.cpp"])
def test_a_provider_says_where_its_server_is_and_which_variable_holds_its_key(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in PROVIDERS.values():
        monkeypatch.setenv(one.key_variable, f"the key of {one.base_url}")
    config = load_config({"hosted.provider": provider, "hosted.model": "chat-1"})
    endpoint = hosted_endpoint(config, "")
    assert endpoint.base_url == PROVIDERS[provider].base_url
    assert endpoint.api_key == f"the key of {PROVIDERS[provider].base_url}"


def test_no_two_providers_share_an_address_or_a_key() -> None:
    assert len({one.base_url for one in PROVIDERS.values()}) == len(PROVIDERS)
    assert len({one.key_variable for one in PROVIDERS.values()}) == len(PROVIDERS)


def test_what_is_set_goes_before_the_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "mine")
    config = Config(
        hosted_provider="ollama",
        hosted_model="llama3.1:8b",
        hosted_base_url="http://10.0.0.2:11434/v1",
        hosted_key_variable="MY_KEY",
        hosted_context_tokens=32_768,
    )
    endpoint = hosted_endpoint(config, "")
    assert (endpoint.base_url, endpoint.api_key) == ("http://10.0.0.2:11434/v1", "mine")
    assert context_tokens(config) == 32_768


def test_an_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"openai, ollama, vllm, llama\.cpp"):
        load_config({"hosted.provider": "olama"})


def test_a_model_reads_what_its_table_says_unless_its_server_reads_less() -> None:
    assert context_tokens(Config(hosted_model="gpt-4o")) == 128_000
    assert context_tokens(Config(hosted_model="mine")) is None
    assert context_tokens(Config(hosted_model="llama3.1:8b", hosted_provider="ollama")) == 4096


def test_no_price_is_no_cost_and_half_a_price_is_one() -> None:
    assert price_of(Config()) is None
    assert price_of(Config(hosted_input_price=2.5)) == Price(input_usd=2.5, output_usd=0.0)


@pytest.mark.parametrize(("style", "is_short"), [("short", True), ("chat", False)])
def test_settings_reach_the_server(style: str, is_short: bool) -> None:
    with running(says("ok", usage=(1000, 10))) as server:
        config = Config(
            hosted_model="chat-1",
            hosted_base_url=server.url,
            hosted_max_tokens=77,
            hosted_input_price=2.0,
            hosted_output_price=8.0,
        )
        generator = hosted_generator(config, style="short" if style == "short" else "chat")
        told = told_by(generator, "When?", NOTHING)
    body = server.requests[0].body
    assert body["max_tokens"] == 77
    assert ("fewer than six words" in body["messages"][0]["content"]) is is_short
    assert told.usage is not None
    assert told.usage.cost_usd == pytest.approx(0.00208)


def test_evaluations_ask_for_short_answers_and_chats_do_not() -> None:
    with running(says("ok")) as server:
        config = Config(generator="hosted", hosted_model="chat-1", hosted_base_url=server.url)
        for is_brief in (True, False):
            told_by(make_generator(config, HashEmbedder(), is_brief=is_brief), "When?", NOTHING)
    rules = [request.body["messages"][0]["content"] for request in server.requests]
    assert rules == [SHORT_INSTRUCTION, INSTRUCTION]


def test_a_small_window_leaves_three_quarters_to_the_prompt_and_says_what_it_cut() -> None:
    with running(says("ok")) as server:
        config = Config(hosted_model="chat-1", hosted_base_url=server.url, hosted_context_tokens=1024)
        told = told_by(hosted_generator(config, style="chat"), "word " * 1000, NOTHING)
    assert server.requests[0].body["max_tokens"] == 256
    assert "768 tokens" in told.problems[0]
