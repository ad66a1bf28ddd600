"""How many threads the libraries under us may start, settled before they are loaded."""

import os
import sys

from ..config import Config


def settle_threads(config: Config) -> None:
    """Make waiting threads sleep, and limit their number where the user says so; call it before torch is imported.

    OpenMP's threads spin while they wait for each other. With one thread a core and one other busy program, each
    spins through the time slices that the other needs: two threads on a busy two-core machine ran 10x slower.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if config.threads is None:
        return
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[variable] = str(config.threads)
    if "torch" in sys.modules:  # too late for the environment
        import torch

        torch.set_num_threads(config.threads)
