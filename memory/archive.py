"""One store with its indexes: everything that writes goes through here, in one transaction a batch."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .checks import CheckedTurn, check_name, check_text, check_turns
from .errors import EmbedderError, EmbedderMismatch, InvalidInput
from .lexical import Fts5Index
from .lexical_documents import documents_around, event_document
from .recall import Recall, RecallOptions
from .scoped_vectors import StoreVectors
from .store import Store
from .types import EventKind, EventSummary, Memory, NewTurn, Turn
from .vector_log import VectorLog

if TYPE_CHECKING:
    from .ports import Embedder, Vectors

logger = logging.getLogger(__name__)

BATCH_TURNS = 512
PENDING = "vectors_pending"

Progress = Callable[[int, int], None]
"""Called with (done, total) after each batch."""


class Archive:
    """A store, its lexical index, its vectors and the embedder that made them.

    Raises EmbedderMismatch when the store was written with another embedder, and the StoreError family.
    """

    def __init__(
        self,
        store: Store,
        embedder: "Embedder",
        *,
        recall: RecallOptions | None = None,
        check_embedder: bool = True,
    ) -> None:
        self.store = store
        self.embedder = embedder
        self.words = Fts5Index(store.file)
        if check_embedder:
            self._check_embedder()
        self.log = VectorLog(store.file, embedder.dimensions)
        self.vectors = StoreVectors(store, self.log, embedder, path=snapshot_path(store.file.path))
        self._recall_options = recall

    @property
    def recall(self) -> Recall:
        """The read side of this archive."""
        return Recall(self.store, self.words, self.vectors, self.embedder, self._recall_options)

    # -- writing ---------------------------------------------------------------------------------

    def add_turns(
        self,
        user: str,
        conversation: str,
        turns: Iterable[NewTurn | Mapping[str, object]],
        *,
        progress: Progress | None = None,
    ) -> list[Turn]:
        """Store turns verbatim, with their words and vectors, and return them as stored.

        The whole batch is checked first (InvalidTurn: nothing was stored), then written in transactions of 512
        turns. When the embedder fails, turns are stored without vectors and embedded later.
        """
        check_name(user, "user")
        check_name(conversation, "conversation")
        checked = check_turns(turns)
        ids: list[int] = []
        for batch in _batches(checked, BATCH_TURNS):
            vectors = self._try_to_embed([passage(turn.speaker, turn.text) for turn in batch])
            ids += self._write(user, conversation, batch, vectors)
            if progress is not None:
                progress(len(ids), len(checked))
        return self.store.turns(ids)

    def _write(
        self, user: str, conversation: str, turns: Sequence[CheckedTurn], vectors: "Vectors | None"
    ) -> list[int]:
        with self.store.file.atomic():
            ids = self.store.append_turns(user, conversation, turns)
            self.words.add(documents_around(self.store, ids))
            self._put_vectors(ids, vectors)
        return ids

    def _put_vectors(self, ids: Sequence[int], vectors: "Vectors | None") -> None:
        if vectors is None:
            self.store.set_fact(PENDING, "1")
        elif ids:
            self.log.put(np.array(ids, dtype=np.int64), vectors)

    def add_event(
        self, turn_ids: Sequence[int], text: str, *, happened_at: datetime, kind: EventKind = "ephemeral"
    ) -> EventSummary:
        """Store an event summary with the turns it came from; raises InvalidInput for turns of several sessions."""
        check_text(text, "event summary")
        turns = self.store.turns(turn_ids)
        if not turns or len(turns) != len(turn_ids) or len({(t.conversation, t.session) for t in turns}) > 1:
            raise InvalidInput(f"An event needs the ids of turns of one session, all stored; got {list(turn_ids)}.")
        vectors = self._try_to_embed([text])
        with self.store.file.atomic():
            event_id = self.store.add_event(turn_ids, text, happened_at=happened_at, kind=kind)
            event = self.store.memories([event_id])[event_id]
            if not isinstance(event, EventSummary):  # narrows the type; the row was written as an event
                raise InvalidInput(f"Memory {event_id} is no event summary.")
            source = documents_around(self.store, turn_ids[:1])[0]
            self.words.add([event_document(event, source)])
            self._put_vectors([event_id], vectors)
        return event

    def forget(self, ids: Sequence[int]) -> None:
        """Delete memories everywhere; neighbours lose them from their lexical context."""
        with self.store.file.atomic():
            forgotten = set(ids)
            around = [row[0] for row in self.store.neighbourhood(ids, reach=2) if row[0] not in forgotten]
            orphans = {event.id for event in self.store.events_of(ids)}
            self.store.delete(ids)
            orphans -= set(self.store.memories(orphans))
            self.words.remove([*ids, *orphans])
            self.words.add(documents_around(self.store, around))

    # -- vectors ---------------------------------------------------------------------------------

    def reembed(self, *, progress: Progress | None = None) -> int:
        """Give every memory a vector of the present embedder and return how many were made.

        The first call after a change of embedder drops the old vectors; a call that was interrupted is continued
        by the next one.
        """
        with self.store.file.atomic():
            if self.store.fact("embedder_fingerprint") != self.embedder.fingerprint:
                self.log.clear()
                self._remember_embedder()
            self.store.set_fact(PENDING, "1")
        self.vectors.forget_index()
        return self.embed_missing(progress=progress)

    def embed_missing(self, *, progress: Progress | None = None) -> int:
        """Embed memories stored while the embedder failed, and return how many; raises EmbedderError."""
        total, done = self.log.missing_count(), 0
        while ids := self.log.missing(BATCH_TURNS):
            found = self.store.memories(ids)
            vectors = self.embedder.embed([memory_passage(found[i]) for i in ids], kind="passage")
            with self.store.file.atomic():
                alive = [place for place, i in enumerate(ids) if i in self.store.memories([i])]
                self.log.put(np.array(ids, dtype=np.int64)[alive], vectors[alive])
            done += len(ids)
            if progress is not None:
                progress(done, max(total, done))
        self.store.set_fact(PENDING, "0")
        return done

    def embed_pending(self) -> None:
        """Embed what was stored while the embedder failed, if anything; a failure is logged."""
        if self.store.fact(PENDING) == "1":
            try:
                self.embed_missing()
            except EmbedderError as error:
                logger.warning("Some memories have no vectors yet: %s", error)

    def close(self) -> None:
        """Write the index snapshot if it is worth it, and close the file."""
        self.vectors.save_if_worth_it()
        self.store.close()

    def _try_to_embed(self, texts: Sequence[str]) -> "Vectors | None":
        try:
            return self.embedder.embed(texts, kind="passage")
        except EmbedderError as error:
            logger.warning("%d memories are stored without vectors for now: %s", len(texts), error)
            return None

    def _check_embedder(self) -> None:
        if self.store.fact("embedder_fingerprint") is None:
            with self.store.file.atomic():
                # read again under the lock: another process may have written in between
                if self.store.fact("embedder_fingerprint") is None:
                    self._remember_embedder()
        if self.store.fact("embedder_fingerprint") != self.embedder.fingerprint:
            raise EmbedderMismatch(
                f"{self.store.file.path} was embedded with {self.store.fact('embedder')!r}, and "
                f"{self.embedder.name!r} is configured; their vectors cannot be compared. Configure the first "
                f"one again, or embed the store anew with: recollect reembed --store {self.store.file.path}"
            )

    def _remember_embedder(self) -> None:
        self.store.set_fact("embedder", self.embedder.name)
        self.store.set_fact("embedder_dimensions", str(self.embedder.dimensions))
        self.store.set_fact("embedder_fingerprint", self.embedder.fingerprint)


def passage(speaker: str, text: str) -> str:
    """Return what is embedded of a turn."""
    return f"{speaker}: {text}"


def memory_passage(memory: Memory) -> str:
    """Return what is embedded of a memory."""
    return passage(memory.speaker, memory.text) if isinstance(memory, Turn) else memory.text


def snapshot_path(store: Path) -> Path:
    """Return where the index snapshot of a store lies."""
    return store.with_name(f"{store.name}.faiss")


def _batches(turns: Sequence[CheckedTurn], size: int) -> Iterator[list[CheckedTurn]]:
    waiting = iter(turns)
    while batch := list(islice(waiting, size)):
        yield batch
