"""Why a memory was recalled: its score at every stage, and the words that drew the question's attention."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..agent.heat import HeatedWord, heated_words
from ..memory.types import ScoredMemory, Turn
from .output import shown
from .rendering import moment

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.text import Text

FIRST_STAGE = ("lexical", "dense", "fused")
HEATED = "bold underline"
"""No colour: with NO_COLOR it can still be seen."""

_INDENT = 4
_BLANK = re.compile(r"\s")


def explained(ranked: Sequence[ScoredMemory]) -> "Group":
    """Return ranked memories, best first: when, who and score; the words; the score of each stage; the attention."""
    from rich.console import Group
    from rich.padding import Padding

    widths = _widths(ranked)
    lines: list[RenderableType] = []
    for number, scored in enumerate(ranked, 1):
        words = heated_words(scored.memory.text, scored.heat)
        below: list[RenderableType] = [_text(scored, words), _stages(scored, widths)]
        if words:
            below.append(_attention(words))
        lines.append(_head(number, scored))
        lines += [Padding(line, (0, 0, 0, _INDENT), expand=False) for line in below]
    return Group(*lines)


def _head(number: int, scored: ScoredMemory) -> "Text":
    memory = scored.memory
    head = shown(f"{number:>{_INDENT - 2}}  ", "bold")
    if isinstance(memory, Turn):
        head.append_text(shown(f"{moment(memory.said_at)}  {' '.join(memory.speaker.split())}"))
    else:
        head.append_text(shown(f"{moment(memory.happened_at)}  ")).append_text(shown("event", "italic"))
    return head.append_text(shown(f"  score {scored.score:.3f}", "bold"))


def _text(scored: ScoredMemory, words: Sequence[HeatedWord]) -> "Text":
    text = shown(_BLANK.sub(" ", scored.memory.text))  # a blank for a blank: the places stay what they are
    for word in words:
        for start, end in word.spans:
            text.stylize(HEATED, start, end)
    return text


def _widths(ranked: Sequence[ScoredMemory]) -> Mapping[str, int]:
    """Return the stages of these memories, the first stage's before the others, and how wide their scores are."""
    seen = dict.fromkeys([*FIRST_STAGE, *(stage for scored in ranked for stage in scored.stages)])
    return {stage: max((len(_score(scored, stage)) for scored in ranked), default=0) for stage in seen}


def _score(scored: ScoredMemory, stage: str) -> str:
    score = scored.stages.get(stage)
    return "-" if score is None else f"{score:.3f}"


def _stages(scored: ScoredMemory, widths: Mapping[str, int]) -> "RenderableType":
    from rich.columns import Columns

    cells = (f"{stage} {_score(scored, stage):>{width}}" for stage, width in widths.items())
    return Columns([shown(cell, "dim") for cell in cells], padding=(0, 3))


def _attention(words: Sequence[HeatedWord]) -> "Text":
    listed = ", ".join(f"{_BLANK.sub(' ', word.text)} {100 * word.share:.0f} %" for word in words)
    return shown(f"attention: {listed}", "dim")
