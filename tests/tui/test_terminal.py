"""The app in a real terminal: two turns, quit, a second start that knows the first session, and a signal."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recollect.memory.store import Store

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 90.0

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """A tmux server of one's own, with one window."""

    def __init__(self, socket: Path, home: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        self._home = home

    def start(self, *arguments: str) -> None:
        """Start the app; the window says when it has ended, and how."""
        command = f"{sys.executable} -m recollect chat {' '.join(arguments)}; echo ENDED-$?; exec sleep 600"
        environment = {**os.environ, "RECOLLECT_HOME": str(self._home), "OMP_NUM_THREADS": "1"}
        new = ["new-session", "-d", "-s", "a", "-x", "80", "-y", "24", command]
        subprocess.run([*self._tmux, *new], cwd=ROOT, env=environment, check=True)

    def close(self) -> None:
        """End the server and wait for it: the next one begins at the same socket."""
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)
        deadline = time.monotonic() + TIMEOUT_S
        while subprocess.run([*self._tmux, "list-sessions"], check=False, capture_output=True).returncode == 0:
            assert time.monotonic() < deadline, "tmux does not end."
            time.sleep(0.05)

    def press(self, *keys: str) -> None:
        subprocess.run([*self._tmux, "send-keys", "-t", "a", *keys], check=True)

    def shown(self) -> str:
        capture = [*self._tmux, "capture-pane", "-t", "a", "-p"]
        return subprocess.run(capture, check=True, capture_output=True, text=True).stdout

    def sees(self, *words: str) -> str:
        """Wait until the terminal shows all of these."""
        deadline = time.monotonic() + TIMEOUT_S
        while not all(word in (shown := self.shown()) for word in words):
            if time.monotonic() > deadline:
                raise AssertionError(f"Never seen: {words}. The terminal shows:\n{shown}")
            time.sleep(0.1)
        return shown

    def app_process(self) -> int:
        """Return the number of the app's process, which is a child of the window's shell."""
        panes = [*self._tmux, "list-panes", "-t", "a", "-F", "#{pane_pid}"]
        shell = subprocess.run(panes, check=True, capture_output=True, text=True).stdout.strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text(encoding="utf-8").split()
        return int(children[0])


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    started = Terminal(tmp_path / "tmux", tmp_path / "home")
    yield started
    started.close()


def test_what_was_told_in_one_session_is_cited_in_the_next(terminal: Terminal) -> None:
    terminal.start()
    terminal.sees("Welcome", "0 memories")
    terminal.press("I adopted a beagle called Biscuit yesterday.", "Enter")
    terminal.sees("Noted, I'll remember that.", "2 memories")
    terminal.press("My sister Nora lives in Ghent.", "Enter")
    terminal.sees("4 memories")
    terminal.press("Not sent")
    terminal.sees("Not sent")
    terminal.press("C-q")
    terminal.sees("ENDED-0")
    terminal.close()
    terminal.start()
    terminal.sees("4 memories", "Not sent")
    terminal.press("C-u")
    terminal.press("Where does Nora live?", "Enter")
    terminal.sees("1 cited of", "“My sister Nora lives in Ghent.” [")
    terminal.press("F3")
    terminal.sees("Why this answer", "● [2] User", "block")
    terminal.press("C-c")
    terminal.sees("ENDED-0")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the app's process in /proc")
def test_the_app_leaves_cleanly_when_the_system_ends_it(terminal: Terminal, tmp_path: Path) -> None:
    terminal.start("--user", "ann", "--as-of", "2026-01-01")
    terminal.sees("0 memories", "as of 2026-01-01", "ann")
    terminal.press("Half a sent")
    terminal.sees("Half a sent")
    os.kill(terminal.app_process(), signal.SIGTERM)
    terminal.sees("ENDED-0")
    store = Store(tmp_path / "home" / "memory.db")
    assert store.fact("draft of ann") == "Half a sent"
    store.close()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the app's process in /proc")
def test_the_app_ends_with_its_terminal(terminal: Terminal, tmp_path: Path) -> None:
    terminal.start("--user", "ann")
    terminal.sees("0 memories", "ann")
    terminal.press("Half a sent")
    terminal.sees("Half a sent")
    app = terminal.app_process()
    terminal.close()
    deadline = time.monotonic() + TIMEOUT_S
    while is_alive(app):
        assert time.monotonic() < deadline, "The app outlived its terminal."
        time.sleep(0.1)
    store = Store(tmp_path / "home" / "memory.db")
    assert store.fact("draft of ann") == "Half a sent"
    store.close()


def is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended may stay in the table until somebody asks how."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
