"""A prompt cut to what a model can read: old turns of the window go first, then the worst memories, no question ever.

No tokenizer of a hosted model is known here. Tokens are estimated, rather too many than too few: one for every three
bytes of UTF-8, where English takes one for every four or more.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from ..memory.types import Context, Turn
from .prompt import ChatMessage, Style, asked_in, chat_messages

BYTES_OF_A_TOKEN = 3
TOKENS_OF_A_MESSAGE = 5
"""What the marks of role and end take around a message."""

_NUMBERED = re.compile(r"\[([0-9]+)\] ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The messages to send; `unseen` are the numbers of the context's lines that are not among them.

    `cut` says in words what was left out, "" where nothing was.
    """

    messages: tuple[ChatMessage, ...]
    unseen: frozenset[int] = frozenset()
    cut: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a prompt may take, in tokens, None for any size, and how it is worded (see `chat_messages`)."""

    tokens: int | None = None
    assistant: str = "assistant"
    style: Style = "chat"


def prompt_within(room: Room, question: str, context: Context, history: Sequence[Turn] = ()) -> Prompt:
    """Return the messages that ask `question` within `room`; the question is asked even where it alone takes more.

    Memories keep their numbers, so that a citation means the same line whatever was left out.
    """

    def messages(window: Sequence[Turn], unseen: Collection[int] = ()) -> tuple[ChatMessage, ...]:
        shown = replace(context, text=_without_lines(context.text, unseen)) if unseen else context
        return chat_messages(question, shown, window, assistant=room.assistant, style=room.style)

    if room.tokens is None or estimated_tokens(messages(history)) <= room.tokens:
        return Prompt(messages=messages(history))
    asked = [] if asked_in(history, question, room.assistant) is None else [history[-1]]
    window = history[: len(history) - len(asked)]
    turns = _fewest(len(window), lambda count: messages([*window[count:], *asked]), room.tokens)
    if turns is not None:
        cut = _told(room.tokens, turns=turns)
        return Prompt(messages=messages([*window[turns:], *asked]), cut=cut)
    worst = _worst_first(context)
    left_out = _fewest(len(worst), lambda count: messages(asked, worst[:count]), room.tokens)
    memories = len(worst) if left_out is None else left_out
    cut = _told(room.tokens, turns=len(window), memories=memories, is_too_long=left_out is None)
    unseen = frozenset(worst[:memories])
    return Prompt(messages=messages(asked, unseen), unseen=unseen, cut=cut)


def estimated_tokens(messages: Iterable[ChatMessage]) -> int:
    """Return about how many tokens messages take, rather too many than too few."""
    return sum(
        TOKENS_OF_A_MESSAGE + -(-len(message.content.encode("utf-8", "replace")) // BYTES_OF_A_TOKEN)
        for message in messages
    )


def _fewest(most: int, left: Callable[[int], tuple[ChatMessage, ...]], tokens: int) -> int | None:
    """Return how many must be left out, from 0 to `most`, until what is left fits; None where that is not enough."""
    count = bisect_left(range(most + 1), True, key=lambda count: estimated_tokens(left(count)) <= tokens)
    return count if count <= most else None


def _worst_first(context: Context) -> list[int]:
    """Return the numbers of the memories, the lowest score first, the older of equal ones first."""
    return sorted(range(1, len(context.memories) + 1), key=lambda number: (context.scores[number - 1], number))


def _without_lines(text: str, numbers: Collection[int]) -> str:
    """Return the context's lines without those of these numbers, and without days that no line is left of."""
    kept: list[str] = []
    day: str | None = None
    for line in text.split("\n"):
        numbered = _NUMBERED.match(line)
        if numbered is None:
            day = line
        elif int(numbered[1]) not in numbers:
            kept += [line] if day is None else [day, line]
            day = None
    return "\n".join(kept)


def _told(tokens: int, *, turns: int, memories: int = 0, is_too_long: bool = False) -> str:
    counts = [(turns, "of the window's turns"), (memories, "of the memories")]
    left_out = " and ".join(f"{count} {what}" for count, what in counts if count)
    told = f"The prompt was cut to about {tokens:,} tokens, which is what the model is known to have room for"
    told += f": {left_out} were left out." if left_out else "."
    if is_too_long:
        told += " The question alone takes more than that."
    return f"{told} If it reads more, set `hosted.context_tokens`."
