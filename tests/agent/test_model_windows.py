"""How much known models read, by whatever name a server gives them."""

import pytest

from recollect.agent.generators.model_windows import window_of


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("gpt-4", 8192),
        ("gpt-4-0613", 8192),
        ("gpt-4-turbo-2024-04-09", 128_000),
        ("gpt-4o-mini", 128_000),
        ("openai/gpt-4.1-mini", 1_047_576),
        ("llama3.1:8b", 131_072),
        ("llama3:latest", 8192),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", 131_072),
        ("Qwen/Qwen3-4B-Instruct-2507", 262_144),
        ("Qwen/Qwen3-4B", 40_960),
    ],
)
def test_the_longest_entry_that_begins_a_name_counts(name: str, tokens: int) -> None:
    assert window_of(name) == tokens


@pytest.mark.parametrize("name", ["gpt-4.5-preview", "gpt-40", "my-gpt-4", "o11", "", "tiny"])
def test_a_model_that_is_not_known_has_no_window(name: str) -> None:
    assert window_of(name) is None
