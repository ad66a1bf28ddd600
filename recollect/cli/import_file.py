"""import: whole conversations from a file."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from .invocation import Invocation, pass_invocation, place_options
from .output import counted, note, progress, say

if TYPE_CHECKING:
    from ..agent.long_term_memory import LongTermMemory
    from ..conversation_file import Format


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "file_format", type=click.Choice(("locomo", "jsonl")), help="[default: looks at FILE]")
@place_options
@pass_invocation
def import_conversations(invocation: Invocation, file: Path, file_format: str | None) -> None:
    """Store the conversations of FILE: LoCoMo's JSON, or JSONL with one turn a line.

    \b
    {"speaker": "Alice", "text": "I adopted a beagle.", "said_at": "2026-03-02T18:00",
     "session": "7", "ref": "chat-7", "conversation": "friends", "metadata": {}}

    Only speaker and text are required on every line. The whole file is checked before anything is stored. Turns
    that are stored already are skipped, so an interrupted import goes on when it is started again.
    """
    from ..conversation_file import read_conversations, renamed

    gap_s = 60 * invocation.config.session_gap_minutes
    chosen = cast("Format | None", file_format)  # click.Choice let nothing else through
    conversations = read_conversations(file, file_format=chosen, session_gap_s=gap_s)
    if invocation.conversation is not None:
        conversations = renamed(conversations, invocation.conversation)
    with invocation.open_memory() as memory:
        from ..importing import carry_out, plan_import

        plans = plan_import(memory.archive, memory.user, conversations)
        known = sum(plan.known for plan in plans)
        if known:
            note(f"Stored already, skipped: {counted(known, 'turn')}.")
        with progress("Importing", "turns") as advance:
            stored = carry_out(memory.archive, memory.user, plans, progress=advance)
        _summarise(memory)
        say(f"Stored {counted(stored, 'turn')} of {counted(len(plans), 'conversation')} in {memory.path}.")


def _summarise(memory: "LongTermMemory") -> None:
    """Summarise the sessions that are over, where that costs nothing; a hosted model is not asked unbidden."""
    scope = memory.scope({})
    if memory.summaries is None or scope is None:
        return
    due = memory.summaries.due(scope)
    if due and not memory.summaries.summarizer.is_local:
        note(f"{counted(len(due), 'session')} wait for their summaries; run: recollect summarize")
        return
    with progress("Summarising", "sessions") as advance:
        for done, one in enumerate(memory.summaries.work_through(due), 1):
            for problem in one.problems:
                note(problem)
            advance(done, len(due))


COMMANDS = (import_conversations,)
