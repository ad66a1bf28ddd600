"""A session as a Markdown file: who said what when, with the words behind every citation."""

import re
from collections.abc import Iterator
from pathlib import Path

from ..memory.errors import InvalidInput
from ..memory.session_info import SessionInfo
from ..memory.types import Turn
from .past import Past
from .replies import is_reply

_PAGE = 500
_NO_FILE_NAME = re.compile(r"[^\w-]+")


def transcript(past: Past, session: SessionInfo) -> Iterator[str]:
    """Yield the lines of a session, in order."""
    yield f"# {session.label}"
    yield ""
    yield f"{session.begun_at:%Y-%m-%d %H:%M} to {session.last_at:%Y-%m-%d %H:%M}, {session.turns} turns"
    for turn in _turns(past, session):
        yield ""
        yield f"**{turn.speaker}**, {turn.said_at:%Y-%m-%d %H:%M}"
        yield ""
        yield turn.text
        if is_reply(turn):
            for citation in past.citations(turn):
                said = citation.turn
                words = " ".join(said.text.split())
                yield ""
                yield f"> [{citation.number}] {said.speaker}, {said.said_at:%Y-%m-%d %H:%M}: “{words}”"


def write_transcript(past: Past, session: SessionInfo, path: Path | None = None) -> Path:
    """Write a session and return where; raises InvalidInput for a file that is there already or cannot be written."""
    chosen = path or Path(f"{_NO_FILE_NAME.sub('-', session.label)[:60].strip('-') or 'session'}.md")
    try:
        with chosen.open("x", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in transcript(past, session))
    except FileExistsError as error:
        raise InvalidInput(f"{chosen} is there already; name another file: /export FILE") from error
    except OSError as error:
        raise InvalidInput(
            f"{chosen} cannot be written: {error.strerror}; name another file: /export FILE"
        ) from error
    return chosen.resolve()


def _turns(past: Past, session: SessionInfo) -> list[Turn]:
    pages: list[list[Turn]] = []
    before: int | None = None
    while page := past.turns(session, before=before, limit=_PAGE):
        pages.append(page)
        before = page[0].position
    return [turn for page in reversed(pages) for turn in page]
