"""How fast recall is in a large store, and what its shortcuts cost in quality.

    python -m benchmarks.recall_at_scale --turns 100000 --users 200 --json out.json
    python -m benchmarks.recall_at_scale --turns 1000000 --users 1 --unscoped --keep FOLDER

Turns are 8 to 20 pseudo-words drawn by Zipf's law, in sessions of 20; questions are 6 to 10 words of the same
distribution with the vector of a stored turn, a little disturbed: nothing is embedded while the clock runs.
None of the pseudo-words is a stop word, so questions hold more frequent terms than English ones do.

"overlap@10" compares the ten best with those of a search without shortcuts: every term of the question
scored, every vector compared.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.figures import Figure, Report, load_average, median, percentile
from benchmarks.scale_store import Built, Recipe, ensure
from benchmarks.synthetic import Vocabulary, unit
from recollect.memory.archive import Archive, snapshot_path
from recollect.memory.lexical import COUNT_BUDGET, MATCH_BUDGET, Fts5Index
from recollect.memory.recall import Recall, ScopedVectors
from recollect.memory.store import Store
from recollect.memory.types import Hit, Scope
from recollect.memory.vector_log import VectorLog
from recollect.memory.words import query_terms

if TYPE_CHECKING:
    from recollect.memory.ports import Ids, Vectors

LIMIT = 100
BEST = 10
NO_BUDGET = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, in which scope, with which vector."""

    text: str
    scope: Scope
    vector: "Vectors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds of every recall, in the order they were asked: in total, of the processor, and by stage."""

    total_ms: list[float]
    processor_ms: list[float]
    stages_ms: dict[str, list[float]]


class EveryVector:
    """All vectors of a store in one matrix, compared one by one; implements `memory.recall.ScopedVectors`."""

    def __init__(self, store: Store, dimensions: int) -> None:
        self._store = store
        chunks = [(ids, rows) for _, ids, rows in VectorLog(store.file, dimensions).added_after(0)]
        self._ids: Ids = np.concatenate([ids for ids, _ in chunks])
        self._rows: Vectors = np.concatenate([rows for _, rows in chunks])

    def search(self, vector: "Vectors", *, limit: int, scope: Scope) -> list[Hit]:
        """Return the best `limit` hits inside a scope, best first, ties by id."""
        ids, rows = self._ids, self._rows
        if scope != Scope():
            ids, rows = self.vectors_of(np.array(self._store.ids(scope), dtype=np.int64))
        scores = rows @ vector
        best = np.lexsort((ids, -scores))[:limit]
        return [Hit(id=int(ids[place]), score=float(scores[place])) for place in best]

    def vectors_of(self, ids: "Ids | Sequence[int]") -> "tuple[Ids, Vectors]":
        """Return the ids and their vectors; all of them are here, in ascending order."""
        wanted = np.asarray(ids, dtype=np.int64)
        return wanted, self._rows[np.searchsorted(self._ids, wanted)]


def questions(archive: Archive, recipe: Recipe, count: int, *, unscoped: bool) -> list[Question]:
    """Return questions in the words of the store; each has a user's scope unless `unscoped`."""
    numbers = np.random.default_rng(recipe.seed + 2)
    texts = Vocabulary.zipf(seed=recipe.seed).texts(count, 6, 10, numbers)
    wanted = numbers.integers(1, recipe.turns + 1, count).tolist()
    noise = numbers.standard_normal((count, archive.embedder.dimensions), dtype=np.float32)
    stored = archive.vectors.vectors_of(wanted)[1]
    vectors = unit(stored + noise * np.float32(0.5 / np.sqrt(archive.embedder.dimensions)))
    users = archive.store.memories(wanted)
    scopes = [Scope() if unscoped else archive.store.scope(users[i].user) for i in wanted]
    return [
        Question(text=text, scope=scope or Scope(), vector=vector)
        for text, scope, vector in zip(texts, scopes, vectors, strict=True)
    ]


