"""Settings as the chat app sees and changes them."""

from pathlib import Path

import pytest

from recollect.chat_settings import ChatSettings
from recollect.config import load_config
from recollect.config_keys import GENERATORS
from recollect.memory.errors import ConfigError


def test_settings_are_listed_with_their_sources_and_written_to_the_file(recollect_home: Path) -> None:
    settings = ChatSettings({"user": "ann"})
    entries = {entry.name: entry for entry in settings.entries()}
    assert (entries["user"].value, entries["user"].source) == ("ann", "flag")
    assert entries["hosted.model"].value == ""
    assert entries["generator.name"].choices == GENERATORS
    settings.change("context.budget", "500")
    assert load_config().context_budget == 500
    settings.change("chat.theme", "nord")
    assert load_config().theme == "nord"
    assert str(recollect_home) in {entry.name: entry for entry in settings.entries()}["context.budget"].source
    settings.change("context.budget", "")
    assert load_config().context_budget == 854
    with pytest.raises(ConfigError, match="at least 1"):
        settings.change("context.budget", "0")


@pytest.mark.usefixtures("recollect_home")
def test_a_model_is_used_and_left_again_and_flags_give_way() -> None:
    flags: dict[str, object] = {"generator.name": "extractive"}
    settings = ChatSettings(flags)
    settings.use_model("big")
    config = load_config(flags)
    assert (config.generator, config.hosted_model) == ("hosted", "big")
    settings.use_model("offline")
    assert load_config(flags).generator == "extractive"
