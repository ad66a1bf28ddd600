"""What is evaluated on: conversations with questions about them, whatever file they came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .problems import Problem


class AnswerRule(StrEnum):
    """How an answer is compared with the accepted ones (METHODS section 1; LoCoMo's category rules).

    `PLAIN`: token F1 with the best accepted answer; `LIST`: both sides are lists split on commas, every wanted part
    is compared with its best given one; `FIRST`: the accepted answer counts up to its first semicolon; `ABSTAIN`:
    right is to say that it was not told.
    """

    PLAIN = "plain"
    LIST = "list"
    FIRST = "first"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetTurn:
    """One utterance. `id` is unique in its conversation ("D1:3"); `position` counts from 1 inside `session`.

    `session` counts from 1 in the order of time.
    """

    id: str
    session: int
    position: int
    speaker: str
    text: str
    said_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. `id` is unique in its data set.

    `answers`: accepted ones, each right by itself, none where the right reply is to abstain or where the file has
    none; `trap`: an answer that only a reader who was misled gives. `evidence` holds ids of turns of the
    conversation, each once; whatever else the file names there is in the conversation's problems.
    `asked_at`: when the question is asked, None for after the last session.
    """

    id: str
    question: str
    category: str
    answers: tuple[str, ...]
    evidence: tuple[str, ...]
    rule: AnswerRule = AnswerRule.PLAIN
    trap: str | None = None
    asked_at: datetime | None = None

    @property
    def is_unanswerable(self) -> bool:
        """Whether the right reply is to abstain."""
        return self.rule is AnswerRule.ABSTAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation: turns by session and position; `problems` is what was skipped or repaired.

    `session_names` tells what the file calls a session, by number.
    """

    id: str
    speakers: tuple[str, ...]
    turns: tuple[DatasetTurn, ...]
    questions: tuple[Question, ...]
    problems: tuple[Problem, ...] = ()
    session_names: Mapping[int, str] = field(default_factory=dict[int, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Files of conversations; `name` is what the file is called, `sha256` the hex digest of its bytes.

    `release` names the published release that the digest belongs to, None where it is not a known one;
    `categories` are all there are, in the order tables show them; `file_problems` is what was skipped or repaired
    outside the conversations.
    """

    name: str
    sha256: str
    conversations: tuple[Conversation, ...]
    categories: tuple[str, ...]
    release: str | None = None
    file_problems: tuple[Problem, ...] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that was skipped or repaired: of the file, then of its conversations in their order."""
        return (*self.file_problems, *(problem for one in self.conversations for problem in one.problems))
