"""The store gives back what it was given, keeps people apart, and counts sessions as a person would."""

import sqlite3
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from recollect.memory.checks import check_turns
from recollect.memory.migrations import APPLICATION_ID, MIGRATIONS
from recollect.memory.store import Store
from recollect.memory.times import utc_microseconds
from recollect.memory.types import NewTurn, Scope, Turn

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "memory.db")


def say(store: Store, *turns: NewTurn, user: str = "alice", conversation: str = "default") -> list[Turn]:
    return store.turns(store.append_turns(user, conversation, check_turns(turns)))


def turn(text: str = "Hello.", *, minute: float = 0, session: str | int | None = None) -> NewTurn:
    return NewTurn(speaker="Alice", text=text, said_at=NOON + timedelta(minutes=minute), session=session)


def scope_of(store: Store, user: str, conversation: str | None = None) -> Scope:
    found = store.scope(user, conversation)
    assert found is not None
    return found


# -- verbatim ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "  leading and trailing blanks \n",
        "line one\r\nline two\r\ttab\x0b\x0c\x1c\x85\u2028\u2029",
        "Emoji 👩‍👩‍👧‍👦 🏳️‍🌈, CJK 日本語, Arabic مرحبا, combining e\u0301",
        "\ufeff\u200b\u202eoverrides\x01\x7f",
        "'; drop table memories; -- \" % _ \\ ?1 :a",
        "x" * 1_000_000,
    ],
)
def test_a_turn_comes_back_as_it_was_said(store: Store, text: str) -> None:
    (stored,) = say(store, turn(text))
    assert stored.text == text
    assert store.turns([stored.id]) == [stored]


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1))
@settings(max_examples=60, deadline=None)
def test_any_text_comes_back_as_it_was_said(shared_store: Store, text: str) -> None:
    if text.strip():
        (stored,) = say(shared_store, turn(text))
        assert shared_store.turns([stored.id])[0].text == text


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store") / "memory.db")


def test_everything_said_about_a_turn_comes_back_after_reopening(tmp_path: Path) -> None:
    said_at = datetime.fromisoformat("2026-03-02T18:00:00.123456+05:30")
    metadata = {"channel": "phone", "tags": ["a", "ü"], "n": 1.5, "none": None}
    new = NewTurn(speaker="Ålice", text="Hi.", said_at=said_at, ref="chat-7", session="monday", metadata=metadata)
    with_everything = Store(tmp_path / "memory.db")
    (stored,) = say(with_everything, new, user="al", conversation="work")
    with_everything.close()
    (found,) = Store(tmp_path / "memory.db").turns([stored.id])
    assert found == stored
    assert (found.user, found.conversation, found.session, found.position) == ("al", "work", "monday", 1)
    assert (found.speaker, found.ref, found.metadata) == ("Ålice", "chat-7", metadata)
    assert found.said_at == said_at
    assert found.said_at.utcoffset() == timedelta(hours=5, minutes=30)


def test_a_naive_time_stays_naive(store: Store) -> None:
    (stored,) = say(store, NewTurn(speaker="Alice", text="Hi.", said_at="2026-03-02T18:00"))
    assert stored.said_at == datetime(2026, 3, 2, 18, 0)


def test_dates_in_a_turn_come_back_in_order_with_their_places(store: Store) -> None:
    text = "I adopted a dog yesterday and she goes to the vet in May 2027."
    (stored,) = say(store, turn(text))
    assert [mention.text for mention in stored.dates] == ["yesterday", "May 2027"]
    assert all(text[d.start : d.end] == d.text for d in stored.dates)
    assert stored.dates[0].earliest == stored.dates[0].latest == date(2026, 3, 1)
    assert (stored.dates[1].earliest, stored.dates[1].latest) == (date(2027, 5, 1), date(2027, 5, 31))
    assert store.date_labels([stored.id]) == {stored.id: ["1 March 2026", "May 2027"]}


# -- who and where -------------------------------------------------------------------------------


