"""Sessions that are over get their summaries: when, from what, and what happens when that fails."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recollect.agent.agent import Agent
from recollect.agent.long_term_memory import LongTermMemory
from recollect.agent.session_summaries import BLOCK_CHUNKS, PAUSE_S, SessionSummaries
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.errors import GenerationError, InvalidInput, InvalidTurn
from recollect.memory.store import Store
from recollect.memory.times import now
from recollect.memory.types import EventSummary, NewEvent, Scope, Turn
from recollect.rerank.base import FirstStageOrder
from tests.fakes import HashEmbedder, ScriptedGenerator, count_words

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class FirstWords:
    """Makes one event of every block: its first turn's words, citing all its turns; fails while `is_broken`."""

    name = "first words"
    is_local = True

    def __init__(self) -> None:
        self.shown: list[list[str]] = []
        self.is_broken = False
        self.cites: tuple[int, ...] | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def events(self, turns: Sequence[Turn]) -> list[NewEvent]:
        self.shown.append([turn.text for turn in turns])
        self.meanwhile()
        if self.is_broken:
            raise GenerationError("The summariser is out of order.")
        ids = self.cites or tuple(turn.id for turn in turns)
        text = f"Diary: {turns[0].text}"
        return [NewEvent(text=text, happened_at=turns[0].said_at, kind="anchor", turns=ids)]


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Desk:
    """A memory with its summariser and its clock."""

    def __init__(self, path: Path) -> None:
        self.summarizer = FirstWords()
        self.clock = Clock()
        self.embedder = HashEmbedder()
        self.archive = Archive(Store(path), self.embedder)
        self.summaries = SessionSummaries(
            self.archive, self.summarizer, idle_s=3600.0, count=count_words, clock=self.clock
        )
        contexts = ContextBuilder(count_words)
        self.memory = LongTermMemory(
            self.archive, FirstStageOrder(), contexts, user="Alice", summaries=self.summaries
        )

    def events(self) -> list[EventSummary]:
        store = self.archive.store
        found = store.memories(store.ids(Scope())).values()
        return [memory for memory in found if isinstance(memory, EventSummary)]

    def add(self, session: str, *texts: str, said_at: datetime = NOON) -> list[Turn]:
        return [self.memory.add("Alice", text, session=session, said_at=said_at) for text in texts]

    def due(self) -> list[str]:
        return [session.name for session in self.summaries.due(Scope())]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "memory.db")


# -- when a session is over ----------------------------------------------------------------------


def test_a_session_is_over_when_it_was_idle_or_closed_or_another_began(desk: Desk) -> None:
    desk.add("old", "long ago")
    assert desk.due() == ["old"]  # idle for years
    desk.add("running", "just now", said_at=now())
    assert desk.due() == ["old"]
    desk.add("next", "just now too", said_at=now())
    assert desk.due() == ["old", "running"]
    assert desk.archive.store.close_session("Alice", "default", now()) == "next"
    assert desk.due() == ["old", "running", "next"]


def test_closing_a_session_summarises_it(desk: Desk) -> None:
    first, second = desk.add("1", "I adopted a beagle", "He is called Biscuit", said_at=now())
    assert desk.memory.close_session() == "1"
    (event,) = desk.events()
    assert (event.text, event.kind, event.turns) == ("Diary: I adopted a beagle", "anchor", (first.id, second.id))
    assert desk.due() == []


def test_a_session_that_goes_on_is_summarised_anew_as_a_whole(desk: Desk) -> None:
    desk.add("1", "one")
    assert desk.memory.summarise_due().sessions == 1
    desk.add("1", "two")
    assert desk.due() == ["1"]
    assert desk.memory.summarise_due().events == 1
    assert desk.summarizer.shown == [["one"], ["one", "two"]]
    (event,) = desk.events()
    assert len(event.turns) == 2