def ask(recall: Recall, asked: Sequence[Question]) -> Latency:
    """Recall each question once and return what it took."""
    total: list[float] = []
    processor: list[float] = []
    stages: dict[str, list[float]] = {}
    for question in asked:
        begun, spent = time.perf_counter(), time.thread_time()  # recall uses the thread it is called in
        found = recall.recall(question.text, scope=question.scope, limit=LIMIT, vector=question.vector)
        total.append(1000.0 * (time.perf_counter() - begun))
        processor.append(1000.0 * (time.thread_time() - spent))
        for stage, took_ms in found.timings.items():
            stages.setdefault(stage, []).append(took_ms)
    return Latency(total_ms=total, processor_ms=processor, stages_ms=stages)


def overlaps(archive: Archive, asked: Sequence[Question]) -> dict[str, list[float]]:
    """Return the share of the exact ten best that each search finds, by question: fused, lexical, dense."""
    words = Fts5Index(archive.store.file, match_budget=NO_BUDGET, count_budget=NO_BUDGET)
    vectors = EveryVector(archive.store, archive.embedder.dimensions)
    exact = Recall(archive.store, words, vectors, archive.embedder)
    shares: dict[str, list[float]] = {"fused": [], "lexical": [], "dense": []}
    for question in asked:
        found, wanted = (_best(recall, question) for recall in (archive.recall, exact))
        shares["fused"].append(_share(found, wanted))
        found, wanted = (_best_by_words(index, question) for index in (archive.words, words))
        shares["lexical"].append(_share(found, wanted))
        found, wanted = (_best_by_vector(index, question) for index in (archive.vectors, vectors))
        shares["dense"].append(_share(found, wanted))
    return shares


def _best(recall: Recall, question: Question) -> list[int]:
    found = recall.recall(question.text, scope=question.scope, limit=LIMIT, vector=question.vector)
    return [candidate.memory.id for candidate in found.candidates[:BEST]]


def _best_by_words(index: Fts5Index, question: Question) -> list[int]:
    return [hit.id for hit in index.search(question.text, limit=BEST, scope=question.scope)]


def _best_by_vector(index: ScopedVectors, question: Question) -> list[int]:
    return [hit.id for hit in index.search(question.vector, limit=BEST, scope=question.scope)]


