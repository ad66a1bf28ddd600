"""LongMemEval (Wu et al. 2024, arXiv 2410.10813, https://github.com/xiaowu0162/LongMemEval) as published.

Each question brings its own history, so each is one conversation. A turn's id is `SESSION_ID:N`, N counting from 1;
its speaker is its role. Sessions come in the order of their dates (in the oracle file they stand in another); dates
carry no zone and are taken as UTC. Evidence is what is marked `has_answer`, where nothing is marked all turns of the
answer sessions. Ids that end in `_abs` mark questions that cannot be answered; what the file gives as their answer
says why.
"""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .dataset import AnswerRule, Conversation, Dataset, DatasetTurn, Question
from .json_cursor import JsonCursor
from .json_list import JsonList
from .problems import Problem
from .reading import ProblemLog, neighbouring_dates, unique_name
from .releases import release_of

QUESTION_TYPES = (
    "single-session-user",
    "single-session-assistant",
    "single-session-preference",
    "multi-session",
    "temporal-reasoning",
    "knowledge-update",
)
SHAPE = "LongMemEval's published JSON (longmemeval_s.json)"
_ABSTENTION = "_abs"
_NO_EVIDENCE = "question without evidence"
_DATE = re.compile(r"([0-9]{4}/[0-9]{2}/[0-9]{2}) (?:\([A-Za-z]+\) )?([0-9]{2}:[0-9]{2})")


def load_longmemeval(path: Path) -> Dataset:
    """Read a file in LongMemEval's published form: a JSON list of questions with their histories.

    The file is read one question at a time; what stays in memory is what is returned. Raises DataFormatError, naming
    file, question and key, where the file cannot be read or is malformed; oddities that leave the rest usable become
    problems of their conversation.
    """
    entries = JsonList(path, shape=SHAPE)
    conversations: dict[str, Conversation] = {}
    left_out: list[Problem] = []
    for entry in entries:
        conversation = _Reader(entry, taken=conversations).conversation()
        if conversation.questions:
            conversations[conversation.id] = conversation
        else:
            left_out += conversation.problems
    if not conversations:
        raise entries.error("the list holds no question", "give a file with at least one")
    return Dataset(
        name=path.name,
        sha256=entries.sha256,
        conversations=tuple(conversations.values()),
        categories=_categories(conversations.values()),
        release=release_of(entries.sha256),
        file_problems=tuple(left_out),
    )


def parse_date(text: str) -> datetime | None:
    """Return "2023/05/20 (Sat) 02:21" as a UTC datetime; None where `text` is not exactly of that form."""
    match = _DATE.fullmatch(text)
    if not match:
        return None
    try:
        return datetime.strptime(f"{match[1]} {match[2]}", "%Y/%m/%d %H:%M").replace(tzinfo=UTC)
    except ValueError:
        return None


