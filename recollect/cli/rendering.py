"""How memories, citations and timings look on a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ..agent.types import Answer, Citation
from ..memory.endpoint_usage import Usage, in_words
from ..memory.types import Memory, ScoredMemory, Turn
from .output import note, shown, visible
from .prose import show_prose

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def moment(when: datetime) -> str:
    """Return a time as people read it, without a midnight that only means "that day"."""
    return when.strftime("%Y-%m-%d %H:%M") if when.hour or when.minute else when.strftime("%Y-%m-%d")


def citation_line(citation: Citation) -> str:
    """Return `[1] 84 %, Alice, 2026-03-02 18:00 (chat-7): “…”`, white space in the words collapsed.

    The share of the answer is there where the generator tells it.
    """
    share = "" if citation.share is None else f"{100.0 * citation.share:.0f} %, "
    return f"[{citation.number}] {share}{turn_line(citation.turn)}"


def turn_line(turn: Turn) -> str:
    """Return `Alice, 2026-03-02 18:00 (chat-7): “…”`, white space in the words collapsed."""
    place = turn.ref or f"session {turn.session}, turn {turn.position}"
    return f"{turn.speaker}, {moment(turn.said_at)} ({place}): “{' '.join(turn.text.split())}”"


def show_citations(citations: Iterable[Citation], *, indent: str = "  ") -> None:
    """Write the citations, dim, each on lines of its own."""
    for citation in citations:
        show_prose(citation_line(citation), style="dim", indent=indent, hanging="    ")


def show_answer(answer: Answer) -> None:
    """Write an answer and the turns behind it; what went wrong on the way goes to stderr."""
    show_prose(answer.text)
    show_sources(answer)


def show_sources(answer: Answer) -> None:
    """Write the turns that an answer cites, or the nearest one where nothing is remembered for sure.

    What a hosted model took and what went wrong on the way go to stderr.
    """
    show_citations(answer.citations)
    if answer.nearest is not None:
        show_prose(f"nearest: {turn_line(answer.nearest)}", style="dim", indent="  ", hanging="    ")
    show_usage(answer.usage)
    show_problems(answer.problems)


def show_usage(usage: Usage | None) -> None:
    """Write what a hosted model took to stderr, nothing where none was asked or its server does not tell."""
    if usage is not None:
        note(f"{in_words(usage)}.")


def show_problems(problems: Iterable[str]) -> None:
    """Write what failed without costing the result."""
    for problem in problems:
        note(f"Note: {problem}")


def memories_table(ranked: Sequence[ScoredMemory]) -> "Table":
    """Return ranked memories as a table, best first."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("#", justify="right")
    for name in ("when", "who", "words"):
        table.add_column(name, overflow="fold", ratio=1 if name == "words" else None)
    table.add_column("score", justify="right", no_wrap=True)
    for number, scored in enumerate(ranked, 1):
        table.add_row(str(number), *_columns(scored.memory), f"{scored.score:.3f}")
    return table


def _columns(memory: Memory) -> "tuple[RenderableType, ...]":
    words = shown(" ".join(memory.text.split()))
    if isinstance(memory, Turn):
        return (moment(memory.said_at), shown(memory.speaker), words)
    return (moment(memory.happened_at), shown("event", "italic"), words)


def timings_line(timings: Mapping[str, float]) -> str:
    """Return milliseconds by stage in one line."""
    return visible("ms: " + ", ".join(f"{stage} {taken:.1f}" for stage, taken in timings.items()))
