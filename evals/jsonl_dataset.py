"""The documented JSONL: `docs.jsonl` with conversations in passages, `qa.jsonl` with questions about them.

    {"doc_id": "d1", "qid": "d1-0", "question": "Which plot?", "answers": ["nine"], "evidence": ["D1:1"],
     "type": "single", "unanswerable": false, "dataset": "garden"}

`doc_id` and `question` are needed. A question's category is its `category`, `type` or `dataset`, whichever comes
first; without a `qid` it is called `DOC_ID/qN`. A record with `passages` of its own needs no `docs.jsonl`
(`jsonl_passages` says how passages are read). Whatever else a record holds is not read.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..memory.errors import DataFormatError
from .dataset import AnswerRule, Conversation, Dataset, Question
from .json_cursor import JsonCursor
from .jsonl_passages import Document, read_document
from .jsonl_records import SHAPE, JsonlFiles, find_files, read_records
from .locomo_notation import parse_evidence
from .problems import Problem
from .reading import ProblemLog, unique_name
from .releases import release_of

_CATEGORY_KEYS = ("category", "type", "dataset")
_TIMELESS = "no passage has a time; sessions are dated one day apart from 1 January 2022"
_UNSPOKEN = "passages without a speaker; they are said by their title, the document's, or Somebody"
_ABSENT = "question about an absent document; left out"
_EMPTY = "document without a passage; left out, and its questions with it"


def load_jsonl(path: Path) -> Dataset:
    """Read a data set in the documented JSONL, given its folder, or one file with the other beside it.

    Both files are read once, line by line. The digest is that of the bytes of `qa.jsonl` followed by those of
    `docs.jsonl`, as stored. Raises DataFormatError, naming file, line and key, where a file cannot be read or is
    malformed; oddities that leave the rest usable become problems.
    """
    return _Reader(find_files(path)).dataset()


@dataclass(slots=True)
class _Asked:
    """What is known of a document: its questions, whose evidence is as in the file, and its passages."""

    log: ProblemLog
    questions: list[Question] = field(default_factory=list[Question])
    document: Document | None = None


class _Reader:
    """Reads the questions, then the documents they are about."""

    def __init__(self, files: JsonlFiles) -> None:
        self._files = files
        self._digest = hashlib.sha256()
        self._asked: dict[str, _Asked] = {}
        self._question_ids: set[str] = set()
        self._categories: dict[str, None] = {}

    def dataset(self) -> Dataset:
        for record in read_records(self._files.qa, self._digest):
            self._take_question(record)
        for record in read_records(self._files.docs, self._digest) if self._files.docs else ():
            self._take_document(record)
        conversations = [
            _conversation(name, asked, asked.document)
            for name, asked in self._asked.items()
            if asked.document is not None and asked.document.turns
        ]
        if not any(one.questions for one in conversations):
            raise DataFormatError(f"{self._files.qa} asks nothing about passages that there are; give {SHAPE}.")
        sha256 = self._digest.hexdigest()
        return Dataset(
            name=self._files.name,
            sha256=sha256,
            conversations=tuple(conversations),
            categories=tuple(self._categories),
            release=release_of(sha256),
            file_problems=(*self._repairs_of_all(), *self._left_out()),
        )

    def _take_question(self, record: JsonCursor) -> None:
        name = record.key("doc_id").text_or_number()
        asked = self._asked.setdefault(name, _Asked(log=ProblemLog(name)))
        question = self._question(record, name, asked)
        if question is not None:
            asked.questions.append(question)
            self._categories[question.category] = None
        if record.find("passages") is None:
            return
        document = read_document(record, asked.log if asked.document is None else ProblemLog(name))
        if asked.document is None:
            asked.document = document
        elif asked.document.turns != document.turns:
            asked.log.note(record.record, "", "passages unlike those of an earlier question; the earlier ones count")

    def _take_document(self, record: JsonCursor) -> None:
        name = record.key("doc_id").text_or_number()
        asked = self._asked.setdefault(name, _Asked(log=ProblemLog(name)))
        if asked.document is None:
            asked.document = read_document(record, asked.log)
        else:
            asked.log.note(record.record, name, "a doc_id of two documents; the later one is left out")

    def _question(self, record: JsonCursor, name: str, asked: _Asked) -> Question | None:
        found = record.find("qid")
        wanted = f"{name}/q{len(asked.questions) + 1}" if found is None else found.text_or_number()
        question_id = unique_name(wanted, self._question_ids)
        if question_id != wanted:
            asked.log.note(question_id, wanted, "an id of two questions; the later one got a number")
        self._question_ids.add(question_id)
        text = record.key("question").text()
        if not text.strip():
            asked.log.note(question_id, "", "question without a text; left out")
            return None
        unanswerable = record.find("unanswerable")
        is_unanswerable = unanswerable is not None and unanswerable.flag()
        return Question(
            id=question_id,
            question=text,
            category=_category(record),
            answers=_answers(record, question_id, asked.log, is_unanswerable=is_unanswerable),
            evidence=_evidence(record, question_id, asked.log, is_unanswerable=is_unanswerable),
            rule=AnswerRule.ABSTAIN if is_unanswerable else AnswerRule.PLAIN,
        )

    def _repairs_of_all(self) -> Iterator[Problem]:
        """Yield what had to be done to every passage, once for the file."""
        documents = [one.document for one in self._asked.values() if one.document is not None and one.document.turns]
        timeless = sum(document.is_timeless for document in documents)
        unspoken = sum(document.is_unspoken for document in documents)
        log = ProblemLog(self._files.name)
        for count, reason in ((timeless, _TIMELESS), (unspoken, _UNSPOKEN)):
            if count:
                where = (self._files.docs or self._files.qa).name
                log.note(where, f"{count} of {len(documents)} documents", reason)
        yield from log.problems()

    def _left_out(self) -> Iterator[Problem]:
        """Yield the problems of documents that are no conversations, and their questions."""
        for name, asked in self._asked.items():
            if asked.document is not None and asked.document.turns:
                continue
            reason = _ABSENT if asked.document is None else _EMPTY
            if not asked.questions:
                asked.log.note("passages", "", _EMPTY)
            for question in asked.questions:
                asked.log.note(question.id, name, reason)
            yield from asked.log.problems()


def _category(record: JsonCursor) -> str:
    found = (record.find(key) for key in _CATEGORY_KEYS)
    return next((one.text_or_number() for one in found if one is not None), "question")


def _answers(record: JsonCursor, question_id: str, log: ProblemLog, *, is_unanswerable: bool) -> tuple[str, ...]:
    answers = tuple(dict.fromkeys(one.text_or_number() for one in _entries(record, "answers")))
    told = tuple(answer for answer in answers if answer.strip())
    if not is_unanswerable and not told:
        log.note(question_id, "", "question without an answer; its answers cannot be scored")
    if is_unanswerable and told:
        log.note(question_id, told[0], "unanswerable question with an answer; right is to abstain")
        return ()
    return told


def _evidence(record: JsonCursor, question_id: str, log: ProblemLog, *, is_unanswerable: bool) -> tuple[str, ...]:
    entries = _entries(record, "evidence")
    if not entries and not is_unanswerable:
        log.note(question_id, "", "question without evidence")
    return tuple(dict.fromkeys(one.text_or_number() for one in entries))


def _entries(record: JsonCursor, key: str) -> list[JsonCursor]:
    """Return the elements of a list; a value by itself is a list of one, none at all an empty one."""
    found = record.find(key)
    if found is None:
        return []
    return found.items() if isinstance(found.value, list) else [found]


def _conversation(name: str, asked: _Asked, document: Document) -> Conversation:
    known = frozenset(turn.id for turn in document.turns)
    questions = tuple(_resolved(question, known, asked.log) for question in asked.questions)
    return Conversation(
        id=name,
        speakers=document.speakers,
        turns=document.turns,
        questions=questions,
        problems=asked.log.problems(),
        session_names=document.session_names,
    )


def _resolved(question: Question, known: frozenset[str], log: ProblemLog) -> Question:
    """Return the question with the evidence that there is; ids that differ in notation alone are the same."""
    evidence: dict[str, None] = {}
    for raw in question.evidence:
        for turn_id in [raw] if raw in known else parse_evidence(raw).ids or [raw]:
            if turn_id in known:
                evidence[turn_id] = None
            else:
                log.note(question.id, turn_id, "evidence names an absent turn; left out of the gold")
    return replace(question, evidence=tuple(evidence))
