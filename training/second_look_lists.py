"""What the second look learns from and is measured on: lists in the order the block ranker's heads give them."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..memory.minilm import MiniLm
from ..rerank.adapter import adapted
from ..rerank.block import READ
from ..rerank.block_products import packed
from ..rerank.block_weights import BlockWeights
from ..rerank.span_rows import MOST_SHORT_TOKENS, Row, rows_of
from .asked import AskedPool
from .block_lists import Example, examples_of, show_whole
from .block_measure import beside_others

Places = NDArray[np.int32]
Scores = NDArray[np.float32]

MOST_EVIDENCE = 4
"""Evidence lines of one list that are shown at once."""
NEAR = 24
"""Lines that the heads put first: most of those that do not answer are drawn from them."""
FAR = 80
FAR_LINES = 2
"""Of those behind them, so that a line that has nothing to do with the question is known for one, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadsList:
    """A list and what the heads of the block ranker say of it.

    `example` holds the candidates that are read; `scores` run parallel to them, neighbours included.
    """

    example: Example
    scores: Scores

    @property
    def order(self) -> NDArray[np.intp]:
        """Places in the candidates, best of the heads first."""
        return np.argsort(-self.scores, kind="stable")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLines:
    """Turns of one pool that are read beside one question, `is_evidence` parallel to them."""

    rows: tuple[tuple[Row, ...], ...]
    is_evidence: tuple[bool, ...]


class Heads:
    """The block ranker's heads, as they put the lists in order."""

    def __init__(self, base: MiniLm, weights: BlockWeights) -> None:
        self._model = packed(adapted(base, weights.adapter))
        self._reading = weights.reading

    def read(self, example: Example) -> HeadsList:
        """Return the order of the first stage's best candidates of a list."""
        read = Example(pool=example.pool, asked=example.asked.first(READ))
        scores = (show_whole(read).features(self._model, gradient=False) @ self._reading).numpy()
        return HeadsList(example=read, scores=beside_others(read, scores))


def drawn_lists(pools: Iterable[AskedPool], *, most: int, drawn: random.Random) -> list[Example]:
    """Return up to `most` lists of each corpus, drawn at random among those that can teach."""
    return [one for every in examples_of(pools).values() for one in drawn.sample(every, min(most, len(every)))]


def shown_lines(of: HeadsList, lines: int, drawn: random.Random) -> ShownLines | None:
    """Choose up to `lines` turns of a list: evidence, lines that the heads put near it, a few from further down.

    None where no evidence or nothing else is among the best `FAR`.
    """
    example, order = of.example, of.order[:FAR]
    candidates, is_evidence = example.asked.candidates, example.is_evidence
    is_other = ~is_evidence & ~example.asked.doubtful
    evidence = [int(candidates[place]) for place in order if is_evidence[place]]
    near = [int(candidates[place]) for place in order[:NEAR] if is_other[place]]
    far = [int(candidates[place]) for place in order[NEAR:] if is_other[place]]
    evidence = drawn.sample(evidence, min(MOST_EVIDENCE, len(evidence)))
    near = drawn.sample(near, min(lines - len(evidence) - FAR_LINES, len(near)))
    far = drawn.sample(far, min(FAR_LINES, len(far)))
    read = [(place, True) for place in evidence] + [(place, False) for place in (*near, *far)]
    rows = [(line_rows(example, place), tells) for place, tells in read]
    kept = [(found, tells) for found, tells in rows if found]  # a turn may have no token
    if len({tells for _, tells in kept}) < 2:
        return None
    return ShownLines(rows=tuple(found for found, _ in kept), is_evidence=tuple(tells for _, tells in kept))


def line_rows(example: Example, place: int) -> tuple[Row, ...]:
    """Return how the turn at a place of the pool is read beside the question, as `SecondLook` does."""
    turns = example.pool.turns
    read, before = turns[place].tolist(), int(example.pool.before[place])
    told = {0: turns[before].tolist()} if before >= 0 and 0 < len(read) <= MOST_SHORT_TOKENS else {}
    return tuple(rows_of((example.asked.question.tolist(), []), [(read, [(0, 0)] * len(read))], told))


def by_corpus(lists: Sequence[HeadsList]) -> dict[str, list[HeadsList]]:
    """Return lists by the corpus of their pool, in order."""
    found: dict[str, list[HeadsList]] = {}
    for one in lists:
        found.setdefault(one.example.pool.corpus, []).append(one)
    return found
