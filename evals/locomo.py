"""LoCoMo (Maharana et al. 2024, https://github.com/snap-research/locomo) as published, read strictly.

An image turn reads as its text followed by ` [shares a photo: CAPTION]`, where CAPTION is
`blip_caption`. The `query` field (the words the image was searched with) is never read: it repeats
some gold answers. Dates carry no zone in the file and are taken as UTC, so that every machine
resolves "yesterday" alike. Every turn of a session carries the session's date; `position` orders them.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from ..memory.errors import DataFormatError
from .dataset import AnswerRule, Conversation, Dataset, DatasetTurn, Question
from .json_cursor import JsonCursor
from .locomo_notation import normalise_turn_id, parse_evidence, parse_session_date
from .problems import Problem

CATEGORY_NAMES: Mapping[int, str] = {
    1: "multi-hop",
    2: "temporal",
    3: "open-domain",
    4: "single-hop",
    5: "adversarial",
}
_ADVERSARIAL = 5
_RULES: Mapping[int, AnswerRule] = {1: AnswerRule.LIST, 3: AnswerRule.FIRST, _ADVERSARIAL: AnswerRule.ABSTAIN}
_SHAPE = "LoCoMo's published JSON (locomo10.json)"
_SESSION = re.compile(r"session_([0-9]+)")
_SESSION_DATE = re.compile(r"session_([0-9]+)_date_time")


def load_locomo(path: Path) -> Dataset:
    """Read a file in LoCoMo's published form: a JSON list of conversations.

    Raises DataFormatError, naming file, conversation and key, where the file cannot be read or is
    malformed; oddities that leave the rest usable become problems of their conversation.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataFormatError(f"{path} cannot be read ({error.strerror}); give {_SHAPE}.") from error
    try:
        value: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataFormatError(f"{path} is no JSON ({error}); give {_SHAPE}.") from error
    root = JsonCursor(value=value, file=str(path), shape=_SHAPE)
    conversations: dict[str, Conversation] = {}
    for entry in root.items():
        conversation = _Reader(entry).conversation()
        if conversation.id in conversations:
            complaint = f"{conversation.id!r} names two conversations"
            raise entry.key("sample_id").error(complaint, "give each its own")
        conversations[conversation.id] = conversation
    if not conversations:
        raise root.error("the list holds no conversation", "give a file with at least one")
    return Dataset(
        name=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        conversations=tuple(conversations.values()),
        categories=tuple(CATEGORY_NAMES.values()),
    )


