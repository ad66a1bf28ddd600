"""Examples as token ids: what the reader reads, what it is to say, and where it may copy each word from."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from ..agent.reader_card import ReaderCard
from ..agent.reader_weights import BEGIN, END, PAD
from .reader_examples import Example

IGNORED = -100
_SPLIT = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """One example in tokens: `read` with [CLS] and [SEP], `said` without [CLS], with [SEP].

    `copied[t]` are the places in `read` from which token t of `said` can be copied; empty where none is.
    """

    read: tuple[int, ...]
    said: tuple[int, ...]
    copied: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Padded examples: `read`, `mask` (batch, length); `given`, `wanted` (batch, steps), IGNORED where padded.

    `copied` is bool (batch, steps, length).
    """

    read: Tensor
    mask: Tensor
    given: Tensor
    wanted: Tensor
    copied: Tensor


class Teacher:
    """Turns examples into tokens, with MiniLM's WordPiece tokenizer."""

    def __init__(self, tokenizer: Tokenizer, card: ReaderCard) -> None:
        self._tokenizer = tokenizer
        self._card = card

    def answer(self, example: Example) -> Taught:
        """Return the example with its first answer, or with the words for none: those are read off [CLS]."""
        read = self._read(self._card.shown(example.question, example.context.text))
        if not example.answers:
            said = (*self._ids(self._card.no_answer), END)
            return Taught(read=read, said=said, copied=((0,), *((),) * (len(said) - 1)))
        return self._taught(read, self._ids(example.answers[0]))

    def repeat(self, example: Example, drawn: random.Random) -> Taught:
        """Return a lesson in copying: words of the context are asked for by those before them, or by a gap.

        Half of the questions are a few words of a line, and what follows them is to be said; in the others the words
        to say are masked in a second copy of their line, as BART's text infilling does it (Lewis et al. 2020, 2.2).
        """
        line = drawn.choice([memory.text for memory in example.context.memories])
        words = _SPLIT.split(line.strip())
        first = drawn.randrange(max(1, len(words) - 3))
        begin = min(first + drawn.randint(2, 5), len(words) - 1)
        end = min(begin + drawn.randint(1, 6), len(words))
        said = " ".join(words[begin:end])
        if drawn.random() < 0.5:
            question = " ".join(words[first:begin])
        else:
            question = " ".join([*words[max(0, begin - 6) : begin], "[MASK]", *words[end : end + 4]])
        read = self._read(self._card.shown(question, example.context.text))
        return self._taught(read, self._ids(said) or self._ids(self._card.no_answer))

    def words(self, ids: Sequence[int]) -> str:
        """Return the text of an answer's ids."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=True)

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _read(self, text: str) -> tuple[int, ...]:
        ids = self._ids(text)[: self._card.max_input_tokens - 2]
        return (BEGIN, *ids, END)

    def _taught(self, read: tuple[int, ...], answer: tuple[int, ...]) -> Taught:
        context = read.index(END)
        found = [
            start
            for start in range(context, len(read) - len(answer) + 1)
            if read[start : start + len(answer)] == answer
        ]
        copied = tuple(tuple(start + step for start in found) for step in range(len(answer)))
        return Taught(read=read, said=(*answer, END), copied=(*copied, ()))


def batched(taught: Sequence[Taught], *, tokens: int) -> list[list[Taught]]:
    """Return the examples in batches of like length, each of at most `tokens` tokens to read, padding counted."""
    batches: list[list[Taught]] = []
    for one in sorted(taught, key=lambda one: -len(one.read)):
        if batches and len(batches[-1][0].read) * (len(batches[-1]) + 1) <= tokens:
            batches[-1].append(one)
        else:
            batches.append([one])
    return batches


def padded(taught: Sequence[Taught]) -> Batch:
    """Return the examples as tensors."""
    length, steps = max(len(one.read) for one in taught), max(len(one.said) for one in taught)
    read = torch.full((len(taught), length), PAD)
    given = torch.full((len(taught), steps), PAD)
    wanted = torch.full((len(taught), steps), IGNORED)
    copied = torch.zeros(len(taught), steps, length, dtype=torch.bool)
    for row, one in enumerate(taught):
        read[row, : len(one.read)] = torch.tensor(one.read)
        given[row, : len(one.said)] = torch.tensor((BEGIN, *one.said[:-1]))
        wanted[row, : len(one.said)] = torch.tensor(one.said)
        for step, places in enumerate(one.copied):
            copied[row, step, list(places)] = True
    mask = torch.arange(length)[None, :] < torch.tensor([len(one.read) for one in taught])[:, None]
    return Batch(read=read, mask=mask, given=given, wanted=wanted, copied=copied)
