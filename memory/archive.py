"""One store with its indexes: everything that writes goes through here, in one transaction a batch."""

import logging
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .chats import Chats
from .checked_vectors import Embedded, embed_passages
from .checks import CheckedTurn, check_name, check_text, check_turns
from .errors import EmbedderError, EmbedderMismatch, InvalidInput, InvalidVectors, StoreError
from .lexical import Fts5Index
from .lexical_documents import CONTEXT_REACH, documents_around, event_document
from .recall import Recall, RecallOptions
from .scoped_vectors import StoreVectors
from .sessions import Sessions
from .store import Store
from .types import EventKind, EventSummary, Memory, NewTurn, Turn
from .vector_log import VectorLog

if TYPE_CHECKING:
    from .ports import Embedder

logger = logging.getLogger(__name__)

BATCH_TURNS = 512
PENDING = "vectors_pending"
EMBEDDED_WHEN_ASKED = 2 * BATCH_TURNS
"""Memories without vectors that a question may wait for: some seconds; more are left to `recollect reembed`."""

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
        self.sessions = Sessions(store.file)
        self.chats = Chats(store.file)
        if check_embedder:
            self._check_embedder()
        self.log = VectorLog(store.file, embedder.dimensions)
        self.vectors = StoreVectors(store, self.log, embedder, path=snapshot_path(store.file.path))
        self._recall_options = recall
        # how many memories the embedder had no usable vector for: not all are tried again for every question
        self._unusable: int | None = None

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
        turns. When the embedder fails or returns what is no vector, turns are stored without and embedded later.
        """
        check_name(user, "user")
        check_name(conversation, "conversation")
        checked = check_turns(turns)
        ids: list[int] = []
        for batch in _batches(checked, BATCH_TURNS):
            embedded = self.try_to_embed([passage(turn.speaker, turn.text) for turn in batch])
            ids += self._write(user, conversation, batch, embedded)
            if progress is not None:
                progress(len(ids), len(checked))
        return self.store.turns(ids)

    def _write(
        self, user: str, conversation: str, turns: Sequence[CheckedTurn], embedded: Embedded | None
    ) -> list[int]:
        with self.store.file.atomic():
            ids = self.store.append_turns(user, conversation, turns)
            self.words.add(documents_around(self.store, ids))
            self.put_vectors(ids, embedded)
        return ids

    def put_vectors(self, ids: Sequence[int], embedded: Embedded | None) -> None:
        """Store the vectors that can be used, inside a transaction; what has none is embedded later."""
        if embedded is None or self._is_superseded():
            self.store.set_fact(PENDING, "1")
            return
        if not embedded.usable.all():
            logger.warning("The embedder %s returned vectors with NaN or infinite values.", self.embedder.name)
            self.store.set_fact(PENDING, "1")
        self.log.put(np.array(ids, dtype=np.int64)[embedded.usable], embedded.vectors[embedded.usable])

    def add_event(
        self, turn_ids: Sequence[int], text: str, *, happened_at: datetime, kind: EventKind = "ephemeral"
    ) -> EventSummary:
        """Store an event summary with the turns it came from; raises InvalidInput for turns of several sessions."""
        check_text(text, "event summary")
        embedded = self.try_to_embed([text])
        with self.store.file.atomic():
            turns = self.store.turns(turn_ids)
            places = {(turn.user, turn.conversation, turn.session) for turn in turns}
            if len(turns) != len(turn_ids) or len(places) != 1:
                raise InvalidInput(
                    f"An event needs the ids of turns of one session, all stored; got {list(turn_ids)}."
                )
            event_id = self.store.add_event(turn_ids, text, happened_at=happened_at, kind=kind)
            event = self.store.memories([event_id])[event_id]
            if not isinstance(event, EventSummary):  # narrows the type; the row was written as an event
                raise InvalidInput(f"Memory {event_id} is no event summary.")
            source = documents_around(self.store, turn_ids[:1])[0]
            self.words.add([event_document(event, source)])
            self.put_vectors([event_id], embedded)
        return event

    def forget(self, ids: Sequence[int]) -> None:
        """Delete memories everywhere; neighbours lose them from their lexical context.

        Summaries of a session that loses a turn may repeat it: they go too, and the session is stale until it is
        summarised anew. Events that were added by hand stay while one of their turns does.
        """
        with self.store.file.atomic():
            forgotten = set(ids)
            around = [row[0] for row in self.store.neighbourhood(ids, reach=CONTEXT_REACH) if row[0] not in forgotten]
            outdated = self.sessions.outdate(ids)
            orphans = {event.id for event in self.store.events_of(ids)}
            self.store.delete([*ids, *outdated])
            orphans -= set(self.store.memories(orphans))
            self.words.remove([*ids, *outdated, *orphans])
            self.words.add(documents_around(self.store, around))

    # -- vectors ---------------------------------------------------------------------------------

    def reembed(self, *, progress: Progress | None = None) -> int:
        """Give every memory a vector of the present embedder and return how many were made.

        The first call after a change of embedder drops the old vectors; a call that was interrupted is continued
        by the next one.
        """
        with self.store.file.atomic():
            if self._is_superseded():
                self.log.clear()
                self._remember_embedder()
            self.store.set_fact(PENDING, "1")
        self.vectors.forget_index()
        return self.embed_missing(progress=progress)

    def embed_missing(self, *, progress: Progress | None = None) -> int:
        """Embed memories stored while the embedder failed, and return how many.

        Raises EmbedderError; InvalidVectors at the end, when some vectors could not be used and the rest is stored.
        """
        total, done, refused, last = self.log.missing_count(), 0, 0, 0
        while ids := self.log.missing(BATCH_TURNS, after=last):
            last = ids[-1]
            made, unusable = self._embed_stored(ids)
            done, refused = done + made, refused + unusable
            if progress is not None:
                progress(done, max(total, done))
        with self.store.file.atomic():  # nobody adds a memory without a vector between the two
            if not self.log.missing_count():
                self.store.set_fact(PENDING, "0")
        if refused:
            raise InvalidVectors(
                f"{self.embedder.name!r} returned NaN or infinite values for {refused} memories; they are found by "
                f"their words only. {done} others were embedded. Check the model, then run: recollect reembed"
            )
        return done

    def _embed_stored(self, ids: Sequence[int]) -> tuple[int, int]:
        """Give memories their vectors; returns how many got one, and how many vectors could not be used."""
        found = self.store.memories(ids)  # another process may have forgotten some since
        if not found:
            return 0, 0
        embedded = embed_passages(self.embedder, [memory_passage(memory) for memory in found.values()])
        with self.store.file.atomic():
            self._check_embedder()
            alive = self.store.memories(found)
            kept = embedded.usable & np.array([memory_id in alive for memory_id in found])
            self.log.put(np.array(list(found), dtype=np.int64)[kept], embedded.vectors[kept])
        return int(kept.sum()), int((~embedded.usable).sum())

    def embed_pending(self) -> tuple[str, ...]:
        """Embed what was stored while the embedder failed, unless a question would wait for minutes.

        Returns in words what is left out; a failure is logged. Raises EmbedderMismatch when another process has
        embedded the store anew with another embedder.
        """
        self._check_embedder()
        if self.store.fact(PENDING) != "1":
            return ()
        missing = self.log.missing_count()
        if missing > EMBEDDED_WHEN_ASKED:
            return (f"{missing:,} memories have no vectors and are found by their words only; {self._reembed_hint}",)
        self._try_to_embed_missing(missing)
        return ()

    def _try_to_embed_missing(self, count: int) -> None:
        try:
            # where none of them could be used the last time, one is enough to see whether that has changed
            if count != self._unusable or self._embed_stored(self.log.missing(1))[0]:
                self.embed_missing()
        except InvalidVectors as error:
            self._unusable = self.log.missing_count()
            logger.warning("Some memories have no vectors yet: %s", error)
        except (EmbedderError, StoreError) as error:  # a full disk must not keep anyone from reading
            logger.warning("Some memories have no vectors yet: %s", error)

    def close(self) -> None:
        """Write the index snapshot if it is worth it, and close the file; a second call does nothing."""
        try:
            if not self.store.file.is_closed:
                self.vectors.save_if_worth_it()
        finally:
            self.store.close()

    def try_to_embed(self, texts: Sequence[str]) -> Embedded | None:
        """Return vectors of passages, or None when the embedder fails, which is logged."""
        try:
            return embed_passages(self.embedder, texts)
        except EmbedderError as error:
            logger.warning("%d memories are stored without vectors for now: %s", len(texts), error)
            return None

    def _is_superseded(self) -> bool:
        """Whether another process has embedded the store anew with another embedder since it was opened."""
        return self.store.fact("embedder_fingerprint") != self.embedder.fingerprint

    def _check_embedder(self) -> None:
        if self.store.fact("embedder_fingerprint") is None:
            with self.store.file.atomic():
                # read again under the lock: another process may have written in between
                if self.store.fact("embedder_fingerprint") is None:
                    self._remember_embedder()
        if self._is_superseded():
            raise EmbedderMismatch(
                f"{self.store.file.path} was embedded with {self.store.fact('embedder')!r}, and "
                f"{self.embedder.name!r} is configured; their vectors cannot be compared. Configure the first "
                f"one again, or embed the store anew; {self._reembed_hint}"
            )

    @property
    def _reembed_hint(self) -> str:
        return f"run: recollect reembed --store {shlex.quote(str(self.store.file.path))}"

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
