"""How the first stage's weights were chosen: recall on MSC and FriendsQA pools of LoCoMo's size, train splits.

    python -m benchmarks.first_stage --data ../shared/data/train [--pools 6] [--json OUT]

Ten MSC conversations are joined into one between the same two people; the scenes of a FriendsQA episode are joined
in order. LoCoMo is not read here.
"""

import argparse
import itertools
import json
import random
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from recollect.memory.archive import Archive
from recollect.memory.embedder import MiniLmEmbedder
from recollect.memory.lexical import Fts5Index
from recollect.memory.recall import Recall, RecallOptions
from recollect.memory.store import Store
from recollect.memory.types import Turn
from recollect.training.corpora import Conversation
from recollect.training.pools import friends_episodes, msc_pools

QUESTIONS_PER_POOL = 100
KS = (1, 5, 10, 25)


def recalls(archive: Archive, pools: Iterable[Conversation], recall: Recall) -> dict[str, float]:
    """Return mean recall of evidence turns at each k, in percent."""
    found: dict[int, list[float]] = {k: [] for k in KS}
    for pool in pools:
        scope = archive.store.scope(pool.id)
        if scope is None:
            raise SystemExit(f"{pool.id} was not stored.")
        for question in random.Random(pool.id).sample(pool.questions, min(QUESTIONS_PER_POOL, len(pool.questions))):
            vector = EMBEDDED[question.text]
            ranked = recall.recall(question.text, scope=scope, limit=max(KS), vector=vector).candidates
            refs = [c.memory.ref for c in ranked if isinstance(c.memory, Turn)]
            for k in KS:
                found[k].append(len(set(refs[:k]) & set(question.evidence)) / len(set(question.evidence)))
    return {f"R@{k}": 100 * float(np.mean(values)) for k, values in found.items()}


EMBEDDED: dict[str, "np.ndarray[tuple[int], np.dtype[np.float32]]"] = {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pools", type=int, default=6)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    shuffled = random.Random(5)
    sets = {
        "msc": msc_pools(arguments.data, "train", arguments.pools, shuffled),
        "friendsqa": friends_episodes(arguments.data, "train", 2 * arguments.pools, shuffled),
    }
    results: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        embedder = MiniLmEmbedder()
        archive = Archive(Store(Path(folder) / "pools.db"), embedder)
        for pool in itertools.chain(*sets.values()):
            archive.add_turns(pool.id, "pool", pool.turns)
            texts = [question.text for question in pool.questions]
            EMBEDDED.update(zip(texts, embedder.embed(texts, kind="query"), strict=True))
        for own, context, dense in itertools.product((1.0,), (0.2, 0.35, 0.5, 0.75), (0.0, 0.25, 0.5, 0.75, 1.0)):
            words = Fts5Index(archive.store.file, own_weight=own, context_weight=context)
            recall = Recall(archive.store, words, archive.vectors, embedder, RecallOptions(dense_weight=dense))
            row: dict[str, object] = {"context_weight": context, "dense_weight": dense}
            for name, pools in sets.items():
                row |= {f"{name} {k}": round(v, 2) for k, v in recalls(archive, pools, recall).items()}
            results.append(row)
            print(row, flush=True)
        archive.close()
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
