"""Starting a fresh interpreter that sees the same recollect as this one."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import recollect

HERE = Path(__file__).parent


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment with our own checkout first on the import path."""
    root = str(Path(recollect.__file__).parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(changes or {})}


def run(arguments: Sequence[str], *, changes: Mapping[str, str] | None = None, timeout_s: float = 600.0) -> str:
    """Run the interpreter with `arguments` and return its stdout; raises CalledProcessError with stderr shown."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment(changes),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=timeout_s,
    )
    return done.stdout
