"""LoCoMo (Maharana et al. 2024, https://github.com/snap-research/locomo) as published, read strictly.

An image turn reads as its text followed by ` [shares a photo: CAPTION]`, where CAPTION is
`blip_caption`. The `query` field (the words the image was searched with) is never read: it repeats
some gold answers. Dates carry no zone in the file and are taken as UTC, so that every machine
resolves "yesterday" alike. Every turn of a session carries the session's date; `position` orders them,
and counts what is left out, as the ids of the file do: `D1:3` is session 1, position 3.

Rules by category, as in `task_eval/evaluation.py` of LoCoMo's code: 1 multi-hop is a list split on commas, 3
open-domain counts up to its first semicolon, 5 adversarial is answered by abstaining; 2 temporal and 4 single-hop are
compared as they are.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from .dataset import AnswerRule, Conversation, Dataset, DatasetTurn, Question
from .json_cursor import JsonCursor
from .json_list import JsonList
from .locomo_notation import normalise_turn_id, parse_evidence, parse_session_date
from .reading import ProblemLog, neighbouring_dates, unique_name, with_photo
from .releases import release_of

CATEGORY_NAMES: Mapping[int, str] = {
    1: "multi-hop",
    2: "temporal",
    3: "open-domain",
    4: "single-hop",
    5: "adversarial",
}
_ADVERSARIAL = 5
_RULES: Mapping[int, AnswerRule] = {1: AnswerRule.LIST, 3: AnswerRule.FIRST, _ADVERSARIAL: AnswerRule.ABSTAIN}
SHAPE = "LoCoMo's published JSON (locomo10.json)"
_SESSION = re.compile(r"session_([0-9]+)")
_SESSION_DATE = re.compile(r"session_([0-9]+)_date_time")


def load_locomo(path: Path) -> Dataset:
    """Read a file in LoCoMo's published form: a JSON list of conversations.

    Raises DataFormatError, naming file, conversation and key, where the file cannot be read or is malformed; oddities
    that leave the rest usable (ids of two turns, empty sessions, evidence that names no turn, questions without text,
    answer or evidence) become problems of their conversation.
    """
    entries = JsonList(path, shape=SHAPE)
    conversations: dict[str, Conversation] = {}
    for entry in entries:
        conversation = _Reader(entry, taken=conversations).conversation()
        conversations[conversation.id] = conversation
    if not conversations:
        raise entries.error("the list holds no conversation", "give a file with at least one")
    return Dataset(
        name=path.name,
        sha256=entries.sha256,
        conversations=tuple(conversations.values()),
        categories=tuple(CATEGORY_NAMES.values()),
        release=release_of(entries.sha256),
    )


class _Reader:
    """Reads one conversation and notes what is odd about it."""

    def __init__(self, entry: JsonCursor, *, taken: Container[str]) -> None:
        name = entry.key("sample_id").text()
        if not name.strip():
            raise entry.key("sample_id").error("the conversation has no name", "give it one")
        self._name = unique_name(name, taken)
        self._entry = entry.named(f"conversation {self._name}")
        self._dialogue = self._entry.key("conversation")
        self._log = ProblemLog(self._name)
        if self._name != name:
            self._log.note("sample_id", name, "a name of two conversations; the later one got a number")

    def conversation(self) -> Conversation:
        sessions = self._sessions()
        turns = self._turns(sessions)
        known = frozenset(turn.id for turn in turns)
        questions = (
            self._question(item, f"{self._name}/q{number}", known)
            for number, item in enumerate(self._entry.key("qa").items(), start=1)
        )
        return Conversation(
            id=self._name,
            speakers=(self._dialogue.key("speaker_a").text(), self._dialogue.key("speaker_b").text()),
            turns=turns,
            questions=tuple(question for question in questions if question is not None),
            problems=self._log.problems(),
            session_names={session: f"session_{session}" for session in sessions},
        )

    def _turns(self, sessions: Mapping[int, datetime]) -> tuple[DatasetTurn, ...]:
        turns: dict[str, DatasetTurn] = {}
        for session, said_at in sessions.items():
            items = self._dialogue.key(f"session_{session}").items()
            for position, item in enumerate(items, start=1):
                turn = _turn(item, session, position, said_at)
                self._note_oddities(turn, is_taken=turn.id in turns)
                turn = replace(turn, id=unique_name(turn.id, turns))
                turns[turn.id] = turn
        return tuple(turn for turn in turns.values() if turn.text.strip())

    def _note_oddities(self, turn: DatasetTurn, *, is_taken: bool) -> None:
        where = f"session_{turn.session}"
        if is_taken:
            self._log.note(where, turn.id, "an id of two turns; evidence means the first")
        elif turn.id != f"D{turn.session}:{turn.position}":
            self._log.note(where, turn.id, "the turn stands elsewhere than its id says; evidence finds it by its id")
        if not turn.text.strip():
            self._log.note(where, turn.id, "turn without text or image; left out")

    def _sessions(self) -> dict[int, datetime]:
        """Return the sessions that have turns, in order, each with its own or a neighbour's date."""
        names = self._dialogue.names()
        announced = {int(match[1]) for name in names if (match := _SESSION_DATE.fullmatch(name))}
        present = {int(match[1]) for name in names if (match := _SESSION.fullmatch(name))}
        filled = sorted(n for n in present if (turns := self._dialogue.find(f"session_{n}")) and turns.items())
        for session in sorted((announced | present) - set(filled)):
            self._log.note(f"session_{session}", "", "session without turns; left out")
        dates = [self._session_date(session) for session in filled]
        known = neighbouring_dates(dates)
        if not known:
            raise self._dialogue.error("no session has both turns and a date")
        for place, (session, own) in enumerate(zip(filled, dates, strict=True)):
            if own is None:
                self._log.note(f"session_{session}", "", "session without a date; it gets that of its neighbour")
            elif own < max(known[: place + 1]):
                reason = "session dated before an earlier one; order and date are kept"
                self._log.note(f"session_{session}", "", reason)
        return dict(zip(filled, known, strict=True))

    def _session_date(self, session: int) -> datetime | None:
        found = self._dialogue.find(f"session_{session}_date_time")
        if found is None or not found.text().strip():
            return None
        date = parse_session_date(found.text())
        if date is None:
            raise found.error(f"{found.text()!r} is no date", 'write it as "1:56 pm on 8 May, 2023"')
        return date

    def _question(self, item: JsonCursor, question_id: str, known: frozenset[str]) -> Question | None:
        category = item.key("category").whole_number()
        if category not in CATEGORY_NAMES:
            raise item.key("category").error(f"{category} is no category", "give a number from 1 to 5")
        question = item.find("question")
        if question is None or not question.text().strip():
            self._log.note(question_id, "", "question without a text; left out")
            return None
        trap = item.find("adversarial_answer")
        return Question(
            id=question_id,
            question=question.text(),
            category=CATEGORY_NAMES[category],
            answers=self._answers(item, question_id, category),
            evidence=self._evidence(item, question_id, known),
            rule=_RULES.get(category, AnswerRule.PLAIN),
            trap=None if trap is None else trap.text_or_number(),
        )

    def _answers(self, item: JsonCursor, question_id: str, category: int) -> tuple[str, ...]:
        found = item.find("answer")
        answer = "" if found is None else found.text_or_number()
        if category == _ADVERSARIAL:
            if answer:
                self._log.note(question_id, answer, "adversarial question with an answer; right is to abstain")
            return ()
        if not answer.strip():
            self._log.note(question_id, answer, "question without an answer; its answers cannot be scored")
            return ()
        return (answer,)

    def _evidence(self, item: JsonCursor, question_id: str, known: frozenset[str]) -> tuple[str, ...]:
        found = item.find("evidence")
        evidence = parse_evidence(None if found is None else found.value)
        for raw in evidence.unreadable:
            self._log.note(question_id, raw, "evidence that names no turn; left out of the gold")
        for dia_id in evidence.ids:
            if dia_id not in known:
                self._log.note(question_id, dia_id, "evidence names an absent turn; left out of the gold")
        if not evidence.ids and not evidence.unreadable:
            self._log.note(question_id, "", "question without evidence")
        return tuple(dia_id for dia_id in evidence.ids if dia_id in known)


def _turn(item: JsonCursor, session: int, position: int, said_at: datetime) -> DatasetTurn:
    dia_id = item.key("dia_id")
    normalised = normalise_turn_id(dia_id.text())
    if normalised is None:
        raise dia_id.error(f"{dia_id.text()!r} is no turn id", f"write it as D{session}:{position}")
    text, caption, image = item.find("text"), item.find("blip_caption"), item.find("img_url")
    return DatasetTurn(
        id=normalised,
        session=session,
        position=position,
        speaker=item.key("speaker").text(),
        text=with_photo(
            "" if text is None else text.text(),
            "" if caption is None else caption.text(),
            has_image=image is not None and bool(image.value),
        ),
        said_at=said_at,
    )
