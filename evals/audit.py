"""Corrected keys for faulty answers, from a file the user passes: scores with it stand beside the original ones.

The published audit of LoCoMo (dial481/locomo-audit, `errors.json` or one of its `errors_conv_N.json`) is read as it
is: what it calls WRONG_CITATION has a right answer and changes nothing; for the rest its `correct_answer` is the key,
with the auditor's remarks in brackets and without them. Anybody's own corrections are a JSON list or JSONL of

    {"question_id": "conv-1/q7", "answers": ["nine", "plot nine"]}
    {"sample_id": "conv-1", "question": "Which plot?", "answer": "nine"}
    {"question": "Which plot?", "golden_answer": "six", "drop": true}

A question is named by its id, or by its words with, where they are not enough, its conversation and the answer the
key has. `drop` leaves a question out of audited scores.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from ..memory.errors import DataFormatError
from .json_cursor import JsonCursor
from .record import Asked

SHAPE = "an audit: a JSON list or JSONL of objects with question_id or question, and answers, answer or drop"
_PUBLISHED_ID = re.compile(r"locomo_(\d)_qa\d+")
_CONVERSATIONS = tuple(f"conv-{number}" for number in (26, 30, 41, 42, 43, 44, 47, 48, 49, 50))
"""What LoCoMo's release calls its conversations, in its order, by which the published audit counts them."""
_RIGHT = "WRONG_CITATION"
_REMARK = re.compile(r"\s*\([^()]*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What an audit says of one question; `answers` are the accepted ones, none where it `is_dropped`.

    The question is the one with `question_id`, or with these words; `conversation` and `key` (an answer that the
    original key has) must be its own where they are given.
    """

    answers: tuple[str, ...]
    question_id: str | None = None
    question: str | None = None
    conversation: str | None = None
    key: str | None = None
    is_dropped: bool = False

    def is_about(self, asked: Asked) -> bool:
        """Return whether this is the question; ids may have the name of their file in front (`evals.joined`)."""
        if self.question_id is not None:
            return _is_named(asked.question_id, self.question_id)
        if self.question is None or _plain(self.question) != _plain(asked.question):
            return False
        if self.conversation is not None and not _is_named(asked.conversation, self.conversation):
            return False
        return self.key is None or _plain(self.key) in map(_plain, asked.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Corrections of a key; `sha256` is the hex digest of the file they come from, `name` what it is called."""

    name: str
    sha256: str
    corrections: tuple[Correction, ...]
    _by_name: dict[str, list[Correction]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name: dict[str, list[Correction]] = {}
        for one in self.corrections:
            name = _last(one.question_id) if one.question_id is not None else _plain(one.question or "")
            by_name.setdefault(name, []).append(one)
        object.__setattr__(self, "_by_name", by_name)  # frozen for everybody else

    def correction_of(self, asked: Asked) -> Correction | None:
        """Return the first correction of a question, None where its key stands."""
        for name in (_last(asked.question_id), _plain(asked.question)):
            for one in self._by_name.get(name, ()):
                if one.is_about(asked):
                    return one
        return None

    def answers_to(self, asked: Asked) -> tuple[str, ...] | None:
        """Return the accepted answers, corrected or original; None where the question is dropped."""
        correction = self.correction_of(asked)
        if correction is None:
            return asked.answers
        return None if correction.is_dropped else correction.answers

    def corrected(self, questions: Iterable[Asked]) -> int:
        """Return how many of these questions it corrects or drops: 0 tells that it is about other data."""
        return sum(self.correction_of(asked) is not None for asked in questions)


def load_audit(path: Path) -> Audit:
    """Read an audit. Raises DataFormatError, naming file and entry, where it cannot be read or corrects nothing."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataFormatError(f"{path} cannot be read ({error}); give {SHAPE}.") from error
    read = (_correction(entry) for entry in _entries(path, text))
    corrections = tuple(one for one in read if one is not None)
    if not corrections:
        raise DataFormatError(f"{path} corrects no answer; give {SHAPE}.")
    return Audit(name=path.name, sha256=hashlib.sha256(content).hexdigest(), corrections=corrections)


def _entries(path: Path, text: str) -> Iterator[JsonCursor]:
    """Yield the objects of a JSON list, or of a file with one a line."""
    try:
        values: object = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if isinstance(values, list):
        for place, value in enumerate(cast("list[object]", values)):  # out of json.loads; looked at one by one
            yield JsonCursor(value=value, file=str(path), shape=SHAPE, record=f"[{place}]")
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataFormatError(f"{path}, line {number}: no JSON ({error}); give {SHAPE}.") from error
        yield JsonCursor(value=value, file=str(path), shape=SHAPE, record=f"line {number}")


def _correction(entry: JsonCursor) -> Correction | None:
    """Return what an entry corrects, None where it says that the key is right."""
    kind = entry.find("error_type")
    if kind is not None and kind.text() == _RIGHT:
        return None
    name, question = entry.find("question_id"), entry.find("question")
    if name is None and question is None:
        raise entry.key("question_id").error("the key is missing")
    question_id = None if name is None else name.text_or_number()
    published = _PUBLISHED_ID.fullmatch(question_id or "")
    if published:  # it counts by the place in the release; the words are what files have in common
        question_id = None
        question = entry.key("question")
    flag = entry.find("drop")
    is_dropped = flag is not None and flag.flag()
    sample, key = entry.find("sample_id"), entry.find("golden_answer")
    conversation = None if sample is None else sample.text_or_number()
    return Correction(
        question_id=question_id,
        question=None if question is None else question.text(),
        conversation=_CONVERSATIONS[int(published[1])] if published else conversation,
        key=None if key is None else key.text_or_number(),
        answers=() if is_dropped else _answers(entry),
        is_dropped=is_dropped,
    )


def _answers(entry: JsonCursor) -> tuple[str, ...]:
    several, published = entry.find("answers"), entry.find("correct_answer")
    if published is not None:
        answer = published.text_or_number()
        return tuple(one for one in dict.fromkeys((answer, _REMARK.sub("", answer).strip())) if one)
    if several is None:
        return (entry.key("answer").text_or_number(),)
    answers = tuple(one.text_or_number() for one in several.items())
    if not answers:
        raise several.error("no answer is accepted", 'write at least one, or "drop": true')
    return answers


def _is_named(ours: str, name: str) -> bool:
    return ours == name or ours.endswith(f"/{name}")


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