def test_users_and_conversations_are_kept_apart(store: Store) -> None:
    say(store, turn("a1"), user="alice", conversation="work")
    say(store, turn("a2"), user="alice", conversation="home")
    say(store, turn("b1"), turn("b2"), user="bob", conversation="work")

    def texts(user: str, conversation: str | None = None) -> list[str]:
        return [t.text for t in store.turns(store.ids(scope_of(store, user, conversation)))]

    assert texts("alice") == ["a1", "a2"]
    assert texts("alice", "work") == ["a1"]
    assert texts("bob") == ["b1", "b2"]
    assert store.scope("bob", "home") is None
    assert store.scope("carol") is None
    assert store.users() == ["alice", "bob"]


def test_counts_are_those_of_the_scope(store: Store) -> None:
    said = say(store, turn("I went yesterday.", session="1"), turn("b", session="2"))
    say(store, turn("c"), user="bob")
    store.add_event([said[0].id], "Alice went.", happened_at=NOON, kind="anchor")
    counts = store.counts(scope_of(store, "alice"))
    assert (counts.users, counts.conversations, counts.sessions) == (1, 1, 2)
    assert (counts.turns, counts.events, counts.date_mentions) == (2, 1, 1)
    assert store.counts(Scope()).turns == 3
    assert store.counts(Scope(user=-1)).turns == 0


def test_only_a_scope_that_surely_holds_everything_says_so(store: Store) -> None:
    say(store, turn())
    alice = scope_of(store, "alice", "default")
    assert store.is_everything(alice)
    assert not store.is_everything(Scope(user=alice.user, since_us=0))
    assert not store.is_everything(Scope(user=alice.user, without=frozenset({1})))
    say(store, turn(), conversation="other")
    assert not store.is_everything(alice)
    assert store.is_everything(Scope(user=alice.user))
    say(store, turn(), user="bob")
    assert not store.is_everything(Scope(user=alice.user))
    assert store.is_everything(Scope())


def test_a_scope_filters_by_time_speaker_and_exclusion(store: Store) -> None:
    first, second, third = say(store, turn("a"), turn("b", minute=10), turn("c", minute=20))
    (bob,) = say(store, NewTurn(speaker="BOB", text="d", said_at=NOON))
    minute_us = 60_000_000
    noon_us = int(NOON.timestamp()) * 1_000_000
    assert list(store.ids(Scope(since_us=noon_us + 10 * minute_us))) == [second.id, third.id]
    assert list(store.ids(Scope(until_us=noon_us))) == [first.id, bob.id]
    assert list(store.ids(Scope(speakers=("bob",)))) == [bob.id]
    assert list(store.ids(Scope(without=frozenset({first.id, bob.id})))) == [second.id, third.id]
    assert list(store.ids(Scope(), after=second.id)) == [third.id, bob.id]


def test_the_latest_turns_come_oldest_first_and_without_events(store: Store) -> None:
    said = say(store, *(turn(str(n), minute=n) for n in range(5)))
    say(store, turn("elsewhere"), conversation="other")
    store.add_event([said[4].id], "An event.", happened_at=NOON, kind="anchor")
    scope = scope_of(store, "alice", "default")
    assert [t.text for t in store.latest_turns(scope, 3)] == ["2", "3", "4"]
    assert [t.text for t in store.latest_turns(scope, 99)] == ["0", "1", "2", "3", "4"]
    assert store.latest_turns(scope, 0) == []


def test_the_latest_turns_of_one_are_found_without_reading_those_of_others(store: Store) -> None:
    say(store, turn("Mine."))
    say(store, *(turn(str(n)) for n in range(2_000)), user="bob")
    steps: list[int] = []
    store.file._connection.set_progress_handler(lambda: steps.append(1), 100)  # called every 100 steps of SQLite
    assert [t.text for t in store.latest_turns(scope_of(store, "alice", "default"), 8)] == ["Mine."]
    assert len(steps) < 20


# -- sessions ------------------------------------------------------------------------------------


def places(turns: list[Turn]) -> list[tuple[str, int]]:
    return [(t.session, t.position) for t in turns]


