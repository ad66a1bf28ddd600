"""What QR heads are found with: questions over passages whose evidence is known, streamed from the documented JSONL.

Two forms (the data README has both): a folder with `docs.jsonl(.xz)` and `qa.jsonl(.xz)`, or one self-contained file
each line of which has `question`, `passages` [{id, text, speaker?, title?}] and `evidence` [ids]. In a folder the
documents are held in memory, the questions are not.
"""

import hashlib
import random
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..memory.errors import DataFormatError
from ..rerank.prompt import Passage
from .corpora import read_jsonl

MAX_WORDS = 400
"""Paragraphs are cut here, as in the released detection (METHODS 5.3); counted in space-separated words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A question over passages; `evidence` are the places of those that answer it, never none and never all.

    `half` is 0 or 1: samples over one document are in one half, so that the two halves share no text.
    """

    question: str
    passages: tuple[Passage, ...]
    evidence: frozenset[int]
    half: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """What a question is asked about: the passages with words, where each id stands among them, ids without words."""

    passages: tuple[Passage, ...]
    places: dict[str, int]
    blank: frozenset[str]

    @classmethod
    def of(cls, records: list[dict[str, Any]]) -> "_Document":
        shown = [record for record in records if str(record["text"]).strip()]
        places = {str(record["id"]): place for place, record in enumerate(shown)}
        blank = frozenset(str(record["id"]) for record in records) - places.keys()
        return cls(passages=tuple(map(_passage, shown)), places=places, blank=blank)

    def places_of(self, ids: list[object]) -> frozenset[int] | None:
        """Return where these passages stand, blank ones aside; None if one is unknown, or none or all are meant."""
        wanted = {str(one) for one in ids} - self.blank
        found = frozenset(self.places[one] for one in wanted if one in self.places)
        return found if len(found) == len(wanted) and 0 < len(found) < len(self.passages) else None


class SampleSource:
    """The usable questions of a file or folder: those of the split "train" or of none, with evidence that is there.

    Left out is a question without evidence, one whose evidence is not among the passages or is all of them.
    Raises DataFormatError for a file that is absent or not in the documented form.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        questions = _beside(path, "qa") if path.is_dir() else path
        if questions is None:
            raise DataFormatError(f"{path} holds no qa.jsonl(.xz); name a set of the documented form, or one file.")
        self._questions = questions
        self._documents: dict[str, _Document] = {}
        self._files = [questions]
        if path.is_dir() and (documents := _beside(path, "docs")) is not None:
            self._files.append(documents)
            found = _checked(documents, _DOCUMENT)
            self._documents = {str(record["doc_id"]): _Document.of(record["passages"]) for record in found}
        self._usable: int | None = None

    @property
    def name(self) -> str:
        """What the data is called: the folder, or the file without its endings."""
        return self.path.resolve().name.partition(".")[0]

    def checksum(self) -> str:
        """Return a hash of every byte the samples are made of."""
        digest = hashlib.blake2b(digest_size=16)
        for path in self._files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def count(self) -> int:
        """Return how many questions are usable, from one reading of the file; raises DataFormatError for none."""
        if self._usable is None:
            self._usable = sum(1 for _ in self._asked())
        if not self._usable:
            raise DataFormatError(f"{self.path} holds no question of the split train whose evidence is known.")
        return self._usable

    def draw(self, count: int | None, seed: int) -> Iterator[Sample]:
        """Yield `count` samples drawn at random (None or too many: all), in file order; the same ones each time."""
        total = self.count()
        chosen = range(total) if count is None or count >= total else random.Random(seed).sample(range(total), count)
        places = frozenset(chosen)
        halves: dict[Hashable, int] = {}
        for place, (name, document, question, evidence) in enumerate(self._asked()):
            if place in places:
                half = halves.setdefault(name or document.passages, len(halves) % 2)
                yield Sample(question=question, passages=document.passages, evidence=evidence, half=half)

    def _asked(self) -> Iterator[tuple[str, _Document, str, frozenset[int]]]:
        """Yield the usable questions: the document's name, if it has one, the document, question, evidence."""
        for number, record in enumerate(_checked(self._questions, _QUESTION), 1):
            if record.get("split", "train") != "train":
                continue
            name = str(record.get("doc_id", ""))
            own = record.get("passages")
            document = self._documents.get(name) if own is None else _Document.of(own)
            if document is None:
                raise DataFormatError(f"{self._questions}, line {number}: no passages for document {name!r}.")
            evidence = document.places_of(record["evidence"])
            if evidence is not None:
                yield name, document, str(record["question"]), evidence


_QUESTION = ("question", "evidence")
_DOCUMENT = ("doc_id", "passages")


def _checked(path: Path, keys: tuple[str, ...]) -> Iterator[dict[str, Any]]:  # records of JSON, checked here
    for number, record in enumerate(read_jsonl(path), 1):
        complaint = _complaint(record, keys)
        if complaint:
            raise DataFormatError(f"{path}, line {number}: {complaint}.")
        yield record


def _complaint(record: object, keys: tuple[str, ...]) -> str:
    if not isinstance(record, dict):
        return "expected an object"
    fields = cast("dict[str, Any]", record)  # JSON's objects have texts as keys
    for key in keys:
        if key not in fields:
            return f"{key!r} is missing"
    if not isinstance(fields.get("evidence", []), list):
        return "'evidence' is no list of passage ids"
    passages = fields.get("passages", [])
    if not isinstance(passages, list) or not all(map(_is_passage, cast("list[object]", passages))):
        return "'passages' is no list of objects with id and text"
    return ""


def _is_passage(record: object) -> bool:
    return isinstance(record, dict) and {"id", "text"} <= record.keys()


def _passage(record: dict[str, Any]) -> Passage:
    text = " ".join(str(record["text"]).split(" ")[:MAX_WORDS])
    speaker = record.get("speaker")
    return Passage(title=str(record.get("title") or ""), text=f"{speaker}: {text}" if speaker else text)


def _beside(folder: Path, name: str) -> Path | None:
    both = (folder / f"{name}.jsonl", folder / f"{name}.jsonl.xz")
    return next((path for path in both if path.exists()), None)
