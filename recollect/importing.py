"""Stores conversations so that doing it again, or going on after an interruption, adds only what is missing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from .conversation_file import FileConversation
from .memory.archive import Archive
from .memory.errors import InvalidInput
from .memory.types import NewTurn, Scope

BATCH_TURNS = 256
"""Turns of one transaction: an interruption loses at most the work of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What of one conversation is to be stored; `known` turns are in the store already."""

    conversation: str
    missing: tuple[NewTurn, ...]
    known: int


def plan_import(archive: Archive, user: str, conversations: Sequence[FileConversation]) -> list[ImportPlan]:
    """Compare a file with the store by conversation, session, position and text; nothing is written.

    Raises InvalidInput where the store has other words in the place of a turn.
    """
    return [_plan(archive, user, conversation) for conversation in conversations]


def carry_out(
    archive: Archive,
    user: str,
    plans: Sequence[ImportPlan],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Store what is missing and return how many turns that were; each batch is one transaction."""
    total, done = sum(len(plan.missing) for plan in plans), 0
    for plan in plans:
        waiting = iter(plan.missing)
        while batch := list(islice(waiting, BATCH_TURNS)):
            archive.add_turns(user, plan.conversation, batch)
            done += len(batch)
            if progress is not None:
                progress(done, total)
    return done


def _plan(archive: Archive, user: str, conversation: FileConversation) -> ImportPlan:
    scope = archive.store.scope(user, conversation.name)
    stored = {} if scope is None else _stored_texts(archive, scope)
    last = {} if scope is None else archive.store.last_positions(scope)
    missing: list[NewTurn] = []
    positions: dict[str, int] = {}
    for entry in conversation.turns:
        session = str(entry.turn.session)
        position = positions[session] = positions.get(session, 0) + 1
        if position > last.get(session, 0):
            missing.append(entry.turn)
        # a gap up to the last position is a turn that was forgotten on purpose: it stays forgotten
        elif stored.get((session, position), entry.turn.text) != entry.turn.text:
            raise InvalidInput(
                f"{conversation.file}, {entry.place}: turn {position} of session {session} in conversation "
                f"{conversation.name} has other words in the store. Nothing was imported; name another "
                "conversation with --conversation, or another user with --user."
            )
    known = len(conversation.turns) - len(missing)
    return ImportPlan(conversation=conversation.name, missing=tuple(missing), known=known)


def _stored_texts(archive: Archive, scope: Scope) -> dict[tuple[str, int], str]:
    turns = archive.store.turns(archive.store.ids(scope))
    return {(turn.session, turn.position): turn.text for turn in turns}
