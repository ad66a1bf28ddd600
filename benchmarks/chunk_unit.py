"""How chunks are ranked by their turns' scores was chosen: recall of gold chunks on MSC and FriendsQA, train splits.

    python -m benchmarks.chunk_unit --data ../shared/data/train [--rerank none --rerank block] [--json OUT]

Ten MSC conversations are joined into one between the same two people; seven FriendsQA episodes are joined in order.
Chunks are those of `recollect eval locomo --unit chunk`. Every way to make one score of a chunk's turns is tried, and
mixtures of it with scores of the chunk as a whole (BM25 over its text, cosine of the mean of its turns' vectors).
Differences are to the library's way, with a 95 % interval over pools. LoCoMo is not read here.
"""

import argparse
import itertools
import json
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi
from rich.console import Console
from rich.table import Table

from recollect.config import Config
from recollect.evals.bootstrap import paired_difference
from recollect.evals.unit_index import K1, B, stemmed
from recollect.evals.units import ChunkUnit
from recollect.memory.embedder import MiniLmEmbedder, WordPieceCounter
from recollect.memory.types import Turn
from recollect.rerank.base import Reranker
from recollect.rerank.chunks import TEMPERATURE, Chunk, soft_maximum
from recollect.training.corpora import Conversation
from recollect.training.pools import friends_episodes, msc_pools
from recollect.wiring import make_reranker, open_memory

EPISODES = 7
"""FriendsQA episodes joined into one pool: about 400 turns."""
KS = (3, 5, 10)
WORST = -1e9

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question: gold chunks; by reranker the standardised scores of each chunk's turns, best first, with ranks.

    `words`, `stems` and `vectors` are the chunks' own scores, (chunks,), standardised.
    """

    corpus: str
    pool: str
    gold: frozenset[int]
    turns: dict[str, list[list[tuple[float, int]]]]
    words: Scores
    stems: Scores
    vectors: Scores


Rank = Callable[[Asked, str], Scores]
"""Scores of all chunks from one question and the name of a reranker, (chunks,)."""


def standardised(values: Sequence[float] | Scores) -> Scores:
    scores = np.asarray(values, dtype=np.float64)
    return (scores - scores.mean()) / max(float(scores.std()), 1e-6)


class ChunkScores:
    """Scores of a pool's chunks as wholes: BM25 over their words and over their stems, cosine of the mean vector."""

    def __init__(self, chunks: Sequence[Chunk[Turn]], embedder: MiniLmEmbedder) -> None:
        texts = ["\n".join(f"{turn.speaker}: {turn.text}" for turn in chunk.turns) for chunk in chunks]
        self._words = BM25Okapi([_words(text) for text in texts], k1=K1, b=B)
        self._stems = BM25Okapi([stemmed(text) for text in texts], k1=K1, b=B)
        means = [embedder.embed([turn.text for turn in chunk.turns], kind="passage").mean(0) for chunk in chunks]
        self._vectors = np.stack([mean / np.linalg.norm(mean) for mean in means])
        self._embedder = embedder

    def of(self, question: str) -> dict[str, Scores]:
        """Return them by the names they have in `Asked`."""
        return {
            "words": standardised(self._words.get_scores(_words(question))),
            "stems": standardised(self._stems.get_scores(stemmed(question))),
            "vectors": standardised(self._vectors @ self._embedder.embed([question], kind="query")[0]),
        }


