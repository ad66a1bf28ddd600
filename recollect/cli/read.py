"""ask, recall and context: what is remembered about a question."""

import click

from ..config_keys import GENERATORS
from .filters import filter_options
from .invocation import Invocation, pass_invocation, place_options, setting
from .output import console, counted, note, say, write_json


@click.command()
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@setting(
    "--generator", key="generator.name", type=click.Choice(GENERATORS), help="What answers, if not as configured."
)
@filter_options
@place_options
@pass_invocation
def ask(invocation: Invocation, question: str, as_json: bool) -> None:
    """Answer a QUESTION from memory, with the words the answer comes from.

    Nothing is stored. Not remembering is an answer too: the exit code is 0, and "abstained" is true in the JSON.
    """
    from .documents import answer_document
    from .rendering import show_answer

    with invocation.open_agent(must_exist=True) as agent:
        answer = agent.ask(question, **invocation.filters)
    if as_json:
        write_json(answer_document(question, answer))
    else:
        show_answer(answer)


@click.command()
@click.argument("question")
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, help="How many memories.")
@click.option("--explain", is_flag=True, help="Show scores and times of every stage, and what drew attention.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@filter_options
@place_options
@pass_invocation
def recall(invocation: Invocation, question: str, limit: int, explain: bool, as_json: bool) -> None:
    """List the memories that may answer a QUESTION, best first."""
    with invocation.open_memory(must_exist=True) as memory:
        found = memory.retrieve(question, limit=limit, **invocation.filters)
    from .documents import recall_document
    from .explaining import explained
    from .rendering import memories_table, show_problems, timings_line

    if as_json:
        write_json(recall_document(question, found, explain=explain))
        return
    if found.ranked:
        console().print(explained(found.ranked) if explain else memories_table(found.ranked))
    else:
        note("Nothing is remembered there.")
    if explain and found.timings:
        say(timings_line(found.timings))
    show_problems(found.problems)


@click.command()
@click.argument("question")
@setting("--budget", key="context.budget", type=click.IntRange(min=1), help="Tokens [default: context.budget].")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@filter_options
@place_options
@pass_invocation
def context(invocation: Invocation, question: str, as_json: bool) -> None:
    """Print the context a model would be given for a QUESTION: numbered, dated, within the token budget."""
    with invocation.open_memory(must_exist=True) as memory:
        rendered = memory.context(question, budget=invocation.config.context_budget, **invocation.filters)
    from .documents import context_document

    if as_json:
        write_json(context_document(question, rendered))
        return
    if rendered.memories:
        say(rendered.text)
    note(f"{rendered.tokens} of {rendered.budget} tokens, {counted(len(rendered.memories), 'memory', 'memories')}.")


COMMANDS = (ask, recall, context)
