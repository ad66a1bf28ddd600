"""What the first stage offers to training questions, tokenised: the lists that rankers learn from.

Asking takes minutes and training hours, so the lists are kept in one file; whatever reads them needs no store.
"""

import pickle
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..agent.long_term_memory import LongTermMemory
from ..memory.embedder import MiniLmEmbedder
from ..memory.errors import DataFormatError
from ..memory.types import Candidate, Scope, Turn
from ..rerank.base import speaker_prefix
from ..rerank.speakers import named_speakers
from .corpora import Conversation, Question

Ids = NDArray[np.uint16]
"""Token ids; the encoder's vocabulary has 30,522."""

DUPLICATE = 0.85
"""Cosine with an evidence turn from which on another turn is as good an answer and no negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedList:
    """One question and its candidates, as places in the pool's turns, best of the first stage first.

    `lexical`, `dense` and `fused` run parallel to `candidates`; `evidence` are the places of the gold turns, offered
    or not; `doubtful` marks candidates that repeat an evidence turn; `named` is that of `named_speakers`.
    """

    kind: str
    question: Ids
    candidates: NDArray[np.int32]
    lexical: NDArray[np.float32]
    dense: NDArray[np.float32]
    fused: NDArray[np.float32]
    evidence: NDArray[np.int32]
    doubtful: NDArray[np.bool_]
    named: NDArray[np.float32]

    def first(self, count: int) -> "AskedList":
        """Return the list of the first stage's best `count` candidates."""
        return replace(
            self,
            candidates=self.candidates[:count],
            lexical=self.lexical[:count],
            dense=self.dense[:count],
            fused=self.fused[:count],
            doubtful=self.doubtful[:count],
            named=self.named[:count],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPool:
    """A conversation's turns as token ids, `before[i]` the place of the turn before i in its session, or -1.

    `facts` are what stands in for event summaries: token ids, and the places of the turns they cover.
    `several_speak`: more than two say something.
    """

    corpus: str
    turns: tuple[Ids, ...]
    before: NDArray[np.int32]
    lists: tuple[AskedList, ...]
    facts: tuple[tuple[Ids, NDArray[np.int32]], ...] = ()
    several_speak: bool = False


class Asker:
    """Asks pools their questions through the library itself."""

    def __init__(
        self, open_memory: Callable[[str], LongTermMemory], encoder: MiniLmEmbedder, *, limit: int, seed: int
    ) -> None:
        self._open_memory = open_memory
        self._encoder = encoder
        self._limit = limit
        self._seed = seed

    def ask(self, corpus: str, pool: Conversation, shares: dict[str, int]) -> AskedPool:
        """Store the pool's turns and ask up to `shares[kind]` of its questions of each kind ("" is every other)."""
        memory = self._open_memory(f"{corpus} {pool.split} {pool.id}")
        stored = memory.add_many(pool.turns)
        places = {turn.id: place for place, turn in enumerate(stored)}
        vectors = self._encoder.embed([turn.text for turn in stored], kind="passage")
        scope = memory.scope({}) or Scope()
        lists: list[AskedList] = []
        for question in self._drawn(pool, shares):
            found = memory.archive.recall.recall(question.text, scope=scope, limit=self._limit).candidates
            refs = [c.memory.ref if isinstance(c.memory, Turn) else None for c in found]
            kept = [c for c, ref in zip(found, refs, strict=True) if ref not in question.without]
            evidence = [place for place, turn in enumerate(stored) if turn.ref in question.evidence]
            offered = np.array([places[c.memory.id] for c in kept], dtype=np.int32)
            alike = vectors[offered] @ vectors[evidence].T  # (candidates, evidence)
            nearest = alike.max(1, initial=-1.0)
            lists.append(
                AskedList(
                    kind=question.kind,
                    question=_ids(self._encoder.token_ids([question.text])[0]),
                    candidates=offered,
                    lexical=np.array([c.lexical for c in kept], dtype=np.float32),
                    dense=np.array([c.dense or 0.0 for c in kept], dtype=np.float32),
                    fused=np.array([c.fused for c in kept], dtype=np.float32),
                    evidence=np.array(evidence, dtype=np.int32),
                    named=np.array(named_speakers(question.text, [_speaker(c) for c in kept]), dtype=np.float32),
                    doubtful=(nearest > DUPLICATE) & ~np.isin(offered, evidence),
                )
            )
        fact_ids = self._encoder.token_ids([fact.text for fact in pool.facts]) if pool.facts else []
        by_ref = {turn.ref: place for place, turn in enumerate(stored)}
        return AskedPool(
            corpus=corpus,
            turns=tuple(_ids(ids) for ids in self._encoder.token_ids([_read(turn) for turn in stored])),
            before=_before(stored),
            lists=tuple(lists),
            facts=tuple(
                (_ids(ids), np.array([by_ref[ref] for ref in fact.evidence if ref in by_ref], dtype=np.int32))
                for ids, fact in zip(fact_ids, pool.facts, strict=True)
            ),
            several_speak=len({turn.speaker for turn in stored}) > 2,
        )

    def _drawn(self, pool: Conversation, shares: dict[str, int]) -> list[Question]:
        drawn = random.Random(f"{self._seed} {pool.id}")
        chosen: list[Question] = []
        for kind in sorted({question.kind for question in pool.questions}):
            alike = [question for question in pool.questions if question.kind == kind]
            chosen += drawn.sample(alike, min(shares.get(kind, shares.get("", 0)), len(alike)))
        return chosen


def _read(turn: Turn) -> str:
    return speaker_prefix(turn) + turn.text


def _speaker(candidate: Candidate) -> str:
    return candidate.memory.speaker if isinstance(candidate.memory, Turn) else ""


def _before(turns: Sequence[Turn]) -> NDArray[np.int32]:
    before = [-1] * len(turns)
    for place in range(1, len(turns)):
        if turns[place].session == turns[place - 1].session:
            before[place] = place - 1
    return np.array(before, dtype=np.int32)


def _ids(tokens: Sequence[int]) -> Ids:
    return np.array(tokens, dtype=np.uint16)


def save(pools: Iterable[AskedPool], path: Path) -> None:
    """Write pools to a file of our own making."""
    with path.open("wb") as file:
        pickle.dump(list(pools), file)


def load(path: Path) -> list[AskedPool]:
    """Read what `save` wrote; unpickling runs code, so only from a file that this machine made.

    Raises DataFormatError for lists that an older version of this package asked.
    """
    with path.open("rb") as file:
        pools: list[AskedPool] = pickle.load(file)
    if not all(hasattr(pool, one.name) for pool in pools for one in fields(AskedPool)):
        raise DataFormatError(
            f"{path} was written by an older version of Recollect. Delete it: its questions are then asked anew."
        )
    return pools
