"""The stores of an evaluation: one for each conversation, so that no figure depends on who else is evaluated.

Word searches weigh a term by how many rows of the store hold it (FTS5's bm25), so conversations in one store would
change each other's candidates, and a run that was continued would not repeat one in one go.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .evals.record import Cost
from .evals.shared_memories import SharedMemories
from .memory.errors import GenerationError
from .memory.fusion import Fusion
from .wiring import open_memory

if TYPE_CHECKING:
    from .agent.long_term_memory import LongTermMemory
    from .config import Config
    from .memory.endpoint_usage import Usage
    from .memory.ports import Embedder

_READABLE = 48
"""Characters of a conversation's name that its file shows."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStage:
    """What decides which candidates a system is offered: how searches are fused, and whether events are drawn."""

    fusion: Fusion
    dense_weight: float
    has_events: bool


class ConversationStores:
    """Opens the store of a conversation when it is reached, and closes it when it is left.

    All share `embedder`, which is loaded once. First stages that differ in fusion share the file, events have one of
    their own: they are candidates and rows that words are counted in. Used by one thread at a time.
    """

    def __init__(self, folder: Path, config: "Config", embedder: "Embedder") -> None:
        self._folder = folder
        # each system brings its own reranker
        self._config = replace(config, rerank="none", rerank_model=None)
        self._embedder = embedder
        self._memories: dict[FirstStage, SharedMemories] = {}
        self._opened: dict[tuple[FirstStage, str], LongTermMemory] = {}

    def memories(self, stage: FirstStage) -> SharedMemories:
        """Return the memories with a first stage, one for all systems that have it."""
        if stage not in self._memories:
            complete: Callable[[str], Cost] | None = partial(self._summarise, stage) if stage.has_events else None
            self._memories[stage] = SharedMemories(partial(self._open, stage), complete=complete)
        return self._memories[stage]

    def leave(self, conversation: str) -> None:
        """Close the stores of a conversation whose questions are asked; its memories cannot be asked any more."""
        for memories in self._memories.values():
            memories.release(conversation)
        for key in [key for key in self._opened if key[1] == conversation]:
            self._opened.pop(key).close()

    def close(self) -> None:
        """Close what is open; a second call does nothing."""
        for conversation in {conversation for _, conversation in self._opened}:
            self.leave(conversation)

    def _open(self, stage: FirstStage, conversation: str) -> "LongTermMemory":
        if (stage, conversation) in self._opened:  # its ingest failed for another system
            return self._opened[stage, conversation]
        config = replace(
            self._config,
            fusion=stage.fusion,
            dense_weight=stage.dense_weight,
            summaries=self._config.summaries if stage.has_events else "none",
        )
        path = self._folder / file_name(conversation, has_events=stage.has_events)
        memory = open_memory(path, user=conversation, config=config, embedder=self._embedder)
        self._opened[stage, conversation] = memory
        return memory

    def _summarise(self, stage: FirstStage, conversation: str) -> Cost:
        """Draw events from every session that has none yet, and return what a hosted model did for it.

        Raises GenerationError where a session cannot be summarised.
        """
        memory = self._opened[stage, conversation]
        scope = memory.scope({})
        if memory.summaries is None or scope is None:
            return Cost()
        problems = memory.summaries.backfill(scope).problems
        if problems:
            raise GenerationError(f"{problems[0]} Continue the run to try again.")
        spent: Usage | None = getattr(memory.summaries.summarizer, "spent", None)  # hosted ones count
        if spent is None:
            return Cost()
        calls: int = getattr(memory.summaries.summarizer, "calls", 0)
        return Cost(llm_calls=calls, prompt_tokens=spent.prompt_tokens, completion_tokens=spent.completion_tokens)


def file_name(conversation: str, *, has_events: bool = False) -> str:
    """Return the name of a conversation's store: readable, safe on any disk, and no other conversation's."""
    digest = hashlib.sha256(conversation.encode()).hexdigest()[:12]
    readable = _UNSAFE.sub("-", conversation)[:_READABLE].strip("-.")
    return f"{readable}{'-' if readable else ''}{digest}{'-events' if has_events else ''}.db"
