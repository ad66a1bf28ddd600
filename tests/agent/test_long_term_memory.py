"""The library as a user would write it: add, recall, context, filters, threads, closing."""

import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

import recollect
from recollect.agent.long_term_memory import LongTermMemory
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.errors import ClosedError, InvalidInput, InvalidTurn, RecollectError, RerankError
from recollect.memory.store import Store
from recollect.memory.types import Candidate, EventSummary, NewTurn, ScoredMemory, Turn
from recollect.rerank.base import FirstStageOrder, Ranking, Reranker
from tests.fakes import HashEmbedder, count_words

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def opened(path: Path, *, user: str = "alice", conversation: str | None = None) -> LongTermMemory:
    archive = Archive(Store(path), HashEmbedder())
    contexts = ContextBuilder(count_words)
    return LongTermMemory(archive, FirstStageOrder(), contexts, user=user, conversation=conversation)


@pytest.fixture
def memory(tmp_path: Path) -> LongTermMemory:
    return opened(tmp_path / "memory.db")


def texts(memory: LongTermMemory, question: str, **filters: object) -> list[str]:
    return [found.memory.text for found in memory.recall(question, limit=99, **filters)]  # type: ignore[arg-type]


def test_the_example_of_the_readme_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    memory = recollect.open_memory("assistant.db", user="alice")
    memory.add(
        speaker="Alice",
        text="I adopted a beagle called Biscuit yesterday.",
        said_at="2026-03-02T18:00",
        ref="chat-7",
    )
    best = memory.recall("What is Alice's dog called?", limit=5)[0].memory
    assert isinstance(best, Turn)
    assert (best.ref, best.session, best.said_at) == ("chat-7", "1", datetime(2026, 3, 2, 18, 0))
    context = memory.context("What is Alice's dog called?", budget=854)
    assert "[1] Alice: I adopted a beagle called Biscuit yesterday [1 March 2026]." in context.text
    agent = recollect.open_agent("assistant.db", user="alice")
    answer = agent.ask("When did I adopt my dog?")
    assert answer.text.startswith("1 March 2026")
    assert [citation.turn for citation in answer.citations] == [best]
    assert not answer.abstained
    memory.close()
    agent.close()


def test_many_turns_are_added_in_order_as_turns_or_mappings(memory: LongTermMemory) -> None:
    stored = memory.add_many(
        [
            NewTurn(speaker="Alice", text="one", said_at=NOON, session=1, ref="a"),
            {"speaker": "Bob", "text": "two", "said_at": "2026-03-02T12:01+00:00", "session": 1, "ref": "b"},
        ]
    )
    assert [(turn.text, turn.session, turn.position, turn.ref) for turn in stored] == [
        ("one", "1", 1, "a"),
        ("two", "1", 2, "b"),
    ]
    assert memory.add_many([]) == []
    assert memory.latest(9) == stored


def test_a_bad_turn_stores_nothing_of_its_batch(memory: LongTermMemory) -> None:
    with pytest.raises(InvalidTurn, match="Turn 1 of the batch"):
        memory.add_many([{"speaker": "Alice", "text": "fine"}, {"speaker": "Alice", "text": " "}])
    assert memory.counts().turns == 0


def test_a_turn_without_a_time_was_said_now(memory: LongTermMemory) -> None:
    before = datetime.now().astimezone() - timedelta(seconds=2)
    said_at = memory.add("Alice", "hello").said_at
    assert said_at.utcoffset() is not None
    assert before <= said_at <= datetime.now().astimezone()


# -- filters -------------------------------------------------------------------------------------


@pytest.fixture
def week(memory: LongTermMemory) -> LongTermMemory:
    """One turn a day at noon, in turns by Alice and Bob; two conversations."""
    turns = [
        NewTurn(speaker="Alice" if day % 2 else "Bob", text=f"dog day{day}", said_at=f"2026-03-0{day}T12:00:00+00:00")
        for day in range(1, 8)
    ]
    memory.add_many(turns)
    opened(memory.path, conversation="work").add("Alice", "dog work", said_at="2026-03-04T12:00:00+00:00")
    return memory


def days(memory: LongTermMemory, **filters: object) -> list[str]:
    return sorted(text.removeprefix("dog ") for text in texts(memory, "dog", **filters))


def test_a_memory_of_no_conversation_sees_all_of_its_user(week: LongTermMemory) -> None:
    assert days(week) == ["day1", "day2", "day3", "day4", "day5", "day6", "day7", "work"]
    assert days(week, conversation="work") == ["work"]
    assert days(week, conversation="nowhere") == []
    assert days(opened(week.path, conversation="work")) == ["work"]
    assert days(opened(week.path, user="bob")) == []