def test_a_reply_summarises_the_newest_sessions_that_are_over_and_no_more_than_two(desk: Desk) -> None:
    for number in range(4):
        desk.add(f"s{number}", f"text {number}")
    agent = Agent(desk.memory, ScriptedGenerator("Noted."))
    assert agent.reply("hello", said_at=now()).problems == ()
    assert desk.due() == ["s0", "s1"]
    agent.reply("and again", said_at=now())
    assert desk.due() == []


def test_a_session_of_enough_turns_is_closed_and_summarised(desk: Desk) -> None:
    agent = Agent(desk.memory, ScriptedGenerator("Noted."), session_turns=4)
    agent.reply("one", said_at=now())
    assert desk.events() == []
    agent.reply("two", said_at=now())
    (event,) = desk.events()
    assert len(event.turns) == 4
    assert agent.reply("three", said_at=now()).reply.session != event.session  # type: ignore[union-attr]


def test_long_sessions_are_summarised_in_blocks_of_twenty_chunks(desk: Desk) -> None:
    words = " ".join(["word"] * 257)  # with its speaker one chunk
    desk.add("1", *[f"{number} {words}" for number in range(BLOCK_CHUNKS + 1)])
    assert desk.memory.summarise_due().events == 2
    assert [len(shown) for shown in desk.summarizer.shown] == [BLOCK_CHUNKS, 1]


# -- what is stored ------------------------------------------------------------------------------


def test_summaries_are_found_by_their_words_and_have_vectors(desk: Desk) -> None:
    desk.add("1", "I adopted a beagle")
    desk.memory.summarise_due()
    found = [scored.memory for scored in desk.memory.recall("diary")]
    assert isinstance(found[0], EventSummary)
    assert desk.archive.log.missing_count() == 0


def test_a_summary_that_cites_another_session_is_not_stored(desk: Desk) -> None:
    (stranger,) = desk.add("1", "one")
    desk.memory.summarise_due()
    desk.summarizer.cites = (stranger.id,)
    desk.add("2", "two")
    with pytest.raises(InvalidInput, match="cites turns"):
        desk.memory.summarise_due()
    assert desk.due() == ["2"]


def test_what_is_said_while_a_session_is_summarised_is_not_lost(desk: Desk) -> None:
    desk.add("1", "one")
    desk.summarizer.meanwhile = lambda: desk.add("1", "two")
    assert "went on" in desk.memory.summarise_due().problems[0]
    assert (desk.due(), desk.events()) == (["1"], [])


# -- what fails ----------------------------------------------------------------------------------


def test_a_failing_summariser_costs_no_reply_and_is_left_alone_for_a_while(desk: Desk) -> None:
    desk.add("1", "one")
    desk.summarizer.is_broken = True
    agent = Agent(desk.memory, ScriptedGenerator("Noted."))
    answer = agent.reply("hello", said_at=now())
    assert answer.text == "Noted."
    assert "out of order" in answer.problems[0]
    assert [turn.text for turn in desk.memory.latest(2)] == ["hello", "Noted."]
    desk.summarizer.is_broken = False
    assert agent.reply("again", said_at=now()).problems == ()
    assert desk.due() == ["1"]  # nobody asked it
    desk.clock.now_s += PAUSE_S + 1.0
    agent.reply("and again", said_at=now())
    assert desk.due() == []


def test_one_session_that_fails_does_not_keep_the_others_from_their_summaries(desk: Desk) -> None:
    desk.add("1", "one")
    desk.add("2", "two")
    desk.add("3", "three")
    outcomes = []
    for outcome in desk.summaries.work_through(desk.summaries.due(Scope())):
        outcomes.append(outcome.sessions)
        desk.summarizer.is_broken = len(outcomes) == 1
    assert outcomes == [1, 0, 1]
    assert desk.due() == ["2"]


# -- turns that change ---------------------------------------------------------------------------


def test_a_forgotten_turn_takes_what_was_summarised_of_its_session_along(desk: Desk) -> None:
    secret, other = desk.add("1", "my secret", "the weather")
    desk.memory.summarise_due()
    desk.memory.forget([secret])
    (event,) = desk.events()
    assert (event.text, event.turns) == ("Diary: the weather", (other.id,))
    assert all("secret" not in scored.memory.text for scored in desk.memory.recall("secret"))
    assert desk.archive.words.search("secret", limit=9, scope=Scope()) == []
    desk.memory.forget([other])
    assert desk.events() == []