@pytest.mark.parametrize("others", [10, 6_000])
def test_new_ids_are_found_whether_few_or_many_were_stored_by_others(store: Store, others: int) -> None:
    mine = [said.id for said in say(store, turn("one"))]
    store.append_turns("bob", "default", check_turns([turn(str(n)) for n in range(others)]))
    later = [said.id for said in say(store, turn("two"), turn("three"), conversation="other")]
    scope = scope_of(store, "alice")
    assert list(store.ids(scope)) == mine + later
    steps: list[int] = []
    store.file._connection.set_progress_handler(lambda: steps.append(1), 100)
    assert list(store.ids(scope, after=mine[-1])) == later
    assert len(steps) < 20


def test_a_position_is_never_used_twice(store: Store) -> None:
    said = say(store, turn("one"), turn("two"))
    store.delete([said[1].id])
    assert places(say(store, turn("three"))) == [("1", 3)]
    scope = scope_of(store, "alice", "default")
    assert store.last_positions(scope) == {"1": 3}


def test_a_store_of_the_first_version_learns_its_last_positions(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    old = sqlite3.connect(path, isolation_level=None)
    MIGRATIONS[0](Database(old))
    old.executescript(
        f"""pragma user_version = 1; pragma application_id = {APPLICATION_ID};
        insert into users values (1, 'alice'); insert into conversations values (1, 1, 'default');
        insert into sessions values (1, 1, '1', null);
        insert into memories (id, kind, user_id, conversation_id, session_id, position, text, said_at, said_us)
            values (1, 'turn', 1, 1, 1, 1, 'one', '{NOON.isoformat()}', {utc_microseconds(NOON)}),
                   (2, 'turn', 1, 1, 1, 2, 'two', '{NOON.isoformat()}', {utc_microseconds(NOON)});"""
    )
    old.close()
    assert places(say(Store(path), turn("three"))) == [("1", 3)]


def test_named_sessions_are_kept_and_positions_count_from_one_in_each(store: Store) -> None:
    said = say(store, turn(session="D1"), turn(session="D2"), turn(session="D1"))
    assert places(said) == [("D1", 1), ("D2", 1), ("D1", 2)]
    assert places(say(store, turn(session="D2"))) == [("D2", 2)]


def test_a_session_may_be_named_by_a_number(store: Store) -> None:
    assert places(say(store, turn(session=3), turn(session="3"))) == [("3", 1), ("3", 2)]


def test_a_new_session_begins_after_the_gap_and_not_at_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "memory.db", session_gap_s=600)
    said = say(store, turn(), turn(minute=10), turn(minute=20.01))
    assert places(said) == [("1", 1), ("1", 2), ("2", 1)]
    assert places(say(store, turn(minute=25))) == [("2", 2)]
    assert places(say(store, turn(minute=99))) == [("3", 1)]


def test_closing_a_session_makes_the_next_turn_begin_another(store: Store) -> None:
    assert store.close_session("alice", "default", NOON) is None
    say(store, turn())
    assert store.close_session("alice", "default", NOON) == "1"
    assert store.close_session("alice", "default", NOON) is None
    assert places(say(store, turn(minute=1))) == [("2", 1)]


def test_closing_ends_the_running_session_and_none_that_ended_by_the_gap(store: Store) -> None:
    say(store, turn(), turn(minute=999))
    assert store.close_session("alice", "default", NOON) == "2"
    assert store.close_session("alice", "default", NOON) is None


def test_closing_touches_no_other_conversation(store: Store) -> None:
    say(store, turn(), conversation="work")
    say(store, turn(), conversation="home")
    store.close_session("alice", "work", NOON)
    assert places(say(store, turn(minute=1), conversation="home")) == [("1", 2)]


def test_a_turn_without_a_session_continues_where_the_last_one_was_said(store: Store) -> None:
    say(store, turn(session="a"), turn(session="b"), turn(session="a"))
    assert places(say(store, turn(minute=1))) == [("a", 3)]


