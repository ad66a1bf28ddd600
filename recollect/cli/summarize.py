"""summarize: event summaries of the sessions that wait for them; and what a hosted model would take for it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..config_keys import SUMMARIZERS
from ..memory.errors import ConfigError, GenerationError
from .invocation import Invocation, pass_invocation, place_options, setting
from .output import counted, note, progress, say, write_json

if TYPE_CHECKING:
    from ..agent.session_summaries import SessionSummaries, Summarised
    from ..agent.summarizers.estimate import Estimate
    from ..memory.sessions import DueSession


@click.command()
@setting(
    "--summarizer",
    key="summaries.name",
    type=click.Choice([name for name in SUMMARIZERS if name != "none"]),
    help="Who summarises [default: the configured one, else extractive].",
)
@setting("--model", key="summaries.model", metavar="NAME", help="The model of seq2seq: a hub name or a folder.")
@click.option("--again", is_flag=True, help="Summarise every session anew, not only those that wait.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N sessions, the newest.")
@click.option(
    "--input-price",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Of a million tokens read [default: hosted.input_price].",
)
@click.option(
    "--output-price",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Of a million tokens written [default: hosted.output_price].",
)
@click.option("--dry-run", is_flag=True, help="Only say what there is to do.")
@click.option("--yes", is_flag=True, help="Do not ask before a hosted model is sent anything.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@place_options
@pass_invocation
def summarize(
    invocation: Invocation,
    again: bool,
    limit: int | None,
    input_price: float | None,
    output_price: float | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Draw events from the user's sessions that are over and store them with the turns they came from.

    Goes on where it was interrupted when it is started again. Before a hosted model is sent anything, the tokens that
    takes are estimated, and the cost where prices are given.
    """
    config = invocation.config
    input_price = config.hosted_input_price if input_price is None else input_price
    output_price = config.hosted_output_price if output_price is None else output_price
    if config.summaries == "none":
        invocation.override("summaries.name", "extractive")
    with invocation.open_memory(must_exist=True) as memory:
        summaries, scope = memory.summaries, memory.scope({})
        if summaries is None:
            raise ConfigError("summaries.name is 'none'; name another with --summarizer.")
        due = [] if scope is None else summaries.due(scope, again=again)[-(limit or 0) :]
        estimate = _estimate(summaries, due)
        _tell(summaries, estimate, cost=_cost(estimate, input_price, output_price), is_quiet=as_json)
        if not summaries.summarizer.is_local and due and not (dry_run or yes):
            click.confirm(f"Send them to {summaries.summarizer.name}?", abort=True, err=True)
        if again and not dry_run:  # a run that is stopped goes on where it was
            memory.archive.sessions.forget_progress([session.id for session in due])
        done = [] if dry_run else _work_through(summaries, due)
    _report(done, waiting=len(due), estimate=estimate, as_json=as_json)


def _estimate(summaries: "SessionSummaries", due: "Sequence[DueSession]") -> "Estimate":
    from ..agent.summarizers.estimate import estimate_of

    return estimate_of(summaries, due)


def _cost(estimate: "Estimate", input_price: float | None, output_price: float | None) -> float | None:
    """Return dollars, None where no price is given."""
    if input_price is None and output_price is None:
        return None
    return estimate.cost(input_price=input_price or 0.0, output_price=output_price or 0.0)


def _tell(summaries: "SessionSummaries", estimate: "Estimate", *, cost: float | None, is_quiet: bool) -> None:
    """Say what there is to do, on stderr: the work's result is on stdout."""
    if is_quiet or not estimate.sessions:
        return
    told = f"{counted(estimate.sessions, 'session')} of {counted(estimate.turns, 'turn')}"
    if not summaries.summarizer.is_local:
        told += (
            f", {counted(estimate.calls, 'call')} of {summaries.summarizer.name}: about"
            f" {estimate.read_tokens:,} tokens read and {estimate.written_tokens:,} written"
        )
        told += "" if cost is None else f", about ${cost:.2f}"
    note(f"To summarise: {told}.")


def _work_through(summaries: "SessionSummaries", due: "Sequence[DueSession]") -> "list[Summarised]":
    done: list[Summarised] = []
    with progress("Summarising", "sessions") as advance:
        for one in summaries.work_through(due):
            done.append(one)
            advance(len(done), len(due))
    return done


def _report(done: "Sequence[Summarised]", *, waiting: int, estimate: "Estimate", as_json: bool) -> None:
    from ..agent.session_summaries import together

    total = together(done)
    if as_json:
        write_json(
            {
                "sessions_due": waiting,
                "sessions": total.sessions,
                "events": total.events,
                "problems": list(total.problems),
                "estimate": estimate.document(),
            }
        )
    else:
        for problem in total.problems:
            note(problem)
        if done or not waiting:
            say(f"Summarised {counted(total.sessions, 'session')}: {counted(total.events, 'event')}.")
    if total.problems:
        raise GenerationError(
            f"{counted(len(total.problems), 'session')} of {waiting} could not be summarised and stay due; run the "
            "command again to go on."
        )


COMMANDS = (summarize,)