def _share(found: Sequence[int], wanted: Sequence[int]) -> float:
    return len(set(found) & set(wanted)) / len(wanted) if wanted else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a question was cut down to: terms asked, sought, sought or at least scored, and the turns matched."""

    terms: int
    sought: int
    searched: int
    matched: int


def searches(archive: Archive, asked: Sequence[Question]) -> list[Search]:
    """Return how much of each question was searched for in the words, inside its scope."""
    found: list[Search] = []
    for question in asked:
        terms = query_terms(question.text)
        searched = archive.words.searched_terms(question.text, question.scope)
        hits = archive.words.search(question.text, limit=NO_BUDGET, scope=question.scope)
        used = len(searched.sought) + len(searched.scored)
        found.append(Search(terms=len(terms), sought=len(searched.sought), searched=used, matched=len(hits)))
    return found


def measure(recipe: Recipe, folder: Path, *, asked: int, compared: int, unscoped: bool) -> Report:
    """Build or reuse the store, ask `asked` questions, compare `compared` of them with exact searches."""
    load = load_average()
    built = ensure(folder, recipe)
    begun = time.perf_counter()
    archive = Archive(Store(built.path), recipe.embedder())
    try:
        opened = time.perf_counter()
        size = len(archive.vectors)
        load_s = time.perf_counter() - opened
        open_s = time.perf_counter() - begun
        every = questions(archive, recipe, asked, unscoped=unscoped)
        cold = ask(archive.recall, every)
        warm = ask(archive.recall, every)
        cut = searches(archive, every[:compared])
        shares = overlaps(archive, every[:compared])
    finally:
        archive.close()
    return Report(
        benchmark="recall_at_scale",
        protocol={
            **asdict(recipe),
            "unscoped": unscoped,
            "limit": LIMIT,
            "store_reused": built.reused,
            "match_budget": MATCH_BUDGET,
            "count_budget": COUNT_BUDGET,
        },
        n={"turns": size, "users": recipe.users, "questions": asked, "compared": len(cut)},
        figures=(
            *_latency_figures(cold, warm, recipe, unscoped=unscoped),
            *_quality_figures(shares, cut, size if unscoped else size // recipe.users),
            *_store_figures(built, size, load_s=load_s, open_s=open_s),
        ),
        repetitions={
            "first_ms": cold.total_ms,
            "first_processor_ms": cold.processor_ms,
            "again_ms": warm.total_ms,
            **{f"first_{stage}_ms": values for stage, values in cold.stages_ms.items()},
            **{f"overlap_{kind}": values for kind, values in shares.items()},
        },
        load=(load, load_average()),
    )


def _latency_figures(first: Latency, again: Latency, recipe: Recipe, *, unscoped: bool) -> list[Figure]:
    target_ms = 60.0 if unscoped else 15.0
    where = f"{recipe.turns:,} turns, {'everyone' if unscoped else 'one user'}"
    stages = [
        Figure(name=f"{stage} p50", value=median(values), unit="ms") for stage, values in first.stages_ms.items()
    ]
    return [
        Figure(
            name=f"recall p50 ({where})", value=median(first.total_ms), unit="ms", bound="at most", target=target_ms
        ),
        Figure(name="the same in processor time p50", value=median(first.processor_ms), unit="ms"),
        Figure(name="recall p95", value=percentile(first.total_ms, 0.95), unit="ms"),
        Figure(name="the same questions again p50", value=median(again.total_ms), unit="ms"),
        *stages,
    ]


def _quality_figures(shares: dict[str, list[float]], cut: Sequence[Search], scope_size: int) -> list[Figure]:
    overlap = [
        Figure(name=f"overlap@{BEST} {kind}", value=float(np.mean(values or [1.0])))
        for kind, values in shares.items()
    ]
    terms = max(sum(search.terms for search in cut), 1)
    matched = float(np.mean([search.matched for search in cut] or [0])) / max(scope_size, 1)
    return [
        *overlap,
        Figure(name="terms sought", value=sum(search.sought for search in cut) / terms),
        Figure(name="terms sought or scored", value=sum(search.searched for search in cut) / terms),
        Figure(name="turns matched in scope", value=matched),
    ]


def _store_figures(built: Built, size: int, *, load_s: float, open_s: float) -> list[Figure]:
    snapshot = snapshot_path(built.path)
    return [
        Figure(name="written", value=size / built.write_s, unit="turns/s"),
        Figure(name="index built in", value=built.index_s, unit="s"),
        Figure(name="snapshot written in", value=built.snapshot_s, unit="s"),
        Figure(name="snapshot loaded in", value=load_s, unit="s"),
        Figure(name="opened in", value=open_s, unit="s"),
        Figure(name="store", value=built.path.stat().st_size / 2**20, unit="MiB"),
        Figure(name="snapshot", value=snapshot.stat().st_size / 2**20, unit="MiB"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=100_000, help="turns in the store (100000)")
    parser.add_argument("--users", type=int, default=200, help="users who share them (200)")
    parser.add_argument("--unscoped", action="store_true", help="recall from everyone's turns")
    parser.add_argument("--questions", type=int, default=200, help="questions asked, each twice (200)")
    parser.add_argument("--compare", type=int, default=40, help="of these, compared with exact searches (40)")
    parser.add_argument("--keep", type=Path, help="keep the store in this folder, and reuse it if it is there")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    recipe = Recipe(turns=given.turns, users=given.users, seed=given.seed)
    with tempfile.TemporaryDirectory(prefix="recollect-bench-") as temporary:
        report = measure(
            recipe,
            given.keep or Path(temporary),
            asked=given.questions,
            compared=min(given.compare, given.questions),
            unscoped=given.unscoped,
        )
    report.show()
    report.write(given.json)


if __name__ == "__main__":
    main()