def test_a_closed_session_takes_named_turns_and_no_others(store: Store) -> None:
    say(store, turn(session="a"))
    store.close_session("alice", "default", NOON)
    said = say(store, turn(session="a"), turn())
    assert places(said) == [("a", 2), ("2", 1)]


def test_an_automatic_name_never_joins_a_session_the_caller_named(store: Store) -> None:
    say(store, turn(session="2"))
    store.close_session("alice", "default", NOON)
    assert places(say(store, turn(minute=1))) == [("3", 1)]


def test_sessions_are_listed_in_the_order_they_were_begun(store: Store) -> None:
    say(store, turn(session="b"), turn(session="a"), turn(session="b"))
    say(store, turn(session="z"), user="bob", conversation="work")
    assert store.sessions(scope_of(store, "alice")) == [("default", "b", 2), ("default", "a", 1)]
    assert store.sessions(Scope())[-1] == ("work", "z", 1)


class Diary:
    """What a store of one gap must agree with: lists and counters."""

    def __init__(self, gap: int) -> None:
        self.gap = gap
        self.turns: dict[str, list[tuple[str, int, int, str]]] = {}  # (session, position, minute, text)
        self.begun: dict[str, list[str]] = {}
        self.closed: dict[str, set[str]] = {}

    def append(self, conversation: str, session: str | None, minute: int, text: str) -> None:
        turns = self.turns.setdefault(conversation, [])
        begun = self.begun.setdefault(conversation, [])
        closed = self.closed.setdefault(conversation, set())
        if session is None and turns and turns[-1][0] not in closed and abs(minute - turns[-1][2]) <= self.gap:
            session = turns[-1][0]
        if session is None:
            number = len(begun) + 1
            while str(number) in begun:
                number += 1
            session = str(number)
        if session not in begun:
            begun.append(session)
        turns.append((session, 1 + sum(t[0] == session for t in turns), minute, text))

    def close(self, conversation: str) -> str | None:
        turns = self.turns.get(conversation)
        if not turns or turns[-1][0] in self.closed[conversation]:
            return None
        self.closed[conversation].add(turns[-1][0])
        return turns[-1][0]


lines = st.tuples(
    st.sampled_from([None, None, None, "1", "2", "a"]), st.integers(0, 100), st.text("ab .", min_size=1)
)
steps = st.lists(st.tuples(st.sampled_from("xy"), st.one_of(st.none(), st.lists(lines, max_size=4))), max_size=8)


@given(steps=steps)
@settings(max_examples=50, deadline=None)
def test_any_appends_in_any_batches_equal_a_simple_diary(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, list[tuple[str | None, int, str]] | None]]
) -> None:
    store = Store(tmp_path_factory.mktemp("diary") / "memory.db", session_gap_s=30 * 60)
    diary = Diary(gap=30)
    for conversation, batch in steps:
        if batch is None:
            assert store.close_session("alice", conversation, NOON) == diary.close(conversation)
            continue
        written = [(session, minute, text + ".") for session, minute, text in batch]
        for session, minute, text in written:
            diary.append(conversation, session, minute, text)
        say(store, *(turn(t, minute=m, session=s) for s, m, t in written), conversation=conversation)
    for conversation, expected in diary.turns.items():
        found = store.latest_turns(scope_of(store, "alice", conversation), 99)
        minutes = [round((t.said_at - NOON).total_seconds() / 60) for t in found]
        assert [(t.session, t.position, m, t.text) for t, m in zip(found, minutes, strict=True)] == expected
        counts = [(conversation, s, sum(t[0] == s for t in expected)) for s in diary.begun[conversation]]
        assert store.sessions(scope_of(store, "alice", conversation)) == counts
    store.close()


# -- events and deletion -------------------------------------------------------------------------


def test_an_event_knows_the_turns_it_came_from(store: Store) -> None:
    first, second, third = say(store, turn("a", session="s"), turn("b"), turn("c"))
    happened = datetime(2026, 3, 1, 9, 30)
    event_id = store.add_event([first.id, second.id, first.id], "Something.", happened_at=happened, kind="anchor")
    (event,) = store.events_of([second.id])
    assert (event.id, event.text, event.kind, event.happened_at) == (event_id, "Something.", "anchor", happened)
    assert (event.user, event.conversation, event.session) == ("alice", "default", "s")
    assert event.turns == (first.id, second.id)
    assert store.events_of([third.id]) == []
    assert store.memories([event_id, third.id]) == {event_id: event, third.id: third}


