"""What makes two runs hard to compare: every condition in which their protocols differ."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import cast

from .protocol import RunProtocol

TELL_NOTHING = ("date", "machine", "systems")
"""Keys that may differ without a word: when and where it ran, and which systems it compared."""
SHOWN = 60


def protocol_warnings(a: RunProtocol, b: RunProtocol) -> list[str]:
    """Return a sentence for each condition that differs: data set, unit, budgets, tokenizer, embedder and the like.

    Keys are those of the protocol, dots between levels; long values are cut.
    """
    ours, theirs = dict(_flat("", asdict(a))), dict(_flat("", asdict(b)))
    warnings: list[str] = []
    for key in dict.fromkeys((*ours, *theirs)):
        left, right = ours.get(key), theirs.get(key)
        if left != right and not any(key == skipped or key.startswith(f"{skipped}.") for skipped in TELL_NOTHING):
            warnings.append(f"{key} differs: {_shown(left)} and {_shown(right)}.")
    return warnings


def _flat(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield what a JSON-like value holds with the keys that lead there; sequences are values."""
    if not isinstance(value, Mapping):
        yield path, value
        return
    below = cast("Mapping[object, object]", value)  # isinstance says nothing of what is inside
    for key, held in below.items():
        yield from _flat(f"{path}.{key}" if path else str(key), held)


def _shown(value: object) -> str:
    text = "nothing" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
