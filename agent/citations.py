r"""From the numbers in an answer to the turns behind them.

A mark is `[3]`, `[1, 4]` or `[1-3]`. Text that an answer quotes verbatim may hold such marks of its
own; a generator that quotes writes `escape_marks(quotation)`, which puts a backslash before them.
The parser skips escaped marks, and `unescape_marks` gives the text that the user sees.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from ..memory.types import Context, Turn
from .ports import ABSTENTION
from .types import Citation, Mark

_NUMBERS = r"\[\s*[0-9]{1,4}(?:\s*[-–,;]\s*[0-9]{1,4})*\s*\]"
_MARK = re.compile(rf"(?<!\\){_NUMBERS}")
_ANY_MARK = re.compile(rf"(?={_NUMBERS})")
_ESCAPED_MARK = re.compile(rf"\\(?={_NUMBERS})")
_SPACED_MARK = re.compile(rf"[ \t]*(?<!\\){_NUMBERS}")
_APOSTROPHES = str.maketrans("’‘ʼ`", "''''")
_WRAPPING = " \t\r\n.…!*_\"'“”„«»"


def parse_citations(
    text: str,
    context: Context,
    turns_of: Callable[[Sequence[int]], Sequence[Turn]],
    *,
    unseen: Collection[int] = (),
    shares: Mapping[int, float] | None = None,
) -> tuple[tuple[Citation, ...], int]:
    """Return the citations of an answer, in order of first mention, and how many numbers were dropped.

    `[n]` is `context.memories[n - 1]`. An event summary stands for the turns it came from, which
    `turns_of(ids)` looks up: one citation a turn, all with the summary's number. A number is cited
    once however often it is mentioned. A number that is not in the context, that is `unseen` (the
    model was not shown its line), or whose turns are gone, is dropped and counted once. `shares` are
    those of the numbers in the answer, where the generator tells them.
    """
    citations: list[Citation] = []
    dropped = 0
    for number in dict.fromkeys(_numbers(text)):
        turns = () if number in unseen else _turns_behind(number, context, turns_of)
        share = (shares or {}).get(number)
        citations.extend(Citation(number=number, turn=turn, share=share) for turn in turns)
        dropped += not turns
    return tuple(citations), dropped


def marks_in(text: str) -> tuple[Mark, ...]:
    """Return the marks of an answer, escapes in it, by their places in the text that the user sees."""
    escapes = [escape.start() for escape in _ESCAPED_MARK.finditer(text)]
    return tuple(
        Mark(
            start=mark.start() - bisect_left(escapes, mark.start()),
            end=mark.end() - bisect_left(escapes, mark.end()),
            numbers=numbers_in(mark.group()),
        )
        for mark in _MARK.finditer(text)
    )


def numbers_in(text: str) -> tuple[int, ...]:
    """Return the numbers that the marks of a text name, each once."""
    return tuple(dict.fromkeys(_numbers(text)))


def escape_marks(quotation: str) -> str:
    """Return text to be quoted in an answer, in which no `[3]` will be read as a citation."""
    return _ANY_MARK.sub(r"\\", quotation)


def unescape_marks(text: str) -> str:
    """Return the answer as the user sees it; undoes `escape_marks`."""
    return _ESCAPED_MARK.sub("", text)


def without_marks(text: str) -> str:
    """Return the text without its citations and the blanks before them; escaped marks stay, unescaped."""
    return unescape_marks(_SPACED_MARK.sub("", text))


def is_abstention(text: str) -> bool:
    """Return whether the text is `ABSTENTION` and nothing else.

    Case, quotes, emphasis, the full stop, the kind of apostrophe, blanks and stray citations do not matter.
    """
    return _bare(without_marks(text)) == _bare(ABSTENTION)


def _numbers(text: str) -> Iterator[int]:
    for mark in _MARK.finditer(text):
        for part in re.split(r"[,;]", mark.group().strip("[]")):
            ends = [int(number) for number in re.split(r"[-–]", part)]
            yield from range(min(ends), max(ends) + 1)


def _turns_behind(
    number: int, context: Context, turns_of: Callable[[Sequence[int]], Sequence[Turn]]
) -> Sequence[Turn]:
    if not 1 <= number <= len(context.memories):
        return ()
    memory = context.memories[number - 1]
    return (memory,) if isinstance(memory, Turn) else turns_of(memory.turns)


def _bare(text: str) -> str:
    return " ".join(text.translate(_APOSTROPHES).casefold().split()).strip(_WRAPPING)
