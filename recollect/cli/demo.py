"""demo: the whole way from a conversation to cited answers, offline, in one command."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click

from .invocation import Invocation, pass_invocation, store_options
from .output import console, counted, note, progress, say, shown

if TYPE_CHECKING:
    from ..agent.agent import Agent
    from ..agent.types import Answer
    from ..sample import Sample, SampleQuestion

OFFLINE = {"generator.name": "extractive", "embedder.name": "minilm"}
"""What the demo runs with, whatever is configured: it must need no network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one question went."""

    question: "SampleQuestion"
    answer: "Answer"
    took_ms: float

    @property
    def is_right(self) -> bool:
        """Whether a turn that answers is cited, or whether nothing is remembered where there is nothing."""
        if not self.question.is_answerable:
            return self.answer.abstained
        return any(one.turn.ref in self.question.evidence for one in self.answer.citations)

    @property
    def is_near(self) -> bool:
        """Whether nothing is remembered for sure, but a turn that answers is shown as the nearest."""
        nearest = self.answer.nearest
        return nearest is not None and nearest.ref in self.question.evidence

    @property
    def verdict(self) -> str:
        """The same in words."""
        if self.question.is_answerable:
            if self.is_near:
                return "is not sure, but shows the right turn"
            return "cites the right turn" if self.is_right else "does not cite the right turn"
        return "rightly does not remember" if self.is_right else "should not remember"


@click.command()
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Another sample, in the same format."
)
@store_options
@pass_invocation
def demo(invocation: Invocation, file: Path | None) -> None:
    """Store a sample conversation, ask questions about it, and show the turns the answers come from.

    Runs offline, in a temporary store unless --store names one.
    """
    from ..sample import DEMO, load_sample

    sample = load_sample(file or DEMO)
    invocation.settings |= {**OFFLINE, "user": sample.user}
    invocation.conversation = sample.conversation.name
    with tempfile.TemporaryDirectory(prefix="recollect-demo-") as folder:
        invocation.settings.setdefault("store", str(Path(folder) / "demo.db"))
        with invocation.open_agent() as agent:
            _store(sample, agent)
            outcomes = [_ask(agent, question) for question in sample.questions]
    _show_table(outcomes)
    right = sum(outcome.is_right for outcome in outcomes)
    if not right or any(outcome.answer.problems for outcome in outcomes):
        note("The demo failed: see above.")
        raise click.exceptions.Exit(1)


def _store(sample: "Sample", agent: "Agent") -> None:
    from ..importing import carry_out, plan_import

    turns = counted(len(sample.conversation.turns), "turn")
    say(f"{sample.title}: {turns} in {counted(sample.sessions, 'session')}")
    begun = time.perf_counter()
    archive = agent.memory.archive
    plans = plan_import(archive, agent.memory.user, [sample.conversation])
    with progress("Storing", "turns") as advance:
        stored = carry_out(archive, agent.memory.user, plans, progress=advance)
    took_s = time.perf_counter() - begun
    say(
        f"Stored {counted(stored, 'turn')} in {took_s:.1f} s, the embedder's start included, in {agent.memory.path}\n"
    )


def _ask(agent: "Agent", question: "SampleQuestion") -> Outcome:
    from .rendering import show_answer

    begun = time.perf_counter()
    answer = agent.ask(question.question)
    outcome = Outcome(question=question, answer=answer, took_ms=1000 * (time.perf_counter() - begun))
    screen = console()
    screen.print(shown(question.question, "bold"), soft_wrap=True)
    show_answer(answer)
    screen.print(shown(f"  {outcome.verdict}, {outcome.took_ms:.0f} ms\n", _colour(outcome)))
    return outcome


def _colour(outcome: Outcome) -> str:
    return "green" if outcome.is_right else "yellow" if outcome.is_near else "red"


def _show_table(outcomes: Sequence[Outcome]) -> None:
    from rich.table import Table

    answerable = [outcome for outcome in outcomes if outcome.question.is_answerable]
    others = [outcome for outcome in outcomes if not outcome.question.is_answerable]
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("questions", str(len(outcomes)))
    table.add_row("cited the right turn", f"{sum(o.is_right for o in answerable)} of {len(answerable)}")
    table.add_row("not sure, but showed it", f"{sum(o.is_near for o in answerable)} of {len(answerable)}")
    table.add_row("rightly did not remember", f"{sum(o.is_right for o in others)} of {len(others)}")
    if outcomes:
        table.add_row("median time", f"{median(o.took_ms for o in outcomes):.0f} ms a question")
    console().print(table)


COMMANDS = (demo,)