def test_as_of_hides_what_was_said_later(week: LongTermMemory) -> None:
    assert days(week, as_of="2026-03-02T12:00:00+00:00") == ["day1", "day2"]
    assert days(week, as_of=datetime(2026, 3, 2, 11, 59, tzinfo=UTC)) == ["day1"]
    assert days(week, as_of="2026-03-03T00:00+00:00", until="2026-03-01T23:00+00:00") == ["day1"]


def test_a_bare_day_as_an_upper_limit_means_its_end(week: LongTermMemory) -> None:
    assert "day6" in days(week, until="2026-03-06", since="2026-03-05T13:00:00+00:00")
    assert days(week, since="2026-03-06", as_of="2026-03-06") == ["day6"]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process can only be set on POSIX")
def test_a_bare_day_ends_at_midnight_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        with opened(tmp_path / "memory.db") as memory:
            memory.add("Alice", "tea on a day of 25 hours", said_at="2026-11-01T23:30")
            memory.add("Alice", "tea on a day of 23 hours", said_at="2026-03-08T23:30")
            memory.add("Alice", "tea after it", said_at="2026-03-09T00:30")
            assert texts(memory, "tea", since="2026-11-01", until="2026-11-01") == ["tea on a day of 25 hours"]
            assert texts(memory, "tea", since="20261101", until="20261101") == ["tea on a day of 25 hours"]
            assert texts(memory, "tea", since="2026-03-08", until="2026-03-08") == ["tea on a day of 23 hours"]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_since_and_until_are_inclusive(week: LongTermMemory) -> None:
    found = days(week, since="2026-03-03T12:00:00+00:00", until="2026-03-04T13:00:00+01:00")
    assert found == ["day3", "day4", "work"]


def test_speakers_and_exclusions_filter(week: LongTermMemory) -> None:
    assert days(week, speakers=["BOB"]) == ["day2", "day4", "day6"]
    assert days(week, speakers=["bob", "alice"]) == days(week)
    left_out = [turn.id for turn in week.latest(6)]
    assert days(week, without=left_out) == ["day1", "work"]


def test_filters_reach_the_context_too(week: LongTermMemory) -> None:
    context = week.context("dog", speakers=["Bob"], since="2026-03-03")
    assert [memory.text for memory in context.memories] == ["dog day4", "dog day6"]


def test_a_filter_that_is_no_time_is_refused(week: LongTermMemory) -> None:
    with pytest.raises(InvalidInput, match="yesterday"):
        week.recall("dog", as_of="yesterday")


def test_a_filter_that_does_not_exist_is_refused_by_name(week: LongTermMemory) -> None:
    for misspelt in ({"speaker": "Alice"}, {"untill": "2026-03-02"}):  # else it would show what it should hide
        for memory in (week, week.as_user("nobody")):
            with pytest.raises(InvalidInput, match=f"{next(iter(misspelt))} is no filter; there are: as_of,"):
                texts(memory, "dog", **misspelt)