def test_while_the_summariser_fails_a_stale_session_has_no_summaries_and_stays_due(desk: Desk) -> None:
    (secret, _) = desk.add("1", "my secret", "the weather")
    desk.memory.summarise_due()
    desk.summarizer.is_broken = True
    desk.memory.forget([secret])
    assert desk.events() == []
    assert [(session.name, session.is_stale) for session in desk.summaries.due(Scope())] == [("1", True)]


def test_forgetting_summarises_nothing_that_was_not_stale(desk: Desk) -> None:
    (turn,) = desk.add("1", "one")
    desk.add("2", "two")
    desk.memory.forget([turn])
    assert desk.summarizer.shown == []


def test_events_added_by_hand_are_not_replaced(desk: Desk) -> None:
    one, two = desk.add("1", "one", "two")
    desk.memory.add_event([one, two], "By hand")
    desk.memory.summarise_due()
    desk.memory.forget([one])
    assert sorted(event.text for event in desk.events()) == ["By hand", "Diary: two"]


def test_a_corrected_turn_is_found_by_its_new_words_alone_and_keeps_its_place(desk: Desk) -> None:
    before, turn, _ = desk.add("1", "hello", "I moved to Paris yesterday", "nice")
    desk.memory.summarise_due()
    corrected = desk.memory.correct(turn, "I moved to Rome last week")
    assert (corrected.id, corrected.position, corrected.said_at) == (turn.id, turn.position, turn.said_at)
    assert [mention.text for mention in corrected.dates] == ["last week"]
    assert desk.archive.words.search("Paris", limit=9, scope=Scope()) == []
    assert {hit.id for hit in desk.archive.words.search("Rome", limit=9, scope=Scope())} >= {before.id, turn.id}
    (vector,) = desk.archive.log.of([turn.id])[1]
    (expected,) = desk.embedder.embed(["Alice: I moved to Rome last week"], kind="passage")
    assert vector == pytest.approx(expected, abs=1e-6)
    assert desk.memory.recall("Rome")[0].memory.id in {turn.id, *(event.id for event in desk.events())}
    assert desk.summarizer.shown[-1] == ["hello", "I moved to Rome last week", "nice"]


def test_a_correction_that_cannot_be_stored_changes_nothing(desk: Desk) -> None:
    (turn,) = desk.add("1", "I moved to Paris")
    with pytest.raises(InvalidTurn):
        desk.memory.correct(turn, "  ")
    desk.memory.forget([turn])
    with pytest.raises(InvalidInput, match="is no turn"):
        desk.memory.correct(turn, "I moved to Rome")


def test_a_corrected_turn_is_embedded_later_when_the_embedder_fails(desk: Desk) -> None:
    (turn,) = desk.add("1", "I moved to Paris")
    desk.embedder.is_broken = True
    desk.memory.correct(turn, "I moved to Rome")
    assert desk.archive.log.missing_count() == 1
    desk.embedder.is_broken = False
    assert desk.memory.recall("Rome")[0].memory.text == "I moved to Rome"
    assert desk.archive.log.missing_count() == 0


def test_old_sessions_of_other_users_are_none_of_its_business(desk: Desk) -> None:
    other = desk.memory.as_user("Ben")
    other.add("Ben", "hi", said_at=NOON - timedelta(days=1))
    assert desk.memory.summarise_due().sessions == 0
    assert other.summarise_due().sessions == 1


def test_a_session_whose_turns_are_all_forgotten_is_due_no_longer(desk: Desk) -> None:
    (turn,) = desk.add("1", "one")
    desk.memory.forget([turn])
    assert [session.turns for session in desk.summaries.due(Scope())] == [0]
    assert desk.memory.summarise_due().problems == ()
    assert (desk.due(), desk.events(), desk.summarizer.shown) == ([], [], [])
