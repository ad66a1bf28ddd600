"""How a store is: what it holds, how large it is on disk, and whether its indexes are complete."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .archive import snapshot_path
from .store import Store
from .types import Scope
from .vector_log import VectorLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What there is to tell about a store; `vectors_missing` memories are found by their words alone."""

    store: str
    users: int
    conversations: int
    sessions: int
    turns: int
    events: int
    date_mentions: int
    turns_by_user: Mapping[str, int]
    bytes_on_disk: int
    embedder: str | None
    embedder_dimensions: int | None
    vectors_missing: int
    snapshot: str | None
    snapshot_bytes: int


def statistics(store: Store) -> Statistics:
    """Count what a store holds, and look at the health of its indexes."""
    counts = store.counts(Scope())
    dimensions = int(store.fact("embedder_dimensions") or 0)
    snapshot = snapshot_path(store.file.path)
    scopes = {user: store.scope(user) for user in store.users()}
    return Statistics(
        store=str(store.file.path),
        users=counts.users,
        conversations=counts.conversations,
        sessions=counts.sessions,
        turns=counts.turns,
        events=counts.events,
        date_mentions=counts.date_mentions,
        turns_by_user={user: store.counts(scope).turns for user, scope in scopes.items() if scope},
        bytes_on_disk=sum(_size(path) for path in _files(store.file.path)),
        embedder=store.fact("embedder"),
        embedder_dimensions=dimensions or None,
        vectors_missing=VectorLog(store.file, dimensions).missing_count(),
        snapshot=str(snapshot) if snapshot.exists() else None,
        snapshot_bytes=_size(snapshot),
    )


def _files(store: Path) -> list[Path]:
    return [store, *(store.with_name(store.name + end) for end in ("-wal", "-shm", ".faiss"))]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
