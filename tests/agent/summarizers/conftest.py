"""A session of two people, as it is stored."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from recollect.memory.timeline import resolve_dates
from recollect.memory.types import Turn

SAID_AT = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)

Session = Callable[..., list[Turn]]


@pytest.fixture
def session() -> Session:
    def turns(*said: tuple[str, str]) -> list[Turn]:
        return [
            Turn(
                id=10 * number,
                user="Alice",
                conversation="default",
                session="1",
                position=number,
                speaker=speaker,
                text=text,
                said_at=SAID_AT,
                dates=resolve_dates(text, SAID_AT),
            )
            for number, (speaker, text) in enumerate(said, 1)
        ]

    return turns
