"""Long conversations, with questions about them, invented for this project by a language model.

MSC's conversations are short and have to be joined, so the lines that compete for a question are about other things.
Here the same people talk for most of a year and come back to what they told, as people do whose assistant remembers:
mostly two friends, some groups of friends, teams that hold meetings, and people who talk with an assistant. Claude
wrote them from a line about each; no data set was shown to it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ..memory.errors import DataFormatError
from ..memory.types import NewTurn
from .corpora import Conversation, Question, Record, read_jsonl
from .question_file import check_turns, packaged, question_records

KINDS = ("single", "gather", "when", "open", "count")
"""One turn answers; turns of several sessions give parts; when; what follows from what was said; how many."""
INVENTED = "invented"
_NEEDS = ("doc", "q", "a", "e", "k")


def invented_conversations(
    split: str, *, conversations: Path | None = None, questions: Path | None = None
) -> list[Conversation]:
    """Return the conversations of a split ("train" or "dev") that ship, or those of files, with their questions.

    Refs are "D3:7", the seventh turn of the third session; doubtful turns are those that a question is `without`.
    Raises DataFormatError for a record that is malformed, and for a question about a turn that is not there.
    """
    asked: dict[str, list[Record]] = {}
    for record in question_records("invented_questions.jsonl", questions, needs=_NEEDS, kinds=KINDS):
        asked.setdefault(record["doc"], []).append(record)
    path = packaged("invented_conversations.jsonl", conversations)
    records = read_jsonl(path, needs=("id", "split", "speakers", "sessions"))
    return [_conversation(record, asked.get(record["id"], [])) for record in records if record["split"] == split]


def _conversation(record: Record, asked: list[Record]) -> Conversation:
    bare = Conversation(
        id=record["id"],
        split=record["split"],
        speakers=tuple(record["speakers"]),
        turns=tuple(_turns(record)),
        questions=(),
    )
    return replace(bare, questions=tuple(_question(one, bare) for one in asked))


def _turns(record: Record) -> Iterator[NewTurn]:
    """Yield the turns; in a session `said` has [place among the speakers, text] of each."""
    for number, session in enumerate(record["sessions"], 1):
        try:
            at = datetime.fromisoformat(session["at"])
            for place, (speaker, text) in enumerate(session["said"], 1):
                yield NewTurn(
                    speaker=record["speakers"][speaker],
                    text=text,
                    said_at=at,
                    ref=f"D{number}:{place}",
                    session=str(number),
                )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataFormatError(f"{record['id']}, session {number}: cannot be read ({error!r}).") from error


def _question(record: Record, conversation: Conversation) -> Question:
    evidence, doubtful = tuple(record["e"]), tuple(record.get("m", ()))
    check_turns(record["q"], (*evidence, *doubtful), conversation)
    return Question(
        text=record["q"],
        evidence=evidence,
        kind=INVENTED,
        without=doubtful,
        answers=tuple(record["a"]),
        is_own=record.get("x", False),
    )