def test_an_event_goes_with_its_last_turn(store: Store) -> None:
    first, second = say(store, turn("a"), turn("b"))
    event_id = store.add_event([first.id, second.id], "Both.", happened_at=NOON, kind="ephemeral")
    store.delete([first.id])
    (event,) = store.events_of([second.id])
    assert event.turns == (second.id,)
    store.delete([second.id])
    assert store.memories([event_id]) == {}


def test_deleting_a_turn_takes_its_dates_along(store: Store) -> None:
    (said,) = say(store, turn("I went yesterday."))
    store.delete([said.id])
    assert store.counts(Scope()).date_mentions == 0


def test_an_id_is_never_used_twice(tmp_path: Path) -> None:
    store = Store(tmp_path / "memory.db")
    first, second = say(store, turn(), turn())
    store.delete([first.id, second.id])
    store.close()
    store = Store(tmp_path / "memory.db")
    (third,) = say(store, turn())
    event_id = store.add_event([third.id], "e", happened_at=NOON, kind="anchor")
    store.delete([event_id, third.id])
    (fourth,) = say(store, turn())
    assert len({first.id, second.id, third.id, event_id, fourth.id}) == 5
    assert fourth.id > event_id > third.id > second.id


def test_neighbours_are_those_of_the_session_within_reach(store: Store) -> None:
    said = say(store, *(turn(str(n), session="a") for n in range(6)), turn("other", session="b"))
    rows = store.neighbourhood([said[0].id, said[4].id], reach=1)
    assert [row[6] for row in rows] == ["0", "1", "3", "4", "5"]


# -- files ---------------------------------------------------------------------------------------


def test_a_fresh_file_gets_the_newest_schema_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "memory.db"
    store = Store(path)
    identity = store.store_id
    assert store.file.row("pragma user_version") == (len(MIGRATIONS),)
    assert store.file.row("pragma journal_mode") == ("wal",)
    assert store.file.row("pragma foreign_keys") == (1,)
    store.close()
    assert identity
    assert Store(path).store_id == identity
    assert Store(tmp_path / "other.db").store_id != identity


def test_a_block_that_fails_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(RuntimeError), store.file.atomic():
        say(store, turn("half"))
        raise RuntimeError
    assert store.counts(Scope()).turns == 0
    assert store.users() == []
    assert places(say(store, turn("whole"))) == [("1", 1)]


def test_an_inner_block_that_fails_leaves_the_outer_one_whole(store: Store) -> None:
    with store.file.atomic():
        say(store, turn("before"))
        with pytest.raises(RuntimeError), store.file.atomic():
            say(store, turn("inside"))
            raise RuntimeError
        say(store, turn("after"))
    assert [t.text for t in store.latest_turns(Scope(), 9)] == ["before", "after"]


def test_opening_waits_for_a_process_that_is_still_creating_the_store(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    Store(path).close()
    other = sqlite3.connect(path, check_same_thread=False)
    other.execute("pragma journal_mode = delete")  # as between another's migration and its write-ahead log
    other.execute("begin immediate")
    threading.Timer(0.2, other.rollback).start()
    store = Store(path)
    assert store.file.row("pragma journal_mode") == ("wal",)


def test_a_second_handle_sees_what_the_first_one_wrote(store: Store) -> None:
    other = Store(store.file.path)
    say(store, turn("hello"))
    assert [t.text for t in other.latest_turns(Scope(), 9)] == ["hello"]
    assert places(say(other, turn(minute=1))) == [("1", 2)]


def test_any_program_can_read_the_words(store: Store) -> None:
    say(store, turn("plain"))
    with sqlite3.connect(store.file.path) as connection:
        assert connection.execute("select speaker, text from memories").fetchall() == [("Alice", "plain")]
