"""Questions about MSC conversations as people would ask them, written for this project by a language model (Claude).

MSC's own questions here are made by rule from its facts; those that people ask a memory are worded otherwise than
what was said. The file holds questions, short answers and the ids of turns, no text of MSC; the model card tells.
"""

import random
from dataclasses import dataclass, replace
from pathlib import Path

from .corpora import Conversation, Question, read_conversations
from .pools import MSC_CONVERSATIONS, concatenated, first_two
from .question_file import check_turns, question_records

KINDS = ("single", "multi", "when", "open", "trap")
"""One turn answers; several do; a time is asked for; it follows from what was said; nothing answers."""
WRITTEN = "written"
_NEEDS = ("doc", "q", "a", "e", "k")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenQuestion:
    """One question of a conversation. `answers` are accepted ones; the kind "trap" has none, its `turns` mislead.

    `is_own`: it names one of the speakers, and asked of the other, nothing in the conversation answers it.
    """

    conversation: str
    text: str
    answers: tuple[str, ...]
    turns: tuple[str, ...]
    kind: str
    is_own: bool


def written_questions(file: Path | None = None) -> list[WrittenQuestion]:
    """Return the questions that ship, or those of a file. Raises DataFormatError for one that is malformed."""
    return [
        WrittenQuestion(
            conversation=record["doc"],
            text=record["q"],
            answers=tuple(record["a"]),
            turns=tuple(record["e"]),
            kind=record["k"],
            is_own=record.get("x", False),
        )
        for record in question_records("written_questions.jsonl", file, needs=_NEEDS, kinds=KINDS)
    ]


def written_conversations(data: Path, split: str, *, file: Path | None = None) -> list[Conversation]:
    """Return the MSC conversations of a split that questions were written about, with these questions alone.

    Traps are left out. Raises DataFormatError where a question names a turn that its conversation has not.
    """
    by_conversation: dict[str, list[WrittenQuestion]] = {}
    for question in written_questions(file):
        if question.kind != "trap":
            by_conversation.setdefault(question.conversation, []).append(question)
    every = read_conversations(data / "msc", splits=(split,), kinds=(WRITTEN,))
    return [
        replace(one, questions=tuple(_question(one, it) for it in by_conversation[one.id]))
        for one in every
        if one.id in by_conversation
    ]


def written_pools(
    data: Path, split: str, rounds: int, drawn: random.Random, *, file: Path | None = None
) -> list[Conversation]:
    """Return those conversations joined by tens, `rounds` times in other company, as `pools.msc_pools` joins them."""
    every = written_conversations(data, split, file=file)
    pools: list[Conversation] = []
    for _ in range(rounds):
        order = drawn.sample(every, len(every))
        tens = [order[start : start + MSC_CONVERSATIONS] for start in range(0, len(order), MSC_CONVERSATIONS)]
        pools += [concatenated(ten, names=first_two(ten)) for ten in tens]
    return pools


def _question(conversation: Conversation, written: WrittenQuestion) -> Question:
    check_turns(written.text, written.turns, conversation)
    return Question(
        text=written.text,
        evidence=written.turns,
        kind=WRITTEN,
        answers=written.answers,
        is_own=written.is_own,
    )
