"""Small training sets in the documented form, written where a test wants them."""

import json
import lzma
from collections.abc import Sequence
from pathlib import Path


def write_set(folder: Path, **files: Sequence[dict[str, object]]) -> Path:
    """Write `docs=[…]` as docs.jsonl.xz, `qa=[…]` as qa.jsonl.xz and so on, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in files.items():
        with lzma.open(folder / f"{name}.jsonl.xz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
    return folder


def doc(name: str, passages: Sequence[object], **rest: object) -> dict[str, object]:
    """A document; passages are texts, said by "A" and numbered from 0, or whole records."""
    told = [
        {"id": number, "speaker": "A", "text": one} if isinstance(one, str) else one
        for number, one in enumerate(passages)
    ]
    return {"doc_id": name, "split": "train", "passages": told, **rest}


def asked(name: str, question: str, *evidence: object, **rest: object) -> dict[str, object]:
    """A question about a document with the ids of the passages that answer it."""
    return {"doc_id": name, "question": question, "evidence": list(evidence), "answers": [], "split": "train", **rest}
