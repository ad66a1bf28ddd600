"""How fast and how complete vector search is: scoped to one user, over everyone, and filtered afterwards.

    python -m benchmarks.vector_search --n 100000 --users 200 --json out.json

The vectors are synthetic: unit vectors around one centre per 200 of them (`--spread 0` draws them uniformly,
the hardest case for a graph). "post_filter" is what an index without scoping has to do: ask for ten
times as many of everyone's memories and keep the user's own.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from recollect.memory.types import Hit
from recollect.memory.vectors import HNSW_THRESHOLD, FaissIndex

BLOCK = 20_000


def unit(matrix: np.ndarray) -> np.ndarray:
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def synthetic(n: int, dimensions: int, spread: float, numbers: np.random.Generator) -> np.ndarray:
    """Return unit vectors, float32 (n, dimensions)."""
    centres = unit(numbers.standard_normal((max(n // 200, 1), dimensions), dtype=np.float32))
    matrix = np.empty((n, dimensions), np.float32)
    for start in range(0, n, BLOCK):
        block = numbers.standard_normal((min(BLOCK, n - start), dimensions), dtype=np.float32)
        if spread:
            block *= spread / np.sqrt(dimensions)
            block += centres[numbers.integers(0, len(centres), len(block))]
        matrix[start : start + len(block)] = unit(block)
    return matrix


def timed(searches: list[Callable[[], list[Hit]]]) -> tuple[list[list[Hit]], dict[str, float]]:
    searches[0]()
    found: list[list[Hit]] = []
    spent_ms: list[float] = []
    for search in searches:
        start = time.perf_counter()
        found.append(search())
        spent_ms.append(1e3 * (time.perf_counter() - start))
    p50, p95 = np.percentile(spent_ms, [50, 95])
    return found, {"p50": round(float(p50), 3), "p95": round(float(p95), 3)}


def share_found(found: list[list[Hit]], wanted: list[list[Hit]]) -> float:
    shares = [len({h.id for h in f} & {h.id for h in w}) / len(w) for f, w in zip(found, wanted, strict=True) if w]
    return round(float(np.mean(shares)), 4)


def exact(matrix: np.ndarray, query: np.ndarray, limit: int) -> list[Hit]:
    scores = matrix @ query
    best = np.argpartition(-scores, min(limit, len(scores) - 1))[:limit]
    return [Hit(id=int(row), score=float(scores[row])) for row in best]


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    numbers = np.random.default_rng(arguments.seed)
    n, limit = arguments.n, arguments.limit
    matrix = synthetic(n, arguments.dimensions, arguments.spread, numbers)
    index = FaissIndex(arguments.dimensions, hnsw_threshold=arguments.hnsw_threshold)
    start = time.perf_counter()
    for first in range(0, n, BLOCK):
        index.add(np.arange(first, min(first + BLOCK, n)), matrix[first : first + BLOCK])
    build_s = time.perf_counter() - start

    owner = numbers.integers(0, arguments.users, n)
    asked = numbers.integers(0, n, arguments.queries)
    noise = numbers.standard_normal((len(asked), arguments.dimensions), dtype=np.float32)
    queries = unit(matrix[asked] + 0.5 / np.sqrt(arguments.dimensions) * noise)
    scopes = [np.flatnonzero(owner == owner[row]) for row in asked]

    def post_filter(query: np.ndarray, user: int) -> list[Hit]:
        return [hit for hit in index.search(query, limit=10 * limit) if owner[hit.id] == user][:limit]

    scoped, scoped_ms = timed(
        [lambda q=q, s=s: index.search(q, limit=limit, within=s) for q, s in zip(queries, scopes, strict=True)]
    )
    unscoped, unscoped_ms = timed([lambda q=q: index.search(q, limit=limit) for q in queries])
    filtered, filtered_ms = timed(
        [lambda q=q, u=owner[row]: post_filter(q, u) for q, row in zip(queries, asked, strict=True)]
    )
    return {
        "protocol": {**vars(arguments), "json": None, "kind": "flat" if index.is_exact else "hnsw"},
        "n": {"vectors": n, "users": arguments.users, "queries": len(asked)},
        "metrics": {
            "build_s": round(build_s, 2),
            "vectors_per_s": round(n / build_s),
            "scoped_over_post_filter": round(scoped_ms["p50"] / filtered_ms["p50"], 4),
            f"unscoped_recall@{limit}": share_found(unscoped, [exact(matrix, q, limit) for q in queries]),
            f"post_filter_recall@{limit}": share_found(filtered, scoped),
        },
        "latency_ms": {"scoped": scoped_ms, "unscoped": unscoped_ms, "post_filter": filtered_ms},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000, help="vectors (100000)")
    parser.add_argument("--users", type=int, default=200, help="users who share them (200)")
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--limit", type=int, default=50, help="hits asked for (50)")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--spread", type=float, default=1.0, help="noise over centre; 0: uniform (1.0)")
    parser.add_argument("--hnsw-threshold", type=int, default=HNSW_THRESHOLD)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    figures = measure(arguments)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
