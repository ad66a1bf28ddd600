"""Records the plain chat as it looks on a terminal: docs/chat.svg (`make screenshots`).

The real program runs on a pseudo-terminal; what it prints is drawn by rich. Offline, in a temporary store.
"""

import io
import os
import pty
import re
import select
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 100
LINES = (
    "I adopted a beagle called Biscuit yesterday.",
    "Biscuit ate one of my slippers this morning, the left one.",
    "My sister Nora is getting married next July, in a barn near Ghent.",
    "What did Biscuit eat?",
    "When did I adopt my dog?",
    "Where will Nora's wedding be?",
    "What is my blood type?",
    "/quit",
)
PROMPT = b"you> "
TIMEOUT_S = 60.0


def record(command: list[str]) -> str:
    """Run the chat, type the lines, and return everything the terminal showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ |= {"COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
        os.execv(command[0], command)
    shown = b""
    for line in LINES:
        shown += _read_until(terminal, PROMPT)
        os.write(terminal, line.encode() + b"\n")
    shown += _read_until(terminal, None)
    os.waitpid(child, 0)
    return shown.decode()


def _read_until(terminal: int, end: bytes | None) -> bytes:
    read = b""
    deadline = time.monotonic() + TIMEOUT_S
    while end is None or not read.endswith(end):
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise SystemExit(f"The chat did not get to {end!r}; it printed {read!r}")
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other side is gone
            break
        if not piece:
            break
        read += piece
    return read


def main() -> None:
    """Record the chat and draw it."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RECOLLECT_HOME"] = folder
        shown = record([sys.executable, "-m", "recollect", "chat", "--plain"])
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    text = re.sub(r"\x1b\[\?2004[hl]", "", shown.replace("\r\n", "\n")).rstrip()
    for line in text.split("\n"):
        console.print(Text.from_ansi(line, style="bold" if line.startswith("you> ") else ""))
    drawn = console.export_svg(title="recollect chat --plain")
    Path(__file__).with_name("chat.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
