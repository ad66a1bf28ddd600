"""add and correct: one turn into the memory, or in other words."""

import sys

import click

from ..memory.errors import InvalidInput
from .filters import MOMENT
from .invocation import Invocation, pass_invocation, place_options
from .output import say, write_json


@click.command()
@click.argument("text")
@click.option("--speaker", metavar="NAME", help="Who said it [default: you].")
@click.option("--said-at", type=MOMENT, metavar="TIME", help="When, in ISO 8601 [default: now].")
@click.option("--session", metavar="NAME", help="Which session [default: the running one, or a new one].")
@click.option("--ref", metavar="ID", help="Your own id of the turn; answers that cite it show it.")
@click.option("--json", "as_json", is_flag=True, help="Write the stored turn as JSON.")
@place_options
@pass_invocation
def add(
    invocation: Invocation,
    text: str,
    speaker: str | None,
    said_at: str | None,
    session: str | None,
    ref: str | None,
    as_json: bool,
) -> None:
    """Store one turn verbatim. TEXT `-` reads it from stdin."""
    words = _standard_input() if text == "-" else text
    with invocation.open_memory() as memory:
        from ..wiring import speaker_of

        who = speaker_of(memory.user) if speaker is None else speaker
        turn = memory.add(who, words, said_at=said_at, session=session, ref=ref)
    if as_json:
        from .documents import memory_document

        write_json(memory_document(turn))
    else:
        say(f"Stored as memory {turn.id}: session {turn.session}, turn {turn.position}, in {turn.conversation}.")


@click.command()
@click.argument("memory_id", metavar="ID", type=int)
@click.argument("text")
@place_options
@pass_invocation
def correct(invocation: Invocation, memory_id: int, text: str) -> None:
    """Give turn ID (see `recall --json`) other words for good. TEXT `-` reads them from stdin.

    What was summarised of its session is summarised anew.
    """
    words = _standard_input() if text == "-" else text
    with invocation.open_memory(must_exist=True) as memory:
        found = memory.archive.store.turns([memory_id])
        if not found or found[0].user != memory.user:
            raise InvalidInput(f"{memory.user} has no turn {memory_id}; nothing was corrected.")
        memory.correct(found[0], words)
    say(f"Corrected memory {memory_id}.")


def _standard_input() -> str:
    """Return stdin without the line feed that ends it."""
    content = sys.stdin.buffer.read()
    try:
        return content.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"stdin is not UTF-8 (byte {error.start}); convert it first, say with iconv. Nothing was stored."
        ) from error


COMMANDS = (add, correct)
