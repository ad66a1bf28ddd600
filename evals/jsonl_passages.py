"""A document of the documented JSONL as turns: its passages by session, with dates, speakers and photos in words.

    {"doc_id": "d1", "title": "…", "speakers": ["Ines", "Tomas"], "passages": [{"id": "D1:1", "speaker": "Ines",
     "text": "Plot nine.", "session": 1, "time": "2024-02-29T13:56", "title": "…", "image_caption": "…"}]}

`doc_id`, `passages` and an `id` for each are needed. A passage without a session continues that of the one before
it, one without a speaker is said by its title, the document's title, or "Somebody". A time is ISO 8601 or written as
LoCoMo or LongMemEval do; without a zone it is UTC. A passage without a time has its neighbour's; where none has one,
sessions are a day apart. Sessions are numbered in the order of time.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..memory.errors import InvalidInput
from ..memory.times import read_time
from .dataset import DatasetTurn
from .json_cursor import JsonCursor
from .locomo_notation import parse_session_date
from .longmemeval import parse_date
from .reading import ProblemLog, neighbouring_dates, unique_name, with_photo

FIRST_DAY = datetime(2022, 1, 1, 12, tzinfo=UTC)
NOBODY = "Somebody"
_NOON = re.compile(r"(?<= )[AP]M(?= )")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The turns of a document; `is_timeless` where no passage has a time, `is_unspoken` where one has no speaker."""

    turns: tuple[DatasetTurn, ...]
    speakers: tuple[str, ...]
    session_names: Mapping[int, str]
    is_timeless: bool
    is_unspoken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passage:
    id: str
    session: str
    speaker: str
    said_at: datetime | None
    text: str


def read_document(record: JsonCursor, log: ProblemLog) -> Document:
    """Return the passages of a record as turns; those without a text are left out and noted.

    Raises DataFormatError, naming file, line and key, where the record is malformed.
    """
    items = record.key("passages").items()
    passages = _passages(items, _text(record, "title").replace("_", " ").strip(), log)
    is_timeless = all(passage.said_at is None for passage in passages)
    if not is_timeless:
        _note_undated(passages, log)
    dates = _dates_apart(passages) if is_timeless else neighbouring_dates([one.said_at for one in passages])
    starts: dict[str, datetime] = {}
    for passage, date in zip(passages, dates, strict=True):
        starts[passage.session] = min(date, starts.get(passage.session, date))
    numbers = {name: number for number, name in enumerate(sorted(starts, key=starts.__getitem__), start=1)}
    turns = _turns(passages, dates, numbers, log)
    told = record.find("speakers")
    named = [one.text() for one in told.items()] if told else []
    return Document(
        turns=turns,
        speakers=tuple(named or dict.fromkeys(turn.speaker for turn in turns)),
        session_names={number: name for name, number in numbers.items() if name},
        is_timeless=is_timeless,
        is_unspoken=not all(_text(item, "speaker").strip() for item in items),
    )


def _passages(items: Sequence[JsonCursor], title: str, log: ProblemLog) -> list[_Passage]:
    """Return the passages, those of a session together, sessions by number or as they appear."""
    passages: dict[str, _Passage] = {}
    session = ""
    for item in items:
        name = item.key("id").text_or_number()
        unique = unique_name(name, passages)
        if unique != name:
            log.note(unique, name, "an id of two passages; evidence means the first")
        found = item.find("session")
        session = session if found is None else found.text_or_number()
        passages[unique] = _Passage(
            id=unique,
            session=session,
            speaker=_text(item, "speaker").strip() or _text(item, "title").strip() or title or NOBODY,
            said_at=_time(item, unique, log),
            text=with_photo(_text(item, "text"), _text(item, "image_caption"), has_image=False),
        )
    order = list(dict.fromkeys(passage.session for passage in passages.values()))
    if all(name.isdecimal() for name in order):
        order.sort(key=int)
    places = {name: place for place, name in enumerate(order)}
    return sorted(passages.values(), key=lambda passage: places[passage.session])


def _time(item: JsonCursor, passage: str, log: ProblemLog) -> datetime | None:
    raw = _text(item, "time")
    if not raw.strip():
        return None
    time = parse_session_date(_NOON.sub(lambda noon: noon[0].lower(), raw)) or parse_date(raw)
    if time is None:
        try:
            time = read_time(raw)
        except InvalidInput:
            log.note(passage, raw, "time that cannot be read")
            return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _note_undated(passages: Sequence[_Passage], log: ProblemLog) -> None:
    for passage in passages:
        if passage.said_at is None:
            log.note(passage.id, "", "passage without a time; it gets that of its neighbour")


def _dates_apart(passages: Sequence[_Passage]) -> list[datetime]:
    """Return a date for each passage of a document without times: a day for each session."""
    days = {name: day for day, name in enumerate(dict.fromkeys(passage.session for passage in passages))}
    return [FIRST_DAY + timedelta(days=days[passage.session]) for passage in passages]


def _turns(
    passages: Sequence[_Passage], dates: Sequence[datetime], numbers: Mapping[str, int], log: ProblemLog
) -> tuple[DatasetTurn, ...]:
    positions = dict.fromkeys(numbers, 0)
    turns: list[DatasetTurn] = []
    for passage, said_at in zip(passages, dates, strict=True):
        positions[passage.session] += 1
        if not passage.text.strip():
            log.note(passage.id, "", "passage without text; left out")
            continue
        turn = DatasetTurn(
            id=passage.id,
            session=numbers[passage.session],
            position=positions[passage.session],
            speaker=passage.speaker,
            text=passage.text,
            said_at=said_at,
        )
        turns.append(turn)
    return tuple(sorted(turns, key=lambda turn: (turn.session, turn.position)))


def _text(item: JsonCursor, key: str) -> str:
    found = item.find(key)
    return "" if found is None else found.text()
