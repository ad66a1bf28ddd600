"""What the lexical index is told of a turn: its words, and the words around it in its session."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from .database import Row
from .ports import LexicalDocument
from .store import Store
from .timeline import format_day
from .types import EventSummary

CONTEXT_CHARACTERS = 2000
"""What of a long neighbour counts as context."""

CONTEXT_REACH = 2
"""Turns before and after a turn that count as its context (METHODS section 12.5)."""


def documents_around(store: Store, turn_ids: Sequence[int]) -> list[LexicalDocument]:
    """Return the documents of these turns and of the neighbours whose context they are part of."""
    affected = {row[0] for row in store.neighbourhood(turn_ids, reach=CONTEXT_REACH)}
    rows = store.neighbourhood(sorted(affected), reach=CONTEXT_REACH)
    labels = store.date_labels(sorted(affected))
    documents: list[LexicalDocument] = []
    for _, session in groupby(rows, key=lambda row: row[3]):
        turns = list(session)
        places = {row[4]: row for row in turns}
        documents.extend(_document(row, places, labels.get(row[0], [])) for row in turns if row[0] in affected)
    return documents


def _document(row: Row, places: dict[int, Row], labels: list[str]) -> LexicalDocument:
    memory_id, user, conversation, _, position, speaker, text, said_at, said_us = row
    around = [
        f"{near[5]}: {near[6][:CONTEXT_CHARACTERS]}"
        for offset in range(-CONTEXT_REACH, CONTEXT_REACH + 1)
        if offset and (near := places.get(position + offset)) is not None
    ]
    said_on = format_day(datetime.fromisoformat(said_at).date())
    return LexicalDocument(
        id=memory_id,
        own=f"{speaker}: {text}",
        context="\n".join([said_on, *labels, *around]),
        user=user,
        conversation=conversation,
        speaker=speaker,
        said_us=said_us,
    )


def event_document(event: EventSummary, source: LexicalDocument) -> LexicalDocument:
    """Return the document of an event summary, in the scope of one of its turns."""
    return LexicalDocument(
        id=event.id,
        own=event.text,
        context=format_day(event.happened_at.date()),
        user=source.user,
        conversation=source.conversation,
        speaker="",
        said_us=source.said_us,
    )
