"""`transformers serve` over a tiny random model: an OpenAI-compatible server that nobody here wrote, on loopback."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.tiny_models import write_model

NEEDED = ("accelerate", "fastapi", "uvicorn")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]

_TEMPLATE = """\
{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
_PATIENCE_S = 240.0  # it takes a few seconds, of a processor of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServer:
    """A running server; `model` is the name it knows its model by, a folder."""

    url: str
    model: str
    pid: int

    def tokens_of(self, messages: list[dict[str, str]]) -> int:
        """Return how many tokens the model reads of these messages, by its own tokenizer and template."""
        tokenizer = AutoTokenizer.from_pretrained(self.model)
        text: str = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])


@contextmanager
def serving(folder: Path) -> Generator[RealServer]:
    """Write a model to `folder` and serve it until the block ends; the process is ended by its id."""
    _write_wordy_model(folder)
    (folder / "chat_template.jinja").write_text(_TEMPLATE, encoding="utf-8")
    port = _free_port()
    log = folder / "server.log"
    with log.open("w", encoding="utf-8") as output:
        process = _started(folder, port, output)
        try:
            _wait(f"http://127.0.0.1:{port}/health", process, log)
            yield RealServer(url=f"http://127.0.0.1:{port}/v1", model=str(folder), pid=process.pid)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _write_wordy_model(folder: Path) -> None:
    """Write a random model that prefers tokens of letters: of others it might write blanks alone."""
    write_model(folder, tie_word_embeddings=False)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    is_word = [tokenizer.decode([token]).strip().isalpha() for token in range(model.config.vocab_size)]
    with torch.no_grad():
        model.lm_head.weight[~torch.tensor(is_word)] = 0.0
    model.save_pretrained(folder)


def _started(folder: Path, port: int, output: IO[str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    where = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    settings = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    return subprocess.Popen([*command, *where], stdout=output, stderr=subprocess.STDOUT, env=settings)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return once the server answers; fails with its log when it ends or stays silent."""
    until = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"transformers serve did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")
