"""Which words of a memory drew the question's attention, put together from what its tokens drew."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..memory.types import Heat

MOST_WORDS = 5
LEAST_SHARE = 0.005
"""What would be shown as 0 %."""

_JOINT = "'’-_"
_STANDS_ALONE = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
"""Chinese and Japanese are written without blanks; their tokens are not joined into one word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatedWord:
    """A word as it is first written, all its places (`text[start:end]`), and the share of attention they drew."""

    text: str
    share: float
    spans: tuple[tuple[int, int], ...]


def heated_words(text: str, heat: Sequence[Heat], *, limit: int = MOST_WORDS) -> list[HeatedWord]:
    """Return the words of a memory's text that drew most attention, at most `limit`, the first the most.

    Neighbouring word pieces are one word, and a word said twice is one with two places. Punctuation and words below
    half a per cent are left out, so that the shares need not add up to one.
    """
    places: dict[str, list[Heat]] = {}
    for word in _words(text, heat):
        said = text[word.start : word.end]
        if any(character.isalnum() for character in said):
            places.setdefault(said.casefold(), []).append(word)
    found = [
        HeatedWord(
            text=text[here[0].start : here[0].end],
            share=sum(word.share for word in here),
            spans=tuple((word.start, word.end) for word in here),
        )
        for here in places.values()
    ]
    found.sort(key=lambda word: -word.share)
    return [word for word in found if word.share >= LEAST_SHARE][:limit]


def _words(text: str, heat: Sequence[Heat]) -> Iterator[Heat]:
    """Yield the heat of whole words, in order."""
    word: Heat | None = None
    for token in sorted(heat, key=lambda one: (one.start, one.end)):
        piece = _stripped(text, token)
        if piece is None:
            continue
        if word is not None and _is_continued(text, word, piece):
            word = Heat(start=word.start, end=max(word.end, piece.end), share=word.share + piece.share)
            continue
        if word is not None:
            yield _trimmed(text, word)
        word = piece
    if word is not None:
        yield _trimmed(text, word)


def _stripped(text: str, token: Heat) -> Heat | None:
    """Return a token without the blanks that some tokenizers count to it; None if nothing else is in it."""
    said = text[token.start : token.end]
    start = token.start + len(said) - len(said.lstrip())
    return Heat(start=start, end=start + len(said.strip()), share=token.share) if said.strip() else None


def _is_continued(text: str, word: Heat, piece: Heat) -> bool:
    """Tell whether a piece goes on where a word stops; tokens of one character's bytes share its place."""
    if piece.start != word.end:
        return piece.start < word.end
    before, after = text[piece.start - 1], text[piece.start]
    is_joined = all(character.isalnum() or character in _JOINT for character in (before, after))
    return is_joined and not _STANDS_ALONE.match(before) and not _STANDS_ALONE.match(after)


def _trimmed(text: str, word: Heat) -> Heat:
    """Return a word without the quotes and dashes around it, if more than those is in it."""
    said = text[word.start : word.end]
    inner = said.strip(_JOINT)
    if not inner:
        return word
    start = word.start + len(said) - len(said.lstrip(_JOINT))
    return Heat(start=start, end=start + len(inner), share=word.share)
