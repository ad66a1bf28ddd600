"""One opening of a store, for `open_store.py`, which runs this in a fresh process: STORE USER, JSON out."""

import json
import sys
import time

import numpy as np
import psutil  # type: ignore[import-untyped]  # no stubs installed

import recollect.memory.embedder  # noqa: F401 - imported before the clock starts, torch with it
from recollect.agent.long_term_memory import LongTermMemory
from recollect.config import Config
from recollect.memory.types import Scope
from recollect.wiring import open_memory


def resident_mib() -> float:
    """Return the resident set of this process."""
    return float(psutil.Process().memory_info().rss / 2**20)


def first_search(memory: LongTermMemory) -> None:
    """Search everyone's vectors, which needs the whole index; the model is not touched."""
    vector = np.ones(memory.archive.embedder.dimensions, np.float32)
    hits = memory.archive.vectors.search(vector / np.linalg.norm(vector), limit=10, scope=Scope())
    if not hits:
        raise RuntimeError("the store holds no vectors")


def main() -> None:
    path, user = sys.argv[1:]
    imported_mib = resident_mib()
    begun = time.perf_counter()
    memory = open_memory(path, user=user, config=Config())
    first_search(memory)
    open_s = time.perf_counter() - begun
    opened_mib = resident_mib()
    begun = time.perf_counter()
    memory.recall("Where did we go last summer?")
    first_recall_s = time.perf_counter() - begun
    figures = {
        "open_s": open_s,
        "first_recall_s": first_recall_s,
        "imported_mib": imported_mib,
        "opened_mib": opened_mib,
        "ready_mib": resident_mib(),
    }
    memory.close()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
