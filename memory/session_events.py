"""The summaries of a session as memories: stored together, found by words and vectors, replaced as a whole."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .archive import Archive, passage
from .checked_vectors import embed_passages
from .checks import check_text, check_turn
from .errors import InvalidInput
from .lexical_documents import CONTEXT_REACH, documents_around, event_document
from .rows import mention_columns
from .sessions import DueSession
from .types import EventSummary, NewEvent, NewTurn, Turn

if TYPE_CHECKING:
    from .ports import Vectors


class SessionEvents:
    """Reads the turns of sessions and writes their summaries, through one archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def turns(self, session: DueSession) -> list[Turn]:
        """Return what was said in a session, in order."""
        return self._archive.store.turns(self._archive.sessions.turn_ids(session.id))

    def vectors(self, turns: Sequence[Turn]) -> "Vectors":
        """Return the vectors of stored turns, float32 (turns, dimensions); those that have none are embedded.

        Raises EmbedderError where one of those cannot be.
        """
        archive = self._archive
        ids, stored = archive.log.of([turn.id for turn in turns])
        known = dict(zip(ids.tolist(), stored, strict=True))
        missing = [turn for turn in turns if turn.id not in known]
        if missing:
            embedded = embed_passages(archive.embedder, [passage(turn.speaker, turn.text) for turn in missing])
            usable = np.where(embedded.usable[:, None], embedded.vectors, np.float32(0.0))
            known |= dict(zip((turn.id for turn in missing), usable, strict=True))
        rows = [known[turn.id] for turn in turns]
        return np.array(rows, dtype=np.float32).reshape(len(turns), archive.embedder.dimensions)

    def replace(
        self, session: DueSession, turns: Sequence[Turn], events: Sequence[NewEvent], *, made_by: str
    ) -> list[EventSummary] | None:
        """Store what a summariser made of `turns` in place of the session's summaries, in one transaction.

        None, and nothing is changed, where the session's turns are no longer those: it stays due. Raises InvalidInput
        for an event that cites no turn, or another session's.
        """
        known = {turn.id for turn in turns}
        for event in events:
            check_text(event.text, "event summary")
            if not event.turns or not known.issuperset(event.turns):
                raise InvalidInput(
                    f"The summariser {made_by} cites turns {list(event.turns)}, which session {session.name} of "
                    f"{session.conversation} does not hold; nothing was stored of it."
                )
        archive = self._archive
        embedded = archive.try_to_embed([event.text for event in events]) if events else None
        with archive.store.file.atomic():
            if self.turns(session) != list(turns):
                return None
            old = archive.sessions.summaries([session.id])
            archive.store.delete(old)
            archive.words.remove(old)
            ids = [
                archive.store.add_event(event.turns, event.text, happened_at=event.happened_at, kind=event.kind)
                for event in events
            ]
            archive.sessions.remember(session, ids, made_by=made_by)
            stored = [memory for memory in archive.store.memories(ids).values() if isinstance(memory, EventSummary)]
            if stored:
                source = documents_around(archive.store, [turns[0].id])[0]
                archive.words.add([event_document(event, source) for event in stored])
                archive.put_vectors([event.id for event in stored], embedded)
        return stored

    def correct(self, turn: Turn, text: str) -> Turn:
        """Give a turn other words, everywhere, and return it; its session's summaries go, and it is stale.

        Raises InvalidTurn for text that cannot be stored, InvalidInput where the turn is gone.
        """
        checked = check_turn(NewTurn(speaker=turn.speaker, text=text, said_at=turn.said_at))
        archive = self._archive
        embedded = archive.try_to_embed([passage(checked.speaker, checked.text)])
        with archive.store.file.atomic():
            if not archive.store.turns([turn.id]):
                raise InvalidInput(
                    f"Memory {turn.id} is no turn of {archive.store.file.path}; nothing was corrected."
                )
            outdated = archive.sessions.outdate([turn.id])
            archive.store.delete(outdated)
            archive.words.remove(outdated)
            archive.sessions.reword(turn.id, checked.text)
            archive.sessions.put_dates([(turn.id, *mention_columns(mention)) for mention in checked.dates])
            around = [row[0] for row in archive.store.neighbourhood([turn.id], reach=CONTEXT_REACH)]
            archive.words.add(documents_around(archive.store, around))
            archive.log.drop([turn.id])
            archive.put_vectors([turn.id], embedded)
        return archive.store.turns([turn.id])[0]
