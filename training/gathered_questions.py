"""Questions whose answer several sessions give together, or that follow from what was said: "Which pets has Ann had?"

Written for this project by a language model (Claude) that read four MSC conversations at a time, joined into one
between the same two people. The file holds questions, short answers and the ids of turns, no text of MSC.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .corpora import Conversation, Question, read_conversations
from .pools import concatenated, first_two
from .question_file import check_turns, question_records

KINDS = ("gather", "count", "open")
"""Turns of several sessions give parts of the answer; they are counted; it follows from what was said."""
GATHERED = "gathered"
_NEEDS = ("docs", "q", "a", "e", "k")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredQuestion:
    """One question about `conversations`, joined in their order by `pools.concatenated`.

    `turns` are all turns that give a part of the answer, refs of the joined conversation ("0:D1:3"); `doubtful` ones
    arguably do.
    """

    conversations: tuple[str, ...]
    text: str
    answers: tuple[str, ...]
    turns: tuple[str, ...]
    doubtful: tuple[str, ...]
    kind: str


def gathered_questions(file: Path | None = None) -> list[GatheredQuestion]:
    """Return the questions that ship, or those of a file. Raises DataFormatError for one that is malformed."""
    return [
        GatheredQuestion(
            conversations=tuple(record["docs"]),
            text=record["q"],
            answers=tuple(record["a"]),
            turns=tuple(record["e"]),
            doubtful=tuple(record.get("m", ())),
            kind=record["k"],
        )
        for record in question_records("gathered_questions.jsonl", file, needs=_NEEDS, kinds=KINDS)
    ]


def gathered_pools(data: Path, split: str, *, file: Path | None = None) -> list[Conversation]:
    """Return the joined conversations of a split that questions were written about, with these questions alone.

    Doubtful turns are those that a question is `without`. Raises DataFormatError where a question names a turn that
    its conversations have not.
    """
    asked: dict[tuple[str, ...], list[GatheredQuestion]] = {}
    for question in gathered_questions(file):
        asked.setdefault(question.conversations, []).append(question)
    by_id = {one.id: one for one in read_conversations(data / "msc", splits=(split,), kinds=(GATHERED,))}
    return list(_pools(asked, by_id))


def _pools(
    asked: dict[tuple[str, ...], list[GatheredQuestion]], by_id: dict[str, Conversation]
) -> Iterator[Conversation]:
    for ids, questions in asked.items():
        if not set(ids) <= by_id.keys():
            continue
        joined = [by_id[one] for one in ids]
        pool = concatenated(joined, names=first_two(joined))
        yield replace(pool, questions=tuple(_question(pool, one) for one in questions))


def _question(pool: Conversation, one: GatheredQuestion) -> Question:
    check_turns(one.text, (*one.turns, *one.doubtful), pool)
    return Question(text=one.text, evidence=one.turns, kind=GATHERED, without=one.doubtful, answers=one.answers)
