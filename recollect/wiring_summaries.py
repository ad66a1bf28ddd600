"""Which summariser the configuration asks for; a part of the wiring, and used by it alone."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .config import Config
from .memory.errors import ConfigError

if TYPE_CHECKING:
    from .agent.ports import Summarizer
    from .memory.archive import Archive
    from .memory.endpoint import Endpoint


def chosen_summarizer(
    config: Config, archive: "Archive", hosted: "Callable[[Config, str], Endpoint]"
) -> "Summarizer | None":
    """Return the configured summariser, None where it is "none"; `hosted` gives the endpoint, told why it is needed.

    Raises ConfigError or ModelNotConfigured where it needs a model and none is named.
    """
    if config.summaries == "extractive":
        from .agent.summarizers.extractive import ExtractiveSummarizer
        from .memory.session_events import SessionEvents

        return ExtractiveSummarizer(SessionEvents(archive).vectors)
    if config.summaries == "seq2seq":
        from .agent.summarizers.seq2seq import SUGGESTED_MODEL, Seq2SeqSummarizer

        if not config.summaries_model:
            raise ConfigError(
                "summaries.name is 'seq2seq' and summaries.model is not set; name a hub model or a folder: "
                f"recollect config set summaries.model {SUGGESTED_MODEL}"
            )
        return Seq2SeqSummarizer(config.summaries_model, device=config.summaries_device)
    if config.summaries == "hosted":
        from .agent.summarizers.hosted import HostedSummarizer
        from .memory.endpoint_chat import EndpointChat

        return HostedSummarizer(EndpointChat(hosted(config, "summaries.name is 'hosted'")))
    return None