class Asker:
    """Stores pools and asks their questions."""

    def __init__(self, folder: Path, rerankers: dict[str, Reranker], questions: int) -> None:
        self._folder = folder
        self._rerankers = rerankers
        self._questions = questions
        self._embedder = MiniLmEmbedder()
        self._unit = ChunkUnit(count=WordPieceCounter())

    def ask(self, corpus: str, pool: Conversation) -> Iterator[Asked]:
        name = f"{corpus} {pool.id}"[:200]
        with open_memory(self._folder / "pools.db", user=name, config=Config(rerank="none")) as memory:
            stored = memory.add_many(pool.turns)
            chunks = self._unit.chunks(stored)
            place_of = {turn.id: place for place, chunk in enumerate(chunks) for turn in chunk.turns}
            chunk_of = {turn.ref: place_of[turn.id] for turn in stored}
            own = ChunkScores(chunks, self._embedder)
            for question in random.Random(name).sample(pool.questions, min(self._questions, len(pool.questions))):
                candidates = memory.recalled(question.text).candidates
                turns: dict[str, list[list[tuple[float, int]]]] = {}
                for ranker, reranker in self._rerankers.items():
                    ranked = reranker.rank(question.text, candidates)
                    turns[ranker] = [[] for _ in chunks]
                    for rank, score in enumerate(standardised([scored.score for scored in ranked]), 1):
                        turns[ranker][place_of[ranked[rank - 1].memory.id]].append((float(score), rank))
                gold = frozenset(chunk_of[ref] for ref in question.evidence)
                yield Asked(corpus=corpus, pool=name, gold=gold, turns=turns, **own.of(question.text))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _by_turns(of_turns: Callable[[list[tuple[float, int]]], float]) -> Rank:
    """A way to rank chunks by nothing but their turns; chunks without one come last."""
    return lambda asked, reranker: np.array([of_turns(one) if one else WORST for one in asked.turns[reranker]])


def _soft(temperature: float) -> Rank:
    return _by_turns(lambda turns: soft_maximum([score for score, _ in turns], temperature))


def _mixed(temperature: float, *, words: float = 0.0, stems: float = 0.0, vectors: float = 0.0) -> Rank:
    def rank(asked: Asked, reranker: str) -> Scores:
        scores = _soft(temperature)(asked, reranker)
        lowest = scores[scores > WORST].min(initial=0.0)
        by_turns = standardised(np.maximum(scores, lowest))
        return by_turns + words * asked.words + stems * asked.stems + vectors * asked.vectors

    return rank


def _with_second(share: float) -> Rank:
    return _by_turns(lambda turns: turns[0][0] + (share * max(turns[1][0], 0.0) if len(turns) > 1 else 0.0))


def _reciprocal(k: int) -> Rank:
    return _by_turns(lambda turns: sum(1.0 / (k + rank) for _, rank in turns))


def ways() -> dict[str, Rank]:
    """Every way to rank chunks that was tried, the library's first."""
    found: dict[str, Rank] = {f"soft maximum, T {TEMPERATURE:g} (library)": _soft(TEMPERATURE)}
    found["BM25 of the chunk's words alone"] = lambda asked, _: asked.words
    found["BM25 of the chunk's stems alone"] = lambda asked, _: asked.stems
    found["cosine of the mean vector alone"] = lambda asked, _: asked.vectors
    found["best turn"] = _soft(0.0)
    found |= {f"best turn + {share:g} of the second": _with_second(share) for share in (0.1, 0.25, 0.5, 0.75)}
    # the sum of a softmax over the pool orders chunks as this does
    found |= {f"soft maximum, T {t:g}": _soft(t) for t in (0.25, 0.5, 0.75, 1.0, 1.5, 2.0) if t != TEMPERATURE}
    found |= {f"sum of 1 / ({k} + rank)": _reciprocal(k) for k in (1, 5, 10, 20, 60)}
    for share, vectors in itertools.product((0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 0.25, 0.5)):
        if share:
            found[f"+ {share:g} BM25 of words + {vectors:g} cosine"] = _mixed(
                TEMPERATURE, words=share, vectors=vectors
            )
            found[f"+ {share:g} BM25 of stems + {vectors:g} cosine"] = _mixed(
                TEMPERATURE, stems=share, vectors=vectors
            )
        elif vectors:
            found[f"+ {vectors:g} cosine"] = _mixed(TEMPERATURE, vectors=vectors)
    return found