class _Reader:
    """Reads one conversation and notes what is odd about it."""

    def __init__(self, entry: JsonCursor) -> None:
        self._name = entry.key("sample_id").text()
        if not self._name.strip():
            raise entry.key("sample_id").error("the conversation has no name", "give it one")
        self._entry = entry.named(f"conversation {self._name}")
        self._dialogue = self._entry.key("conversation")
        self._problems: list[Problem] = []

    def conversation(self) -> Conversation:
        turns = self._turns()
        known = frozenset(turn.id for turn in turns)
        questions = [
            self._question(item, f"{self._name}/q{number}", known)
            for number, item in enumerate(self._entry.key("qa").items(), start=1)
        ]
        return Conversation(
            id=self._name,
            speakers=(self._dialogue.key("speaker_a").text(), self._dialogue.key("speaker_b").text()),
            turns=turns,
            questions=tuple(questions),
            problems=tuple(self._problems),
        )

    def _note(self, where: str, raw: str, reason: str) -> None:
        self._problems.append(Problem(conversation=self._name, where=where, raw=raw, reason=reason))

    def _turns(self) -> tuple[DatasetTurn, ...]:
        turns: dict[str, DatasetTurn] = {}
        for session, said_at in self._sessions().items():
            items = self._dialogue.key(f"session_{session}").items()
            for position, item in enumerate(items, start=1):
                turn = _turn(item, session, position, said_at)
                if turn.id in turns:
                    raise item.key("dia_id").error(f"{turn.id} names two turns", "give each its own")
                turns[turn.id] = turn
        for turn in turns.values():
            self._note_oddities(turn)
        return tuple(turn for turn in turns.values() if turn.text.strip())

    def _note_oddities(self, turn: DatasetTurn) -> None:
        where, place = f"session_{turn.session}", f"D{turn.session}:{turn.position}"
        if turn.id != place:
            self._note(where, turn.id, f"the turn stands at {place}; evidence finds it by its dia_id")
        if not turn.text.strip():
            self._note(where, turn.id, "turn without text or image; left out")

    def _sessions(self) -> dict[int, datetime]:
        """Return the sessions that have turns, in order, each with its own or a neighbour's date."""
        names = self._dialogue.names()
        announced = {int(match[1]) for name in names if (match := _SESSION_DATE.fullmatch(name))}
        present = {int(match[1]) for name in names if (match := _SESSION.fullmatch(name))}
        filled = sorted(n for n in present if (turns := self._dialogue.find(f"session_{n}")) and turns.items())
        for session in sorted((announced | present) - set(filled)):
            self._note(f"session_{session}", "", "session without turns; left out")
        dated = {session: date for session in filled if (date := self._session_date(session))}
        if not dated:
            raise self._dialogue.error("no session has both turns and a date")
        return {session: dated.get(session) or self._neighbour_date(session, dated) for session in filled}

    def _neighbour_date(self, session: int, dated: Mapping[int, datetime]) -> datetime:
        source = max((other for other in dated if other < session), default=min(dated))
        self._note(f"session_{session}", "", f"session without a date; it gets that of session_{source}")
        return dated[source]

    def _session_date(self, session: int) -> datetime | None:
        found = self._dialogue.find(f"session_{session}_date_time")
        if found is None or not found.text().strip():
            return None
        date = parse_session_date(found.text())
        if date is None:
            raise found.error(f"{found.text()!r} is no date", 'write it as "1:56 pm on 8 May, 2023"')
        return date

    def _question(self, item: JsonCursor, question_id: str, known: frozenset[str]) -> Question:
        category = item.key("category").whole_number()
        if category not in CATEGORY_NAMES:
            raise item.key("category").error(f"{category} is no category", "give a number from 1 to 5")
        adversarial = item.find("adversarial_answer")
        return Question(
            id=question_id,
            question=item.key("question").text(),
            category=CATEGORY_NAMES[category],
            answers=_answers(item, category),
            evidence=self._evidence(item, question_id, known),
            rule=_RULES.get(category, AnswerRule.PLAIN),
            trap=None if adversarial is None else _as_text(adversarial),
        )

    def _evidence(self, item: JsonCursor, question_id: str, known: frozenset[str]) -> tuple[str, ...]:
        found = item.find("evidence")
        evidence = parse_evidence(None if found is None else found.value)
        for raw in evidence.unreadable:
            self._note(question_id, raw, "evidence that names no turn; left out of the gold")
        for dia_id in evidence.ids:
            if dia_id not in known:
                self._note(question_id, dia_id, "evidence names an absent turn; left out of the gold")
        if not evidence.ids and not evidence.unreadable:
            self._note(question_id, "", "question without evidence")
        return tuple(dia_id for dia_id in evidence.ids if dia_id in known)


def _turn(item: JsonCursor, session: int, position: int, said_at: datetime) -> DatasetTurn:
    dia_id = item.key("dia_id")
    normalised = normalise_turn_id(dia_id.text())
    if normalised is None:
        raise dia_id.error(f"{dia_id.text()!r} is no turn id", f"write it as D{session}:{position}")
    return DatasetTurn(
        id=normalised,
        session=session,
        position=position,
        speaker=item.key("speaker").text(),
        text=_turn_text(item),
        said_at=said_at,
    )


def _turn_text(item: JsonCursor) -> str:
    text = item.key("text").text()
    caption = item.find("blip_caption")
    if caption is not None and caption.text().strip():
        photo = f"[shares a photo: {caption.text().strip()}]"
    elif item.find("img_url") is not None:
        photo = "[shares a photo]"
    else:
        return text
    return f"{text} {photo}" if text.strip() else photo


def _answers(item: JsonCursor, category: int) -> tuple[str, ...]:
    if category == _ADVERSARIAL:
        found = item.find("answer")
        return () if found is None else (_as_text(found),)
    return (_as_text(item.key("answer")),)


def _as_text(answer: JsonCursor) -> str:
    if isinstance(answer.value, int | float) and not isinstance(answer.value, bool):
        return str(answer.value)
    return answer.text()
