"""A chat: its session, asking again and otherwise, looking back, sessions and memories as a person keeps them."""

from pathlib import Path

import pytest

from recollect.agent.agent import Agent
from recollect.agent.chat import Chat
from recollect.agent.long_term_memory import LongTermMemory
from recollect.agent.past import Wanted
from recollect.agent.replies import is_reply, marks_of
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.errors import InvalidInput
from recollect.memory.store import Store
from recollect.memory.types import Retrieved
from recollect.rerank.base import FirstStageOrder
from tests.fakes import HashEmbedder, ScriptedGenerator, count_words


@pytest.fixture
def memory(tmp_path: Path) -> LongTermMemory:
    archive = Archive(Store(tmp_path / "memory.db"), HashEmbedder())
    return LongTermMemory(archive, FirstStageOrder(), ContextBuilder(count_words), user="ann")


def chat_of(memory: LongTermMemory, *pieces: str) -> Chat:
    return Chat(Agent(memory, ScriptedGenerator(*(pieces or ("Yes [1].",)))))


def texts(memory: LongTermMemory) -> list[str]:
    return [turn.text for turn in memory.latest(50)]


def said(chat: Chat, text: str) -> None:
    chat.finished(chat.send(text).answer)


def test_what_was_recalled_is_told_before_the_first_piece(memory: LongTermMemory) -> None:
    memory.add("Ann", "I have a red bicycle")
    heard: list[Retrieved] = []
    stream = chat_of(memory).send("My bicycle?", on_recall=heard.append)
    assert next(stream) == "Yes [1]."
    assert [scored.memory.text for scored in heard[0].ranked] == ["I have a red bicycle"]
    assert stream.answer.ranked == heard[0].ranked


def test_every_chat_begins_a_session_and_an_old_one_goes_on_where_it_stopped(memory: LongTermMemory) -> None:
    first = chat_of(memory)
    said(first, "I have a bicycle")
    name = first.session
    second = chat_of(memory)
    said(second, "I have a cat")
    assert second.session not in (None, name)
    (session,) = [one for one in second.past.sessions() if one.name == name]
    assert [turn.text for turn in second.resume(session)] == ["I have a bicycle", "Yes [1]."]
    said(second, "It is red")
    turns = second.past.turns(session, limit=10)
    assert [turn.text for turn in turns] == ["I have a bicycle", "Yes [1].", "It is red", "Yes [1]."]
    assert [turn.position for turn in turns] == [1, 2, 3, 4]


def test_asking_again_replaces_the_reply_and_resending_the_question_too(memory: LongTermMemory) -> None:
    chat = chat_of(memory)
    with pytest.raises(InvalidInput, match="Nothing was said"):
        chat.again()
    said(chat, "One")
    chat.finished(chat.again().answer)
    assert texts(memory) == ["One", "Yes [1]."]
    chat.finished(chat.resend("Two").answer)
    assert texts(memory) == ["Two", "Yes [1]."]


def test_a_stored_reply_keeps_its_citations_and_a_quoted_number_is_none(memory: LongTermMemory) -> None:
    memory.add("Ann", "I have a red bicycle")
    chat = chat_of(memory, "You said “see \\[7]” [1].")
    answer = chat.send("My bicycle?").answer
    reply = answer.reply
    assert reply is not None
    assert is_reply(reply)
    assert answer.text == "You said “see [7]” [1]."
    assert [answer.text[mark.start : mark.end] for mark in answer.marks] == ["[1]"]
    assert marks_of(reply) == answer.marks
    assert chat.past.citations(reply) == answer.citations


def test_looking_back_hides_what_was_said_later(memory: LongTermMemory) -> None:
    memory.add("Ann", "My bicycle is red", said_at="2025-01-01")
    memory.add("Ann", "My bicycle is blue", said_at="2025-06-01")
    chat = chat_of(memory)
    chat.look_back("2025-03-01")
    assert [one.memory.text for one in chat.recall("bicycle").ranked] == ["My bicycle is red"]
    with pytest.raises(InvalidInput):
        chat.look_back("soon")
    assert chat.as_of == "2025-03-01"


def test_what_waits_to_be_forgotten_is_not_recalled_and_can_be_kept(memory: LongTermMemory) -> None:
    turn = memory.add("Ann", "My bicycle is red")
    chat = chat_of(memory)
    chat.keeping.forget(turn)
    assert chat.recall("bicycle").ranked == ()
    assert chat.keeping.undo() == turn
    assert [one.memory for one in chat.recall("bicycle").ranked] == [turn]
    chat.keeping.forget(turn)
    assert chat.keeping.commit() == 1
    assert texts(memory) == []


def test_a_pinned_memory_is_read_with_every_question(memory: LongTermMemory) -> None:
    pinned = memory.add("Ann", "I am allergic to nuts")
    for number in range(60):
        memory.add("Ann", f"Cake number {number} is nice")
    chat = chat_of(memory)
    chat.agent.budget = 30
    assert pinned not in chat.recall("Which cake is nice?").context.memories
    assert chat.keeping.toggle_pin(pinned)
    assert pinned in chat.recall("Which cake is nice?").context.memories
    assert not chat.keeping.toggle_pin(pinned)
    assert pinned not in chat.recall("Which cake is nice?").context.memories


def test_a_corrected_memory_is_found_by_its_new_words(memory: LongTermMemory) -> None:
    turn = memory.add("Ann", "My bicycle is red")
    chat = chat_of(memory)
    assert chat.keeping.correct(turn, "My scooter is green").text == "My scooter is green"
    assert [one.memory.text for one in chat.recall("scooter").ranked] == ["My scooter is green"]


def test_sessions_are_listed_by_date_and_found_by_words_and_title(memory: LongTermMemory) -> None:
    memory.add("Ann", "I have a bicycle", said_at="2025-01-01", session="a")
    memory.add("Ann", "I have a cat", said_at="2025-02-01", session="b")
    memory.add("Ben", "I have a dog", said_at="2025-02-02", session="b")
    past = chat_of(memory).past
    assert [(one.name, one.label, one.turns) for one in past.sessions()] == [
        ("b", "I have a cat", 2),
        ("a", "I have a bicycle", 1),
    ]
    assert [one.name for one in past.sessions("bicycle")] == ["a"]
    past.rename(past.sessions()[0], "Pets")
    assert [(one.name, one.label) for one in past.sessions("pets")] == [("b", "Pets")]
    past.rename(past.sessions()[0], " ")
    assert past.sessions()[0].label == "I have a cat"


def test_a_timeline_comes_in_pages_and_can_be_narrowed(memory: LongTermMemory) -> None:
    for day in range(1, 8):
        memory.add("Ann" if day % 2 else "Ben", f"Day {day}", said_at=f"2025-01-0{day}", session="a")
    past = chat_of(memory).past
    page = past.timeline(limit=4)
    rest = past.timeline(limit=4, after=page.after)
    assert [one.text for one in (*page.memories, *rest.memories)] == [f"Day {day}" for day in range(7, 0, -1)]
    assert rest.after is None
    assert [one.text for one in past.timeline(Wanted(speaker="ben"), limit=9).memories] == ["Day 6", "Day 4", "Day 2"]
    assert [one.text for one in past.timeline(Wanted(holding="DAY 3"), limit=9).memories] == ["Day 3"]
    inside = Wanted(since="2025-01-02", until="2025-01-03")
    assert [one.text for one in past.timeline(inside, limit=9).memories] == ["Day 3", "Day 2"]
    assert past.speakers() == ["Ann", "Ben"]
