"""The conversation that ships with the package, with questions about it."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from .conversation_file import FileConversation, FileTurn
from .evals.json_cursor import JsonCursor
from .memory.errors import DataFormatError, InvalidInput
from .memory.times import read_time
from .memory.types import NewTurn

DEMO = Path(__file__).with_name("samples") / "demo.json"
_SHAPE = "recollect/samples/demo.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleQuestion:
    """A question; `evidence` are the refs of the turns that answer it, empty where nothing does."""

    question: str
    kind: str
    evidence: tuple[str, ...]
    is_answerable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A conversation and questions about it, asked by `user`."""

    title: str
    user: str
    sessions: int
    conversation: FileConversation
    questions: tuple[SampleQuestion, ...]


def load_sample(path: Path = DEMO) -> Sample:
    """Read a sample; raises DataFormatError naming the file and the key."""
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataFormatError(f"{path} cannot be read: {error}; give a file like {_SHAPE}.") from error
    root = JsonCursor(value=value, file=path.name, shape=_SHAPE)
    sessions = root.key("sessions").items()
    turns = tuple(turn for session in sessions for turn in _turns(session))
    return Sample(
        title=root.key("title").text(),
        user=root.key("user").text(),
        sessions=len(sessions),
        conversation=FileConversation(name="demo", file=path.name, turns=turns),
        questions=tuple(_question(item) for item in root.key("questions").items()),
    )


def _turns(session: JsonCursor) -> list[FileTurn]:
    begun = _time(session.key("said_at"))
    name = session.key("name").text()
    return [
        FileTurn(
            place=item.trail,
            turn=NewTurn(
                speaker=item.key("speaker").text(),
                text=item.key("text").text(),
                said_at=begun + timedelta(minutes=item.key("minute").whole_number()),
                ref=item.key("ref").text(),
                session=name,
            ),
        )
        for item in session.key("turns").items()
    ]


def _question(item: JsonCursor) -> SampleQuestion:
    answerable = item.key("answerable")
    if not isinstance(answerable.value, bool):
        raise answerable.unlike("true or false")
    return SampleQuestion(
        question=item.key("question").text(),
        kind=item.key("kind").text(),
        evidence=tuple(ref.text() for ref in item.key("evidence").items()),
        is_answerable=answerable.value,
    )


def _time(cursor: JsonCursor) -> datetime:
    try:
        return read_time(cursor.text())
    except InvalidInput as error:
        raise cursor.error(f"{cursor.value!r} is no ISO 8601 time") from error
