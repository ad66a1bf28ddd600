"""Pinned memories: the context holds them whatever is asked, before all that was recalled."""

from collections.abc import Sequence
from dataclasses import replace

from ..memory.archive import Archive
from ..memory.types import Retrieved, Scope, ScoredMemory


def pinned_memories(archive: Archive, scope: Scope | None) -> list[ScoredMemory]:
    """Return what is pinned inside a scope; it has no scores."""
    ids = [] if scope is None else archive.chats.pinned(scope)
    return [ScoredMemory(memory=memory, score=0.0, stages={}) for memory in archive.store.memories(ids).values()]


def with_pinned(found: Retrieved, pinned: Sequence[ScoredMemory]) -> Retrieved:
    """Return a ranking that ends with the pinned memories which were not ranked, for a context to be built from."""
    ranked = {scored.memory.id for scored in found.ranked}
    missed = [scored for scored in pinned if scored.memory.id not in ranked]
    return replace(found, ranked=(*found.ranked, *missed))
