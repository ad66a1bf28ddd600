"""Every test runs offline and with a state folder of its own."""

import os
import signal
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports huggingface_hub


@pytest.fixture(autouse=True)
def recollect_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty RECOLLECT_HOME, and none of the RECOLLECT_* of whoever runs the tests."""
    for variable in list(os.environ):
        if variable.startswith("RECOLLECT_"):
            monkeypatch.delenv(variable)
    home = tmp_path / "home"
    monkeypatch.setenv("RECOLLECT_HOME", str(home))
    return home


@pytest.fixture(autouse=True, scope="session")
def _interrupts() -> None:
    """Hear Ctrl-C although the suite runs in the background, where shells make programs deaf to it.

    An ignored signal stays ignored in every program that is started; one with a handler does not.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
