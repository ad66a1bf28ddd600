"""A large store of synthetic turns, built once through the normal write path and opened many times."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.synthetic import SESSION_TURNS, HashEmbedder, Vocabulary, zipf_turns
from recollect.memory.archive import Archive
from recollect.memory.store import Store

SHORTEST, LONGEST = 8, 20
PORTION = 20_000  # turns handed over at a time, so that a million never lie in memory together


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a store is made from; two stores with the same recipe hold the same turns."""

    turns: int
    users: int
    seed: int = 0
    embedder_name: str = "hash"
    fingerprint: str | None = None

    def embedder(self) -> HashEmbedder:
        """Return the stand-in that made the vectors."""
        return HashEmbedder(
            centres=max(self.turns // 200, 1), seed=self.seed, name=self.embedder_name, fingerprint=self.fingerprint
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A store on disk, and the seconds it took: to write the turns, to build the index, to save its snapshot."""

    path: Path
    write_s: float
    index_s: float
    snapshot_s: float
    reused: bool = False


def ensure(folder: Path, recipe: Recipe) -> Built:
    """Return the store of this recipe in `folder`, building it when it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{recipe.turns}-{recipe.users}-{recipe.seed}-{recipe.embedder_name}.db"
    note = path.with_suffix(".json")
    if note.exists():
        known = json.loads(note.read_text(encoding="utf-8"))
        if known.pop("recipe") == asdict(recipe):
            return _built(path, known, reused=True)
    for left in folder.glob(f"{path.name}*"):
        left.unlink()
    took = _build(path, recipe)
    note.write_text(json.dumps({"recipe": asdict(recipe), **took}, indent=2) + "\n", encoding="utf-8")
    return _built(path, took, reused=False)


def _built(path: Path, took: dict[str, float], *, reused: bool) -> Built:
    return Built(
        path=path,
        write_s=took["write_s"],
        index_s=took["index_s"],
        snapshot_s=took["snapshot_s"],
        reused=reused,
    )


def _build(path: Path, recipe: Recipe) -> dict[str, float]:
    vocabulary = Vocabulary.zipf(seed=recipe.seed)
    archive = Archive(Store(path), recipe.embedder())
    numbers = np.random.default_rng(recipe.seed + 1)
    try:
        write_s = 0.0
        for user in range(recipe.users):
            write_s += _add_user(archive, user, recipe, vocabulary, numbers)
        begun = time.perf_counter()
        count = len(archive.vectors)
        index_s = time.perf_counter() - begun
        if count != recipe.turns:
            raise RuntimeError(f"{count} of {recipe.turns} turns have vectors")
        begun = time.perf_counter()
        archive.vectors.save()
        return {"write_s": write_s, "index_s": index_s, "snapshot_s": time.perf_counter() - begun}
    finally:
        archive.close()


def _add_user(
    archive: Archive, user: int, recipe: Recipe, vocabulary: Vocabulary, numbers: np.random.Generator
) -> float:
    """Write one user's share of the turns and return the seconds that took, without making up the texts."""
    count = recipe.turns // recipe.users + (user < recipe.turns % recipe.users)
    took_s = 0.0
    for start in range(0, count, PORTION):
        texts = vocabulary.texts(min(PORTION, count - start), SHORTEST, LONGEST, numbers)
        turns = list(zipf_turns(texts, first_session=1 + start // SESSION_TURNS))
        begun = time.perf_counter()
        archive.add_turns(f"user{user}", "default", turns)
        took_s += time.perf_counter() - begun
    return took_s
