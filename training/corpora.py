"""The training sets in the documented JSONL form: conversations and questions tied to their turns."""

import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from ..memory.errors import DataFormatError
from ..memory.types import NewTurn

EPOCH_TEXT = "2022-01-01T12:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with the refs of the turns that answer it; turns of `without` are no fair answer to it.

    `answers` are accepted short answers; none where the set has none, or where nothing answers. `is_own`: somebody
    read the conversation and found that nothing answers the question asked of the other speaker.
    """

    text: str
    evidence: tuple[str, ...]
    kind: str
    without: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    is_own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What a human wrote down of some turns, in the third person: it stands in for an event summary."""

    text: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation of a training set with its questions; `split` is the data set's own."""

    id: str
    split: str
    speakers: tuple[str, ...]
    turns: tuple[NewTurn, ...]
    questions: tuple[Question, ...]
    facts: tuple[Fact, ...] = ()


Record: TypeAlias = dict[str, Any]
"""A record of a documented format, whose values its reader checks."""


def read_jsonl(path: Path, *, needs: tuple[str, ...] = ()) -> Iterator[Record]:
    """Yield the records of a `.jsonl` or `.jsonl.xz` file; raises DataFormatError naming the line.

    A record without the keys of `needs` is such an error; without `needs` a record may be any JSON.
    """
    if not path.exists():
        raise DataFormatError(f"{path} does not exist; point --data at the folder with the training sets.")
    number = 0
    try:
        with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                record = json.loads(line)
                if needs and not (isinstance(record, dict) and record.keys() >= set(needs)):
                    raise DataFormatError(f"{path}, line {number}: a record must have {', '.join(needs)}.")
                yield record
    except (ValueError, EOFError, OSError, lzma.LZMAError) as error:
        raise DataFormatError(
            f"{path}, line {max(number, 1)}: cannot be read ({error}); copy the file again."
        ) from error


def read_conversations(folder: Path, *, splits: tuple[str, ...], kinds: tuple[str, ...] = ()) -> list[Conversation]:
    """Read `docs.jsonl.xz` and `qa.jsonl.xz` of one set (see the data README), in file order.

    `kinds` keeps only questions of these types, where the set has types. Questions without evidence, or whose
    evidence is not among the passages, are left out. Passages without a speaker are said by their title.
    """
    questions: dict[str, list[Question]] = {}
    for record in read_jsonl(folder / "qa.jsonl.xz", needs=("doc_id", "question", "evidence")):
        kind = str(record.get("type", ""))
        if record["evidence"] and (not kinds or kind in kinds):
            evidence = tuple(str(ref) for ref in record["evidence"])
            answers = tuple(map(str, record.get("answers", ())))
            question = Question(text=record["question"], evidence=evidence, kind=kind, answers=answers)
            questions.setdefault(record["doc_id"], []).append(question)
    facts = _read_facts(folder / "facts.jsonl.xz")
    return [
        replace(
            _conversation(record, questions.get(record["doc_id"], [])), facts=tuple(facts.get(record["doc_id"], []))
        )
        for record in read_jsonl(folder / "docs.jsonl.xz", needs=("doc_id", "split", "passages"))
        if record["split"] in splits
    ]


def _read_facts(path: Path) -> dict[str, list[Fact]]:
    facts: dict[str, list[Fact]] = {}
    for record in read_jsonl(path, needs=("doc_id", "fact_3p", "evidence")) if path.exists() else ():
        fact = Fact(text=record["fact_3p"], evidence=tuple(map(str, record["evidence"])))
        facts.setdefault(record["doc_id"], []).append(fact)
    return facts


def _conversation(record: Record, questions: list[Question]) -> Conversation:
    title = record.get("title", "").replace("_", " ")
    turns = tuple(
        NewTurn(
            speaker=passage.get("speaker") or passage.get("title") or title or "Somebody",
            text=passage["text"],
            said_at=EPOCH_TEXT,
            ref=str(passage["id"]),
            session=str(passage.get("session", 1)),
        )
        for passage in record["passages"]
        if passage["text"].strip()
    )
    refs = {turn.ref for turn in turns}
    return Conversation(
        id=record["doc_id"],
        split=record["split"],
        speakers=tuple(dict.fromkeys(turn.speaker for turn in turns)),
        turns=turns,
        questions=tuple(question for question in questions if refs.issuperset(question.evidence)),
    )