def recalls(every: Sequence[Asked], rank: Rank, reranker: str) -> NDArray[np.float64]:
    """Return recall of gold chunks, (questions, ks)."""
    rows: list[list[float]] = []
    for asked in every:
        best = np.argsort(-rank(asked, reranker), kind="stable").tolist()
        rows.append([len(asked.gold.intersection(best[:k])) / len(asked.gold) for k in KS])
    return np.array(rows)


def compared(every: Sequence[Asked], reranker: str) -> list[dict[str, Any]]:
    """Return a row a way: recall in percent by corpus and k, and the difference of R@3 and R@5 to the first way."""
    corpora = list(dict.fromkeys(asked.corpus for asked in every))
    in_corpus = {name: np.array([asked.corpus == name for asked in every]) for name in corpora}
    pools = [asked.pool for asked in every]
    rows: list[dict[str, Any]] = []
    first: NDArray[np.float64] | None = None
    for name, rank in ways().items():
        found = recalls(every, rank, reranker)
        first = found if first is None else first
        row: dict[str, Any] = {"reranker": reranker, "way": name}
        for corpus, place in itertools.product(corpora, range(len(KS))):
            row[f"{corpus} R@{KS[place]}"] = round(100 * float(found[in_corpus[corpus], place].mean()), 1)
        for place in (0, 1):
            change = paired_difference(found[:, place].tolist(), first[:, place].tolist(), pools)
            row[f"R@{KS[place]} difference"] = [round(100 * v, 1) for v in (change.value, change.low, change.high)]
        rows.append(row)
    return rows


def show(rows: Sequence[dict[str, Any]], title: str) -> None:
    table = Table(title=title, title_justify="left")
    columns = [name for name in rows[0] if name != "reranker"]
    for name in columns:
        table.add_column(name, justify="left" if name == "way" else "right", no_wrap=name == "way")
    for row in rows:
        shown = [row[name] for name in columns]
        table.add_row(*(f"{v[0]:+.1f} [{v[1]:.1f}, {v[2]:.1f}]" if isinstance(v, list) else str(v) for v in shown))
    Console(width=160).print(table)


def joined(episodes: Sequence[Conversation]) -> Conversation:
    """Return episodes as one conversation, sessions and refs kept apart."""
    return replace(
        episodes[0],
        id="+".join(episode.id for episode in episodes),
        turns=tuple(
            replace(turn, ref=f"{place}/{turn.ref}", session=f"{place}/{turn.session}")
            for place, episode in enumerate(episodes)
            for turn in episode.turns
        ),
        questions=tuple(
            replace(question, evidence=tuple(f"{place}/{ref}" for ref in question.evidence))
            for place, episode in enumerate(episodes)
            for question in episode.questions
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rerank", action="append", help="a reranker, several times for several [none and block]")
    parser.add_argument("--split", default="train")
    parser.add_argument("--pools", type=int, default=6, help="of each corpus")
    parser.add_argument("--questions", type=int, default=60, help="of each pool")
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    drawn = random.Random(arguments.seed)
    episodes = friends_episodes(arguments.data, arguments.split, EPISODES * arguments.pools, drawn)
    sets = {
        "MSC": msc_pools(arguments.data, arguments.split, arguments.pools, drawn),
        "FriendsQA": [joined(episodes[at : at + EPISODES]) for at in range(0, len(episodes), EPISODES)],
    }
    rerankers = {name: make_reranker(Config(rerank=name)) for name in arguments.rerank or ("none", "block")}
    every: list[Asked] = []
    with tempfile.TemporaryDirectory() as folder:
        asker = Asker(Path(folder), rerankers, arguments.questions)
        for corpus, pools in sets.items():
            for pool in pools:
                every += asker.ask(corpus, pool)
    sizes = ", ".join(f"{sum(asked.corpus == corpus for asked in every)} questions of {corpus}" for corpus in sets)
    chunks = np.mean([len(asked.words) for asked in every])
    results: list[dict[str, Any]] = []
    for name in rerankers:
        rows = compared(every, name)
        show(rows, f"reranker {name}: {sizes}; {chunks:.0f} chunks a pool")
        results += rows
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
