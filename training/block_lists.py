"""Which lists the block ranker learns from, and what it sees of each: mix of sets, candidates, contexts, facts."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..memory.minilm import MiniLm
from ..rerank.block_attention import MAX_CONTEXT_TOKENS, Block, attend, attend_with_gradient
from ..rerank.block_pieces import MAX_SHORT_TOKENS as SHORT
from ..rerank.block_reading import features, z_scores
from .asked import AskedList, AskedPool

Places = NDArray[np.intp]
Drawn = TypeVar("Drawn")

REPLY = "reply"
"""Questions of this kind are never read with contexts: the turn before the answer is the question itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a list is shown in training.

    `candidates` of the list are shown: at most a third evidence, `hard` of the rest from the top of the first stage
    (with noise), the others at random. Contexts and facts (which stand in for event summaries; those of the evidence
    are left out) are shown with these chances.
    """

    candidates: int = 24
    hard: float = 0.6
    noise: float = 8.0
    own_tokens: int = 100
    context_chance: float = 0.7
    facts_chance: float = 0.15
    facts_tokens: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A list with the pool it was asked of."""

    pool: AskedPool
    asked: AskedList

    @property
    def is_evidence(self) -> NDArray[np.bool_]:
        """Which candidates answer the question, (candidates,)."""
        return np.isin(self.asked.candidates, self.asked.evidence)

    @property
    def is_teaching(self) -> bool:
        """Whether there is something to tell apart."""
        found = self.is_evidence
        return bool(found.any() and not found.all() and len(found) >= 8)


def examples_of(pools: Iterable[AskedPool]) -> dict[str, list[Example]]:
    """Return the lists of each corpus that can teach, in order."""
    found: dict[str, list[Example]] = {}
    for pool in pools:
        for asked in pool.lists:
            if (example := Example(pool=pool, asked=asked)).is_teaching:
                found.setdefault(pool.corpus, []).append(example)
    return found


@dataclass(slots=True, kw_only=True)
class Sampler(Generic[Drawn]):
    """Draws examples, a corpus by its share, within a corpus each once before any twice.

    `queues` are the places of the examples of each corpus that are still to come, last first.
    """

    examples: Mapping[str, Sequence[Drawn]]
    shares: Mapping[str, float]
    drawn: random.Random
    queues: dict[str, list[int]] = field(default_factory=dict[str, list[int]])

    def next(self) -> Drawn:
        """Return one example."""
        corpora = list(self.examples)
        corpus = self.drawn.choices(corpora, [self.shares.get(name, 0.0) for name in corpora])[0]
        every = self.examples[corpus]
        if not self.queues.get(corpus):
            self.queues[corpus] = self.drawn.sample(range(len(every)), len(every))
        return every[self.queues[corpus].pop()]

    def state(self) -> dict[str, Any]:
        """Return everything that `restore` needs."""
        return {"drawn": self.drawn.getstate(), "queues": self.queues}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned; other keys do not matter."""
        self.drawn.setstate(state["drawn"])
        self.queues = state["queues"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One list as the model sees it; `is_evidence` (candidates,)."""

    question: list[int]
    blocks: list[Block]
    facts: list[int]
    beside: Tensor
    is_evidence: Tensor

    def features(self, model: MiniLm, *, gradient: bool) -> Tensor:
        """Return (candidates, features) of the model's heads and the first stage."""
        read = attend_with_gradient if gradient else attend
        return features(read(model, self.question, self.blocks, events=self.facts, buckets=2), self.beside)


def show(example: Example, reading: Reading, drawn: random.Random) -> Shown:
    """Choose candidates, contexts and facts of a list by chance."""
    asked = example.asked
    chosen = _chosen(example, reading, drawn)
    with_context = asked.kind != REPLY and drawn.random() < reading.context_chance
    with_facts = bool(example.pool.facts) and drawn.random() < reading.facts_chance
    return Shown(
        question=asked.question.tolist(),
        blocks=blocks_of(example.pool, asked.candidates[chosen], context=with_context, most=reading.own_tokens),
        facts=_facts(example, chosen, reading, drawn) if with_facts else [],
        beside=beside_of(asked)[torch.as_tensor(chosen)],
        is_evidence=torch.as_tensor(example.is_evidence[chosen]),
    )


def show_whole(example: Example) -> Shown:
    """Show a list as the product would: all candidates, contexts, no facts."""
    asked = example.asked
    return Shown(
        question=asked.question.tolist(),
        blocks=blocks_of(example.pool, asked.candidates, context=asked.kind != REPLY, most=10**6, longest=SHORT),
        facts=[],
        beside=beside_of(asked),
        is_evidence=torch.as_tensor(example.is_evidence),
    )


def blocks_of(
    pool: AskedPool, places: Iterable[int], *, context: bool, most: int, longest: int = 10**6
) -> list[Block]:
    """Return the blocks of turns, own words cut at `most` tokens, contexts for those of up to `longest`."""
    blocks: list[Block] = []
    for place in places:
        before = int(pool.before[place])
        is_read = context and before >= 0 and len(pool.turns[place]) <= longest
        read: list[int] = pool.turns[before][-MAX_CONTEXT_TOKENS:].tolist() if is_read else []
        blocks.append(Block(own=pool.turns[place][:most].tolist(), context=read))
    return blocks


def beside_of(asked: AskedList) -> Tensor:
    """Return what `block_reading.first_stage` gives for the list, (candidates, 4)."""
    scores = [z_scores(torch.as_tensor(column)) for column in (asked.fused, asked.lexical, asked.dense)]
    return torch.stack([*scores, torch.as_tensor(asked.named)], 1).float()


def _chosen(example: Example, reading: Reading, drawn: random.Random) -> Places:
    evidence = np.flatnonzero(example.is_evidence).tolist()
    drawn.shuffle(evidence)
    evidence = evidence[: max(1, reading.candidates // 3)]
    others = np.flatnonzero(~example.is_evidence & ~example.asked.doubtful)
    wanted = reading.candidates - len(evidence)
    noise = np.random.default_rng(drawn.randrange(1 << 30)).gumbel(size=len(others))
    near_first = others[np.argsort(np.arange(len(others)) - reading.noise * noise)].tolist()
    hard = int(wanted * reading.hard)
    rest = near_first[hard:]
    drawn.shuffle(rest)
    return np.array([*evidence, *near_first[:hard], *rest[: wanted - hard]], dtype=np.intp)


def _facts(example: Example, chosen: Places, reading: Reading, drawn: random.Random) -> list[int]:
    evidence = set(example.asked.evidence.tolist())
    shown = set(example.asked.candidates[chosen].tolist())
    fitting = [
        ids
        for ids, turns in example.pool.facts
        if shown.intersection(turns.tolist()) and evidence.isdisjoint(turns.tolist())
    ]
    drawn.shuffle(fitting)
    tokens: list[int] = []
    for ids in fitting:
        if len(tokens) + len(ids) > reading.facts_tokens:
            break
        tokens += ids.tolist()
    return tokens
