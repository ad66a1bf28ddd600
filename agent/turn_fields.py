"""What may be said of a turn besides its speaker and its words."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict


class TurnFields(TypedDict, total=False):
    """The optional fields of `NewTurn`."""

    said_at: datetime | str | None
    ref: str | None
    session: str | int | None
    metadata: Mapping[str, object] | None
