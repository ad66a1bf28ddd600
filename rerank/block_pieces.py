"""What the block ranker reads of each candidate: tokens with their places in the text, long memories in pieces."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..memory.embedder import MiniLmEmbedder
from ..memory.types import Candidate, Heat
from .base import speaker_prefix
from .block_attention import MAX_CONTEXT_TOKENS, MAX_OWN_TOKENS, Block, Heads
from .pieces import pieces_of
from .prompt_tokens import neutral

MAX_PIECES = 8
"""Of a longer memory, the eight pieces are read that share most words with the question."""
MAX_CHARACTERS = 200_000
PRECEDING_CHARACTERS = 250
"""So few that the tokenizer, which cuts at 254 tokens, leaves their end."""
MAX_SHORT_TOKENS = 16
"""Up to here a turn is read beside the one before it: "Three of them." means nothing alone. With contexts for all,
reading takes half as long again and finds no more (docs/lab.md)."""

MARKS = ("[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]")
"""What the tokenizer reads as a token of its own: who says "[CLS]" would draw every question's attention."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a candidate's text that fits one block: `places` are the characters of each token in the text.

    Tokens of the speaker's name stand for no characters of it and have places below 0.
    """

    candidate: int
    block: Block
    places: Sequence[tuple[int, int]]


def read_pieces(encoder: MiniLmEmbedder, question: str, candidates: Sequence[Candidate]) -> list[Piece]:
    """Return the pieces of all candidates, in their order, at least one of each."""
    whole = [plain(candidate.memory.text[:MAX_CHARACTERS]) for candidate in candidates]
    prefixes = _prefixes(encoder, candidates)
    told = encoder.tokens([prefix + text for prefix, text in zip(prefixes, whole, strict=True)])
    # few are read beside the turn before: short ones, and the short ends of those that are cut
    some = [n for n, (ids, _) in enumerate(told) if not MAX_SHORT_TOKENS < len(ids) <= MAX_OWN_TOKENS]
    before = [plain(candidates[number].preceding[-PRECEDING_CHARACTERS:]) for number in some]
    contexts = dict(zip(some, encoder.token_ids(before), strict=True)) if some else {}
    pieces: list[Piece] = []
    for number, (prefix, text) in enumerate(zip(prefixes, whole, strict=True)):
        parts = [(0, told[number])]
        if len(told[number][0]) > MAX_OWN_TOKENS:
            spans = _chosen(question, text, _cut(encoder, prefix, text))
            cut = encoder.tokens([prefix + text[start:end] for start, end in spans])
            parts = list(zip((start for start, _ in spans), cut, strict=True))
        for start, (ids, offsets) in parts:
            moved = start - len(prefix)
            block = Block(own=ids, context=context_of(ids, contexts.get(number, ())))
            places = [(begin + moved, end + moved) if begin >= len(prefix) else (-1, -1) for begin, end in offsets]
            pieces.append(Piece(candidate=number, block=block, places=places))
    return pieces


def context_of(own: Sequence[int], before: Sequence[int]) -> Sequence[int]:
    """Return the end of the turn before, as token ids, for own words that are few; nothing for others."""
    return before[-MAX_CONTEXT_TOKENS:] if len(own) <= MAX_SHORT_TOKENS else ()


def plain(text: str) -> str:
    """Return a text of the same length in which nothing is read as more than words."""
    return neutral(text, MARKS)


def _prefixes(encoder: MiniLmEmbedder, candidates: Sequence[Candidate]) -> list[str]:
    """Return what is read before the words of each candidate: who spoke, unless the name takes half the room."""
    told = [plain(speaker_prefix(candidate.memory)) for candidate in candidates]
    known = sorted(set(told))
    fits = {name: len(ids) <= MAX_OWN_TOKENS // 2 for name, ids in zip(known, encoder.token_ids(known), strict=True)}
    return [name if fits[name] else "" for name in told]


def _cut(encoder: MiniLmEmbedder, prefix: str, text: str) -> list[tuple[int, int]]:
    room = MAX_OWN_TOKENS - len(encoder.token_ids([prefix])[0])

    def count(texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in encoder.token_ids(texts)]

    return pieces_of(text, room=room, count=count)


def _chosen(question: str, text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    asked = {word.casefold() for word in _WORD.findall(question)}

    def shared(span: tuple[int, int]) -> int:
        return len(asked.intersection(word.casefold() for word in _WORD.findall(text, *span)))

    return sorted(sorted(spans, key=lambda span: -shared(span))[:MAX_PIECES])


def by_candidate(heads: Heads, pieces: Sequence[Piece], count: int) -> Heads:
    """Return the heads over `count` candidates: what a candidate drew is what its pieces drew together."""
    owners = torch.tensor([piece.candidate for piece in pieces])
    mass = torch.zeros(heads.mass.shape[0], count).index_add_(1, owners, heads.mass)
    return Heads(mass=mass, tokens=torch.zeros(count, dtype=torch.long).index_add_(0, owners, heads.tokens))


def heat_of(heads: Heads, pieces: Sequence[Piece], weights: Tensor, total: Tensor) -> Iterator[tuple[int, Heat]]:
    """Yield (candidate, heat) for every token of a text, in order.

    `weights` (heads,) says how much each head counts, `total` (heads, candidates) what each candidate drew: a token's
    share is the weighted mean of its shares of the heads' attention on its candidate.
    """
    for piece, drawn in zip(pieces, heads.drawn or (), strict=True):
        shares = (weights / total[:, piece.candidate].clamp(min=1e-9)) @ drawn
        for (start, end), share in zip(piece.places, shares.numpy(), strict=False):
            if start >= 0:
                yield piece.candidate, Heat(start=start, end=end, share=float(share))
