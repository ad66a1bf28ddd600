"""The local generator of a configuration: which model it is and how it decodes."""

from typing import TYPE_CHECKING

from .memory.errors import ModelNotConfigured

if TYPE_CHECKING:
    from .agent.ports import Generator
    from .config import Config


def local_reader(config: "Config") -> "Generator":
    """Return the seq2seq generator, whose weights are loaded with the first question; raises ModelNotConfigured."""
    from .agent.generators.bart import BartGenerator, Settings

    if not config.generator_model:
        raise ModelNotConfigured(
            "generator.name is 'bart' and generator.model is not set; name a hub model or a folder: "
            "recollect config set generator.model facebook/rag-token-nq"
        )
    settings = Settings(decoding=config.generator_decoding, beams=config.generator_beams)
    return BartGenerator(config.generator_model, settings=settings, device=config.generator_device)
