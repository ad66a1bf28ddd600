"""Where state lives; `RECOLLECT_HOME` moves all of it."""

import os
from pathlib import Path

import platformdirs


def home() -> Path | None:
    """Return the folder `RECOLLECT_HOME` names, or None when it is not set."""
    named = os.environ.get("RECOLLECT_HOME")
    return Path(named).expanduser() if named else None


def config_file() -> Path:
    """Return where `config.toml` is looked for."""
    return (home() or Path(platformdirs.user_config_dir("recollect", appauthor=False))) / "config.toml"


def default_store() -> Path:
    """Return the store used when none is named."""
    return (home() or Path(platformdirs.user_data_dir("recollect", appauthor=False))) / "memory.db"