def _categories(conversations: Iterable[Conversation]) -> tuple[str, ...]:
    found = dict.fromkeys(question.category for one in conversations for question in one.questions)
    return (
        *(known for known in QUESTION_TYPES if known in found),
        *(new for new in found if new not in QUESTION_TYPES),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """A session with turns: its name, unique in the history, what the file calls it, and its date, if it has one."""

    name: str
    name_in_file: str
    said_at: datetime | None
    items: Sequence[JsonCursor]


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """The turns with a text; `marked` are ids of those with the answer, `by_session` all ids by the file's names."""

    turns: tuple[DatasetTurn, ...]
    marked: frozenset[str]
    by_session: Mapping[str, Sequence[str]]
    session_names: Mapping[int, str]


class _Reader:
    """Reads one question with its history and notes what is odd about it."""

    def __init__(self, entry: JsonCursor, *, taken: Container[str]) -> None:
        name = entry.key("question_id").text()
        if not name.strip():
            raise entry.key("question_id").error("the question has no id", "give it one")
        self._name = unique_name(name, taken)
        self._entry = entry.named(f"question {self._name}")
        self._log = ProblemLog(self._name)
        self._is_unanswerable = name.endswith(_ABSTENTION)
        if self._name != name:
            self._log.note("question_id", name, "an id of two questions; the later one got a number")

    def conversation(self) -> Conversation:
        """Return the question in its history; without questions where it cannot be asked."""
        history = self._history(self._in_order(self._sessions()))
        question = self._question(history)
        return Conversation(
            id=self._name,
            speakers=tuple(dict.fromkeys(turn.speaker for turn in history.turns)),
            turns=history.turns,
            questions=() if question is None else (question,),
            problems=self._log.problems(),
            session_names=history.session_names,
        )

    def _sessions(self) -> list[_Session]:
        """Return the sessions that have turns, in the order of the file."""
        ids = self._entry.key("haystack_session_ids").items()
        dates = self._entry.key("haystack_dates").items()
        contents = self._entry.key("haystack_sessions").items()
        if not len(ids) == len(dates) == len(contents):
            complaint = f"{len(contents)} sessions have {len(ids)} ids and {len(dates)} dates"
            raise self._entry.key("haystack_sessions").error(complaint, "give each session one of both")
        sessions: dict[str, _Session] = {}
        for session_id, date, content in zip(ids, dates, contents, strict=True):
            name_in_file, items = session_id.text(), content.items()
            if not items:
                self._log.note(name_in_file, "", "session without turns; left out")
                continue
            name = unique_name(name_in_file, sessions)
            if name != name_in_file:
                self._log.note(name, name_in_file, "a session id of two sessions; the later one got a number")
            said_at = self._date(date, name)
            sessions[name] = _Session(name=name, name_in_file=name_in_file, said_at=said_at, items=items)
        return list(sessions.values())

    def _date(self, found: JsonCursor, session: str) -> datetime | None:
        if found.value is None or not found.text().strip():
            self._log.note(session, "", "session without a date; it gets that of its neighbour")
            return None
        date = parse_date(found.text())
        if date is None:
            raise found.error(f"{found.text()!r} is no date", 'write it as "2023/05/20 (Sat) 02:21"')
        return date

    def _in_order(self, sessions: Sequence[_Session]) -> list[tuple[datetime, _Session]]:
        """Return sessions with their dates, by date; those of one minute stay in the order of the file."""
        dates = neighbouring_dates([session.said_at for session in sessions])
        if not dates:
            raise self._entry.key("haystack_dates").error("no session has both turns and a date")
        dated = sorted(zip(dates, sessions, strict=True), key=lambda pair: pair[0])
        if [session for _, session in dated] != list(sessions):
            self._log.note("haystack_dates", "", "sessions stand out of their order in time; sorted by date")
        return dated

    def _history(self, dated: Sequence[tuple[datetime, _Session]]) -> _History:
        turns: list[DatasetTurn] = []
        marked: set[str] = set()
        by_session: dict[str, list[str]] = {}
        for number, (said_at, session) in enumerate(dated, start=1):
            for position, item in enumerate(session.items, start=1):
                turn = _turn(item, f"{session.name}:{position}", (number, position), said_at)
                if not turn.text.strip():
                    self._log.note(session.name, turn.id, "turn without text; left out")
                    continue
                turns.append(turn)
                by_session.setdefault(session.name_in_file, []).append(turn.id)
                has_answer = item.find("has_answer")
                if has_answer is not None and has_answer.flag():
                    marked.add(turn.id)
        return _History(
            turns=tuple(turns),
            marked=frozenset(marked),
            by_session=by_session,
            session_names={number: session.name for number, (_, session) in enumerate(dated, start=1)},
        )

    def _question(self, history: _History) -> Question | None:
        question = self._entry.find("question")
        if question is None or not question.text().strip():
            self._log.note(self._name, "", "question without a text; left out")
            return None
        if not history.turns:
            self._log.note(self._name, "", "question without a turn in its history; left out")
            return None
        return Question(
            id=self._name,
            question=question.text(),
            category=self._entry.key("question_type").text(),
            answers=self._answers(),
            evidence=self._evidence(history),
            rule=AnswerRule.ABSTAIN if self._is_unanswerable else AnswerRule.PLAIN,
            asked_at=self._asked_at(history),
        )

    def _answers(self) -> tuple[str, ...]:
        found = self._entry.find("answer")
        answer = "" if found is None else found.text_or_number()
        if self._is_unanswerable:
            self._log.note(self._name, answer, "right is to abstain; what the file has as its answer says why")
            return ()
        if not answer.strip():
            self._log.note(self._name, answer, "question without an answer; its answers cannot be scored")
            return ()
        return (answer,)

    def _evidence(self, history: _History) -> tuple[str, ...]:
        found = self._entry.find("answer_session_ids")
        wanted = dict.fromkeys(item.text() for item in found.items()) if found else {}
        for session in wanted:
            ids = history.by_session.get(session, ())
            if not ids:
                self._log.note(self._name, session, "answer session is absent; left out of the gold")
            elif history.marked and history.marked.isdisjoint(ids):
                self._log.note(self._name, session, "answer session without a marked turn; left out of the gold")
        if history.marked:
            return tuple(turn.id for turn in history.turns if turn.id in history.marked)
        evidence = {turn_id for session in wanted for turn_id in history.by_session.get(session, ())}
        reason = "no turn is marked has_answer; all of the answer sessions are gold" if evidence else _NO_EVIDENCE
        self._log.note(self._name, "", reason)
        return tuple(turn.id for turn in history.turns if turn.id in evidence)

    def _asked_at(self, history: _History) -> datetime | None:
        found = self._entry.find("question_date")
        raw = "" if found is None else found.text()
        asked_at = parse_date(raw)
        if asked_at is None:
            self._log.note(self._name, raw, "question without a date; it is asked after the last session")
            return None
        later = dict.fromkeys(turn.session for turn in history.turns if turn.said_at > asked_at)
        for session in later:
            self._log.note(history.session_names[session], raw, "session dated after the question; kept")
        return asked_at


def _turn(item: JsonCursor, turn_id: str, place: tuple[int, int], said_at: datetime) -> DatasetTurn:
    """Return the turn at `place`: session and position."""
    text = item.find("content")
    speaker = item.key("role").text()
    if not speaker.strip():
        raise item.key("role").error("the turn has no speaker", 'write "user" or "assistant"')
    return DatasetTurn(
        id=turn_id,
        session=place[0],
        position=place[1],
        speaker=speaker,
        text="" if text is None else text.text(),
        said_at=said_at,
    )
