"""What a folder tells of a local reader: how its input is written, and what it says when there is no answer."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...memory.errors import GenerationError

FILE = "recollect_reader.json"
PLAIN = "{memories} // {question}"
"""RAG's own input, without a title (METHODS 2.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderFile:
    """`template` holds {question} and {memories}; `no_answer` is what means that there is none, or ""."""

    template: str = PLAIN
    no_answer: str = ""


def reader_file(source: str) -> ReaderFile:
    """Return what the folder tells, else RAG's own way; raises GenerationError for a broken file."""
    path = Path(source).expanduser() / FILE
    if not path.exists():
        return ReaderFile()
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))  # any JSON: checked below
        template, no_answer = str(told.get("input", PLAIN)), str(told.get("no_answer", ""))
    except (OSError, ValueError, AttributeError) as error:
        raise GenerationError(
            f"{path} cannot be read ({error}); train the reader again, or remove the file."
        ) from error
    if template.count("{question}") != 1 or template.count("{memories}") != 1:
        raise GenerationError(f"{path}: `input` has to hold {{question}} and {{memories}} once each: {template!r}.")
    return ReaderFile(template=template, no_answer=no_answer)
