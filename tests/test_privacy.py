"""Private by default: the demo and the library open no socket and write nowhere but where they may."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

GUARD = """
import atexit, json, os, socket, sys

refused, written = [], []
_writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_log = os.environ["GUARD_LOG"]


def watch(event, arguments):
    if event == "socket.__new__" and arguments[1] in (socket.AF_INET, socket.AF_INET6):
        refused.append(event)
        raise ConnectionRefusedError("the guard refuses sockets")
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        refused.append(event)
        raise ConnectionRefusedError("the guard refuses the network")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & _writing:
        written.append(os.path.abspath(os.fsdecode(arguments[0])) if not isinstance(arguments[0], int) else "")
    elif event in ("sqlite3.connect", "os.mkdir", "os.rename", "os.link", "os.symlink"):
        written.extend(os.path.abspath(os.fsdecode(one)) for one in arguments[:2] if isinstance(one, (str, bytes)))


def tell():
    told = json.dumps({"refused": refused, "written": sorted(set(written))})
    with open(_log, "w") as file:
        file.write(told)


atexit.register(tell)
sys.addaudithook(watch)
"""

LIBRARY = """
import recollect
with recollect.open_memory(user="alice") as memory:
    memory.add(speaker="Alice", text="I adopted a beagle called Biscuit yesterday.", said_at="2026-03-02T18:00")
    assert memory.recall("What is Alice's dog called?")[0].memory.speaker == "Alice"
    assert "Biscuit" in memory.context("What is Alice's dog called?").text
    memory.archive.vectors.save()
with recollect.open_agent(user="alice") as agent:
    assert agent.ask("When did I adopt my beagle?").citations
    agent.reply("What is my dog called?")
"""

PROBES = {
    "connecting": "import socket; socket.create_connection(('127.0.0.1', 9), timeout=1)",
    "a socket": "import socket; socket.socket()",
    "a socket of IPv6": "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "the raw module": "import _socket; _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)",
    "a name": "import socket; socket.getaddrinfo('localhost', 80)",
    "urllib": "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')",
    "httpx": "import httpx2; httpx2.get('http://127.0.0.1:9/')",
}


class Guarded:
    """Runs Python with the guard in place, in folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "log.json"
        site = folder / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(GUARD)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("RECOLLECT_", "HF_", "XDG_"))
        }
        self._environment = {
            **kept,
            "GUARD_LOG": str(self._log),
            "HOME": str(folder / "home"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
            "RECOLLECT_HOME": str(folder / "home" / "recollect"),
            "TMPDIR": str(folder / "tmp"),
        }
        for name in ("home", "tmp", "cwd"):
            (folder / name).mkdir()

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder / "cwd",
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def refused(self) -> list[str]:
        found: list[str] = json.loads(self._log.read_text())["refused"]
        return found

    @property
    def written_elsewhere(self) -> list[str]:
        """Files written outside of the folders that Recollect may write to."""
        written: list[str] = json.loads(self._log.read_text())["written"]
        allowed = (str(self.folder / "home" / "recollect"), str(self.folder / "tmp"), "/dev/null", "/dev/shm/")
        return [path for path in written if path and not path.startswith(allowed)]


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    return Guarded(tmp_path)


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES.keys())
def test_the_guard_refuses_the_network(guarded: Guarded, probe: str) -> None:
    done = guarded.run("-c", probe)
    assert done.returncode != 0
    assert "the guard refuses" in done.stderr
    assert guarded.refused


def test_the_guard_sees_what_is_written(guarded: Guarded) -> None:
    elsewhere = guarded.folder / "cwd" / "left"
    guarded.run("-c", "import os; open('left', 'w').close(); os.mkdir('folder')")
    assert guarded.written_elsewhere == [str(elsewhere.with_name("folder")), str(elsewhere)]


def test_the_demo_runs_without_network_and_writes_only_where_it_may(guarded: Guarded) -> None:
    done = guarded.run("-m", "recollect", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cited the right turn" in done.stdout
    assert guarded.refused == []
    assert guarded.written_elsewhere == []
    assert list((guarded.folder / "cwd").iterdir()) == []


def test_the_library_works_without_network_and_writes_only_where_it_may(guarded: Guarded) -> None:
    done = guarded.run("-c", LIBRARY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert guarded.refused == []
    assert guarded.written_elsewhere == []
    assert (guarded.folder / "home" / "recollect" / "memory.db").stat().st_size > 0