@pytest.mark.parametrize(
    "filters",
    [{"speakers": 5}, {"without_speakers": [5]}, {"without": 7}, {"without": ["7"]}, {"conversation": 5}],
    ids=str,
)
def test_a_filter_of_another_kind_is_refused(week: LongTermMemory, filters: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        texts(week, "dog", **filters)


def test_a_filter_of_none_restricts_nothing(week: LongTermMemory) -> None:
    nothing = dict.fromkeys(("as_of", "since", "until", "speakers", "without", "without_speakers"))
    assert texts(week, "dog", **nothing) == texts(week, "dog")


def test_what_is_no_question_limit_budget_or_memory_is_refused(week: LongTermMemory) -> None:
    wrong: Any = None  # as an untyped caller may pass it
    for memory in (week, week.as_user("nobody")):
        with pytest.raises(InvalidInput, match="question must be text, not NoneType"):
            memory.recall(wrong)
        with pytest.raises(InvalidInput, match="question must be text"):
            memory.retrieve(cast("Any", ["dog"]))
        with pytest.raises(InvalidInput, match="limit must be a whole number"):
            memory.recall("dog", limit=wrong)
        with pytest.raises(InvalidInput, match="budget must be a whole number"):
            memory.context("dog", budget=cast("Any", "854"))
    with pytest.raises(InvalidInput, match="a ScoredMemory holds one"):
        week.forget(cast("Any", week.recall("dog")))


def test_limits_hold(week: LongTermMemory) -> None:
    assert len(week.recall("dog", limit=3)) == 3
    assert week.recall("dog", limit=0) == []
    assert week.recall("dog", limit=3) == week.recall("dog", limit=99)[:3]


def test_more_than_a_pool_can_be_recalled(memory: LongTermMemory) -> None:
    memory.add_many([{"speaker": "Alice", "text": f"dog {n}"} for n in range(300)])
    assert len(memory.recall("dog", limit=250)) == 250


# -- one run of the pipeline ---------------------------------------------------------------------


def test_retrieve_gives_ranking_context_and_timings_of_one_run(week: LongTermMemory) -> None:
    found = week.retrieve("dog day3", limit=2, budget=30)
    assert [scored.memory.text for scored in found.ranked] == texts(week, "dog day3")[:2]
    assert found.context == week.context("dog day3", budget=30)
    assert len(found.context.memories) > 2  # the context may hold more than the limit of the ranking
    assert set(found.timings) == {"embed", "lexical", "dense", "fuse", "rerank", "context"}
    assert all(took_ms >= 0 for took_ms in found.timings.values())
    assert found.problems == ()
    best = found.ranked[0]
    assert best.score == best.stages["fused"]
    assert set(best.stages) == {"fused", "lexical", "dense"}


class NewestFirst:
    """Ranks by id, the newest turn first."""

    name = "newest"

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        ordered = sorted((c.memory for c in candidates), key=lambda memory: -memory.id)
        return [ScoredMemory(memory=memory, score=float(memory.id), stages={}) for memory in ordered]


class PartlyRanking(NewestFirst):
    """Tells a problem with every ranking, or raises `error` if set; `events` are those of the last call."""

    name = "partly"

    def __init__(self) -> None:
        self.error: RecollectError | None = None
        self.events: list[EventSummary] = []

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        self.events = list(events)
        if self.error is not None:
            raise self.error
        return Ranking(memories=tuple(self.rank(question, candidates)), problems=("Only half was read.",))


class Eventless(PartlyRanking):
    """Has no use for events."""

    reads_events = False


def ranked_by(memory: LongTermMemory, reranker: Reranker) -> LongTermMemory:
    return LongTermMemory(memory.archive, reranker, ContextBuilder(count_words), user=memory.user)


def test_what_a_reranker_could_not_do_is_said(week: LongTermMemory) -> None:
    found = ranked_by(week, PartlyRanking()).retrieve("dog")
    assert found.problems == ("Only half was read.",)
    assert [scored.score for scored in found.ranked] == sorted((s.score for s in found.ranked), reverse=True)


def test_a_failing_reranker_costs_no_recall_and_says_so(
    week: LongTermMemory, caplog: pytest.LogCaptureFixture
) -> None:
    reranker = PartlyRanking()
    memory = ranked_by(week, reranker)
    reranker.error = RerankError("No weights; install them.")
    found, plain = memory.retrieve("dog day3"), week.retrieve("dog day3")
    assert (found.ranked, found.context) == (plain.ranked, plain.context)
    problem = "The reranker partly failed, so the first stage's order stands: No weights; install them."
    assert found.problems == (problem,)
    assert caplog.text == ""  # who is handed the problem is not told twice
    assert memory.recall("dog day3") == week.recall("dog day3")
    assert problem in caplog.text
    caplog.clear()
    assert memory.context("dog day3") == week.context("dog day3")
    assert problem in caplog.text
    with pytest.raises(RerankError):  # who compares rerankers must know
        week.reranked("dog", week.recalled("dog"), reranker)
    for mistake in (InvalidInput("No question."), ClosedError("It is closed.")):
        reranker.error = mistake
        with pytest.raises(type(mistake)):
            memory.retrieve("dog")


def test_events_are_looked_up_for_rerankers_that_read_them(week: LongTermMemory) -> None:
    event = week.add_event(week.latest(1), "Walks with the dog.")
    reading, eventless = PartlyRanking(), Eventless()
    ranked_by(week, reading).recall("dog")
    ranked_by(week, eventless).recall("dog")
    assert (reading.events, eventless.events) == ([event], [])


def test_several_rerankers_order_one_recall(week: LongTermMemory) -> None:
    recalled = week.recalled("dog day3")
    kept = week.reranked("dog day3", recalled, FirstStageOrder(), limit=2, budget=30)
    newest = week.reranked("dog day3", recalled, NewestFirst(), limit=2, budget=30)
    found = week.retrieve("dog day3", limit=2, budget=30)
    assert (kept.ranked, kept.context) == (found.ranked, found.context)
    ids = sorted(candidate.memory.id for candidate in recalled.candidates)
    assert [scored.memory.id for scored in newest.ranked] == [ids[-1], ids[-2]]
    assert recalled.timings.items() <= newest.timings.items()
    assert len(week.recalled("dog", limit=3).candidates) == 3


def test_an_empty_memory_answers_everything_with_nothing(memory: LongTermMemory) -> None:
    found = memory.retrieve("dog", budget=30)
    assert found.ranked == ()
    assert (found.context.text, found.context.tokens, found.context.budget) == ("", 0, 30)
    assert memory.recall("dog") == []
    assert memory.latest(5) == []
    assert memory.close_session() is None
    assert memory.counts().turns == 0


def test_counts_are_those_of_the_user(week: LongTermMemory) -> None:
    other = opened(week.path, user="bob")
    other.add("Bob", "I left yesterday.", said_at=NOON)
    assert (week.counts().turns, week.counts().conversations, week.counts().users) == (8, 2, 1)
    assert (other.counts().turns, other.counts().date_mentions) == (1, 1)


def test_an_event_is_dated_like_its_first_turn_if_not_told(memory: LongTermMemory) -> None:
    first = memory.add("Alice", "dog", said_at=NOON)
    second = memory.add("Alice", "cat", said_at=NOON + timedelta(minutes=5))
    assert memory.add_event([first, second], "Pets.").happened_at == NOON
    assert memory.add_event([first], "Pets.", happened_at="2026-01-01").happened_at == datetime(2026, 1, 1)
    with pytest.raises(InvalidInput):
        memory.add_event([], "Nothing.")


def test_forgotten_memories_are_gone_from_every_search(week: LongTermMemory) -> None:
    forgotten = [turn for turn in week.latest(7) if turn.speaker == "Bob"]
    week.forget(forgotten)
    assert days(week) == ["day1", "day3", "day5", "day7", "work"]
    assert days(opened(week.path)) == ["day1", "day3", "day5", "day7", "work"]


# -- threads and closing -------------------------------------------------------------------------


def test_threads_add_and_recall_at_once(memory: LongTermMemory) -> None:
    failures: list[BaseException] = []

    def chat(number: int) -> None:
        try:
            for place in range(12):
                stored = memory.add("Alice", f"thread{number} turn{place} dog", session=f"s{number}")
                found = memory.recall(f"thread{number} turn{place}", limit=200)
                assert stored.id in {scored.memory.id for scored in found}
                memory.context("dog", budget=60)
        except BaseException as error:  # noqa: BLE001 - a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=chat, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert memory.counts().turns == 96
    for number in range(8):
        said = [turn for turn in memory.latest(99) if turn.session == f"s{number}"]
        assert [turn.text for turn in said] == [f"thread{number} turn{place} dog" for place in range(12)]
        assert [turn.position for turn in said] == list(range(1, 13))


def test_two_handles_on_one_store_see_each_other(memory: LongTermMemory) -> None:
    other = opened(memory.path)
    memory.add("Alice", "dog one")
    assert texts(other, "dog") == ["dog one"]
    other.add("Alice", "dog two")
    assert sorted(texts(memory, "dog")) == ["dog one", "dog two"]


def test_a_block_closes_the_memory(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db") as memory:
        memory.add("Alice", "dog")
    with pytest.raises(ClosedError, match="closed"):
        memory.recall("dog")


def test_every_use_after_closing_is_a_closed_error(memory: LongTermMemory) -> None:
    turn = memory.add("Alice", "dog")
    memory.close()
    memory.close()  # a second time does nothing
    for use in (
        lambda: memory.add("Alice", "cat"),
        lambda: memory.recall("dog"),
        lambda: memory.context("dog"),
        lambda: memory.latest(3),
        lambda: memory.forget([turn]),
        lambda: memory.add_event([turn], "x"),
        memory.counts,
        memory.close_session,
    ):
        with pytest.raises(ClosedError):
            use()


def test_a_store_in_memory_lives_as_long_as_any_of_its_users() -> None:
    bob = recollect.open_memory(":memory:", user="alice").as_user("bob")
    assert bob.add("Bob", "My keys are in the jar.").user == "bob"


def test_a_store_in_memory_that_cannot_be_opened_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(InvalidInput):
        recollect.open_memory(":memory:", user="")
    assert list(tmp_path.glob("recollect-*")) == []


def test_a_store_in_memory_is_deleted_with_its_memory() -> None:
    memory = recollect.open_memory(":memory:", user="alice")
    folder = memory.path.parent
    memory.archive.store.append_turns("alice", "default", [])
    assert memory.path.exists()
    memory.close()
    del memory
    assert not folder.exists()
