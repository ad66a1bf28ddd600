"""stats, sessions, reembed and forget: looking after a store."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from itertools import islice
from typing import TYPE_CHECKING

import click

from ..memory.errors import InvalidInput
from .invocation import Invocation, pass_invocation, place_options, setting, store_options
from .output import console, counted, progress, say, shown, write_json

if TYPE_CHECKING:
    from ..memory.health import Statistics

USERS_SHOWN = 20


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@store_options
@pass_invocation
def stats(invocation: Invocation, as_json: bool) -> None:
    """Count what a store holds, and look at the health of its indexes."""
    from ..memory.health import statistics

    store = invocation.open_store()
    try:
        found = statistics(store)
    finally:
        store.close()
    if as_json:
        write_json(asdict(found))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in _rows(found):
        table.add_row(name, shown(value))
    console().print(table)


def _rows(found: "Statistics") -> Iterator[tuple[str, str]]:
    """Yield names and values as people read them."""
    for field in fields(found):
        value: object = getattr(found, field.name)
        if field.name == "turns_by_user":
            value = _users(found.turns_by_user)
        elif field.name.startswith(("bytes", "snapshot_bytes")):
            value = f"{value:,}"
        yield field.name.replace("_", " "), "-" if value is None else str(value)


def _users(turns_by_user: Mapping[str, int]) -> str:
    shown_users = [f"{user} ({turns})" for user, turns in islice(turns_by_user.items(), USERS_SHOWN)]
    more = len(turns_by_user) - len(shown_users)
    return ", ".join([*shown_users, *([f"{more} more"] if more else [])])


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write one JSON list.")
@place_options
@pass_invocation
def sessions(invocation: Invocation, as_json: bool) -> None:
    """List the user's sessions in the order they were begun."""
    store = invocation.open_store()
    try:
        scope = store.scope(invocation.config.user, invocation.conversation)
        found = [] if scope is None else store.sessions(scope)
    finally:
        store.close()
    if as_json:
        write_json([{"conversation": c, "session": s, "turns": n} for c, s, n in found])
        return
    for conversation, session, turns in found:
        say(f"{conversation}\t{session}\t{counted(turns, 'turn')}")


@click.command()
@setting("--embedder", key="embedder.name", help="minilm, sentence-transformers or endpoint.")
@setting("--model", key="embedder.model", metavar="NAME", help="The embedder's model.")
@store_options
@pass_invocation
def reembed(invocation: Invocation) -> None:
    """Give every memory a vector of the configured embedder, after another one was configured.

    Goes on where it was interrupted when it is started again.
    """
    from .threads import settle_threads

    settle_threads(invocation.config)
    invocation.refuse_absent_store()
    from ..wiring import open_archive

    archive = open_archive(config=invocation.config, check_embedder=False)
    try:
        with progress("Embedding", "memories") as advance:
            made = archive.reembed(progress=advance)
        say(f"Made {counted(made, 'vector')} with {archive.embedder.name} in {archive.store.file.path}.")
    finally:
        archive.close()


@click.command()
@click.argument("ids", nargs=-1, required=True, type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
@pass_invocation
def forget(invocation: Invocation, ids: tuple[int, ...], yes: bool) -> None:
    """Delete memories by their IDS (see `recall --json`) for good, from the store and its indexes."""
    with invocation.open_memory(must_exist=True) as memory:
        found = memory.archive.store.memories(ids)
        for memory_id in ids:
            if memory_id not in found or found[memory_id].user != memory.user:
                raise InvalidInput(f"{memory.user} has no memory {memory_id}; nothing was deleted.")
        for memory_id in ids:
            say(f"{memory_id}: {found[memory_id].text}")
        which = "this" if len(found) == 1 else f"these {len(found)}"
        if not yes and not click.confirm(f"Forget {which} for good?"):
            say("Nothing was forgotten.")
            return
        memory.forget(found.values())
    say(f"Forgot {counted(len(found), 'memory', 'memories')}.")


COMMANDS = (stats, sessions, reembed, forget)
