"""docs/hosted.md says what the settings and the providers are."""

import re
from pathlib import Path

import pytest

from recollect import Config
from recollect.agent.ports import ABSTENTION
from recollect.config_keys import KEYS
from recollect.wiring_hosted import PROVIDERS

TEXT = (Path(__file__).parents[1] / "docs" / "hosted.md").read_text(encoding="utf-8")


def test_every_setting_it_names_exists_and_every_one_that_exists_is_named() -> None:
    named = set(re.findall(r"hosted\.[a-z_]+", TEXT)) - {"hosted.md"}
    assert named == {key.name for key in KEYS if key.name.startswith("hosted.")}


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_every_provider_is_told_as_it_is(provider: str) -> None:
    one = PROVIDERS[provider]
    (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| `{provider}` |")]
    assert f"| {one.base_url} | `{one.key_variable}` |" in row
    assert (f"| {one.context_tokens} tokens |" in row) == (one.context_tokens is not None)


def test_defaults_and_words_are_those_of_the_code() -> None:
    defaults = Config()
    assert f"`hosted.max_tokens` ({defaults.hosted_max_tokens})" in TEXT
    assert f"`hosted.max_retries` times ({defaults.hosted_max_retries})" in TEXT
    assert f"`hosted.timeout_s` ({defaults.hosted_timeout_s:g})" in TEXT
    assert f"`{ABSTENTION}`" in TEXT
