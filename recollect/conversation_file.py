"""Files with conversations, read whole and checked before anything is stored: LoCoMo's JSON, and our JSONL."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from .evals.dataset import Conversation
from .evals.locomo import load_locomo
from .memory.checks import check_name, check_turn
from .memory.errors import DataFormatError, InvalidInput
from .memory.types import NewTurn

Format: TypeAlias = Literal["locomo", "jsonl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTurn:
    """One turn of a file, its session named; `place` is how a person finds it there ("line 12")."""

    place: str
    turn: NewTurn


@dataclass(frozen=True, slots=True, kw_only=True)
class FileConversation:
    """One conversation of a file; turns are in file order."""

    name: str
    file: str
    turns: tuple[FileTurn, ...]


def read_conversations(
    path: Path, *, file_format: Format | None = None, session_gap_s: float = 3600.0
) -> list[FileConversation]:
    """Return the conversations of a file; `file_format` None looks at the first character.

    Raises DataFormatError naming the file and the place for anything that could not be stored verbatim.
    """
    if (file_format or detect_format(path)) == "locomo":
        conversations = [_from_locomo(one, path.name) for one in load_locomo(path).conversations]
    else:
        from .jsonl import read_jsonl

        conversations = read_jsonl(path, session_gap_s=session_gap_s)
    for conversation in conversations:
        _check(conversation)
    return conversations


def detect_format(path: Path) -> Format:
    """Return the format of a file by its first character: LoCoMo's is a list, a line of JSONL is an object."""
    try:
        with path.open("rb") as file:
            start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    except OSError as error:
        raise DataFormatError(f"{path} cannot be read ({error.strerror}).") from error
    if start == b"[":
        return "locomo"
    if start == b"{":
        return "jsonl"
    raise DataFormatError(
        f"{path} is neither LoCoMo's JSON, which begins with '[', nor JSONL, which begins with '{{'; "
        "nothing was imported."
    )


def renamed(conversations: Iterable[FileConversation], name: str) -> list[FileConversation]:
    """Return the one conversation of a file under another name; raises InvalidInput where there are several."""
    known = list(conversations)
    if len(known) > 1:
        raise InvalidInput(
            f"{known[0].file} holds {len(known)} conversations, and --conversation would mix them; leave it out."
        )
    return [replace(one, name=check_name(name, "conversation")) for one in known]


def _from_locomo(conversation: Conversation, file: str) -> FileConversation:
    turns = [
        FileTurn(
            place=f"{conversation.id} {turn.id}",
            turn=NewTurn(
                speaker=turn.speaker,
                text=turn.text,
                said_at=turn.said_at,
                ref=turn.id,
                session=str(turn.session),
            ),
        )
        for turn in conversation.turns
    ]
    return FileConversation(name=conversation.id, file=file, turns=tuple(turns))


def _check(conversation: FileConversation) -> None:
    for entry in conversation.turns:
        try:
            check_name(conversation.name, "conversation")
            check_turn(entry.turn)
        except InvalidInput as error:
            raise DataFormatError(f"{conversation.file}, {entry.place}: {error} Nothing was imported.") from error
