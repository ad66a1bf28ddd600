"""Recollect: an assistant that remembers. Offline by default, every answer traceable to the words it came from.

>>> import recollect
>>> memory = recollect.open_memory("assistant.db", user="alice")
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agent.agent import Agent, AnswerStream
    from .agent.long_term_memory import LongTermMemory
    from .agent.types import Answer, Citation
    from .config import Config, load_config
    from .memory.errors import RecollectError
    from .memory.types import (
        Candidate,
        Context,
        DateMention,
        EventSummary,
        Heat,
        NewTurn,
        Retrieved,
        ScoredMemory,
        Turn,
    )
    from .wiring import open_agent, open_memory

__version__ = "0.1.0"

_HOMES = {
    "Agent": ".agent.agent",
    "Answer": ".agent.types",
    "AnswerStream": ".agent.agent",
    "Candidate": ".memory.types",
    "Citation": ".agent.types",
    "Config": ".config",
    "Context": ".memory.types",
    "DateMention": ".memory.types",
    "EventSummary": ".memory.types",
    "Heat": ".memory.types",
    "LongTermMemory": ".agent.long_term_memory",
    "NewTurn": ".memory.types",
    "RecollectError": ".memory.errors",
    "Retrieved": ".memory.types",
    "ScoredMemory": ".memory.types",
    "Turn": ".memory.types",
    "load_config": ".config",
    "open_agent": ".wiring",
    "open_memory": ".wiring",
}

__all__ = [
    "Agent",
    "Answer",
    "AnswerStream",
    "Candidate",
    "Citation",
    "Config",
    "Context",
    "DateMention",
    "EventSummary",
    "Heat",
    "LongTermMemory",
    "NewTurn",
    "RecollectError",
    "Retrieved",
    "ScoredMemory",
    "Turn",
    "load_config",
    "open_agent",
    "open_memory",
]


def __getattr__(name: str) -> object:
    """Import public names when they are first used, so that `import recollect` stays instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'recollect' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
