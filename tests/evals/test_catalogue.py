"""Systems under test: baselines rank as they say, the library is recalled once, every reranker tells its effort."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from recollect.agent.long_term_memory import LongTermMemory
from recollect.evals.catalogue import Workshop, make_systems
from recollect.evals.dataset import Conversation, Question
from recollect.evals.found import Found, Indexed, System
from recollect.evals.locomo import load_locomo
from recollect.evals.record import NOTHING_READ, Cost
from recollect.evals.shared_memories import SharedMemories
from recollect.evals.system_spec import BASELINES, SystemSpec, spec_named
from recollect.evals.units import make_unit
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.errors import ConfigError, InvalidInput
from recollect.memory.store import Store
from recollect.memory.types import Candidate, Effort, EventSummary, ScoredMemory
from recollect.rerank.base import FirstStageOrder, Ranking, Reranker
from tests.fakes import HashEmbedder, count_words

BUDGETS = (20, 60)


class Backwards:
    """A reranker that likes what the first stage does not, and remembers what it was given."""

    name = "backwards"
    reads_events = True

    def __init__(self) -> None:
        self.offered: list[Sequence[Candidate]] = []
        self.events: list[Sequence[EventSummary]] = []

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        return list(self.ranking(question, candidates, events=events).memories)

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        self.offered.append(candidates)
        self.events.append(events)
        ordered = FirstStageOrder().rank(question, candidates)[::-1]
        memories = tuple(replace(one, score=-one.score) for one in ordered)
        return Ranking(memories=memories, effort=Effort(tokens=7, flops=11.0))


@pytest.fixture
def conversation(mini_file: Path) -> Conversation:
    return load_locomo(mini_file).conversations[0]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[LongTermMemory]:
    archive = Archive(Store(tmp_path / "memory.db"), HashEmbedder())
    opened = LongTermMemory(archive, FirstStageOrder(), ContextBuilder(count_words), user="-", conversation=None)
    yield opened
    opened.close()


@pytest.fixture
def memories(root: LongTermMemory) -> SharedMemories:
    return SharedMemories(root.as_user)


def systems(
    memories: SharedMemories, *specs: SystemSpec, reranker: Reranker | None = None, seed: int = 0
) -> list[System]:
    def made(_: SystemSpec, memories: SharedMemories) -> Reranker:
        return reranker or FirstStageOrder()

    workshop = Workshop(
        memories=lambda _: memories,
        reranker=made,
        units={name: make_unit(name, count_words) for name in ("turn", "window", "chunk", "session")},
        contexts=ContextBuilder(count_words),
        embedder=HashEmbedder(),
        seed=seed,
    )
    return make_systems(specs, workshop)


def question(conversation: Conversation, text: str) -> Question:
    (found,) = [one for one in conversation.questions if one.question == text]
    return found


def ask(system: System, conversation: Conversation, text: str = "Which plot?", *, limit: int = 99) -> Found:
    system.ingest(conversation)
    return system.ask(conversation, question(conversation, text), limit=limit, budgets=BUDGETS)


@pytest.mark.parametrize("unit", ["turn", "window", "chunk", "session"])
@pytest.mark.parametrize("name", [name for name in BASELINES if name != "oracle"])
def test_baselines_rank_every_unit_once_and_keep_to_budgets(
    memories: SharedMemories, conversation: Conversation, name: str, unit: str
) -> None:
    (system,) = systems(memories, replace(spec_named(name), unit=unit))
    found = ask(system, conversation)
    units = set(make_unit(unit, count_words).of(conversation).values())
    assert sorted(found.ranked) == sorted(units)
    assert [one.budget for one in found.contexts] == list(BUDGETS)
    assert all(one.tokens <= one.budget and set(one.units) <= units for one in found.contexts)


def test_words_in_common_decide_for_bm25(memories: SharedMemories, conversation: Conversation) -> None:
    (system,) = systems(memories, spec_named("BM25"))
    assert ask(system, conversation, "Who moved?").ranked[0] == "D4:1"


def test_the_oracle_brings_back_the_evidence_alone(memories: SharedMemories, conversation: Conversation) -> None:
    (system,) = systems(memories, spec_named("oracle"))
    assert ask(system, conversation, "What grows?").ranked == ("D2:1", "D1:3")


def test_recency_is_the_order_said_backwards(memories: SharedMemories, conversation: Conversation) -> None:
    latest, whole = systems(memories, spec_named("recency"), spec_named("full context"))
    said = tuple(turn.id for turn in conversation.turns)
    assert ask(latest, conversation).ranked == said[::-1]
    assert ask(whole, conversation).ranked == said
    # cut from its beginning, where a budget does not hold it
    assert ask(whole, conversation).contexts == ask(latest, conversation).contexts


def test_chance_is_drawn_by_seed_and_question(memories: SharedMemories, conversation: Conversation) -> None:
    (one,), (same,) = (systems(memories, spec_named("random"), seed=1) for _ in range(2))
    (other,) = systems(memories, spec_named("random"), seed=2)
    assert ask(one, conversation).ranked == ask(same, conversation).ranked
    assert ask(one, conversation).ranked != ask(other, conversation).ranked
    assert ask(one, conversation).ranked != ask(one, conversation, "What grows?").ranked


@pytest.mark.parametrize("name", ["BM25", "dense", "z-fusion", "RRF"])
def test_every_search_finds_what_shares_most_words(
    memories: SharedMemories, conversation: Conversation, name: str
) -> None:
    asked = Question(id="q", question="My sister moved to Porto", category="", answers=(), evidence=())
    (system,) = systems(memories, spec_named(name))
    system.ingest(conversation)
    assert system.ask(conversation, asked, limit=3, budgets=BUDGETS).ranked[0] == "D4:1"


def test_the_reranker_decides_and_its_effort_is_the_cost(
    memories: SharedMemories, conversation: Conversation
) -> None:
    backwards = Backwards()
    (plain,) = systems(memories, spec_named("none"))
    (turned,) = systems(memories, spec_named("block"), reranker=backwards)
    assert ask(turned, conversation).ranked == ask(plain, conversation).ranked[::-1]
    assert ask(turned, conversation).cost == Cost(reranker_tokens=7, reranker_flops=11.0)
    assert ask(plain, conversation).cost == NOTHING_READ


def test_all_systems_are_offered_the_same_candidates(memories: SharedMemories, conversation: Conversation) -> None:
    backwards = Backwards()
    for system in systems(memories, spec_named("block"), spec_named("qr"), reranker=backwards):
        ask(system, conversation)
    first, second = backwards.offered
    assert first is second


def test_events_are_read_by_those_that_are_to_read_them(
    root: LongTermMemory, memories: SharedMemories, conversation: Conversation
) -> None:
    memories.ingest(conversation)
    turn = memories.turns(conversation.id)[0]
    root.as_user(conversation.id).add_event([turn], "Ines rented a plot.")
    backwards = Backwards()
    without, with_ = systems(memories, spec_named("block"), spec_named("block + events"), reranker=backwards)
    ask(without, conversation)
    ask(with_, conversation)
    first, second = backwards.events
    assert (len(first), [event.text for event in second]) == (0, ["Ines rented a plot."])


@pytest.mark.parametrize("unit", ["window", "chunk", "session"])
def test_the_library_ranks_units_by_their_turns(
    memories: SharedMemories, conversation: Conversation, unit: str
) -> None:
    (system,) = systems(memories, replace(spec_named("none"), unit=unit))
    found = ask(system, conversation)
    units = set(make_unit(unit, count_words).of(conversation).values())
    assert set(found.ranked) <= units
    assert len(found.ranked) == len(set(found.ranked))
    assert found.pool is not None
    assert set(found.pool) <= set(found.ranked)


def test_every_search_tells_what_its_own_indexes_took(memories: SharedMemories, conversation: Conversation) -> None:
    names = ("RRF", "BM25", "dense", "recency")
    fused, words, vectors, latest = (
        system.ingest(conversation) for system in systems(memories, *map(spec_named, names))
    )
    assert fused is not None
    assert words is not None
    assert vectors is not None
    assert words.seconds > 0
    assert vectors.seconds > 0
    assert fused.seconds == words.seconds + vectors.seconds  # though it made both, and the others nothing
    assert latest == Indexed(turns=len(conversation.turns), seconds=0.0)


def test_the_library_has_no_index_of_its_own_unless_it_draws_events(
    root: LongTermMemory, memories: SharedMemories, conversation: Conversation
) -> None:
    (plain,) = systems(memories, spec_named("none"))
    assert plain.ingest(conversation) is None
    drawn: list[str] = []

    def complete(name: str) -> Cost:
        drawn.append(name)
        return Cost(llm_calls=3)

    other = replace(conversation, id="other")
    (with_events,) = systems(SharedMemories(root.as_user, complete=complete), spec_named("block + events"))
    taken = with_events.ingest(other)
    assert taken is not None
    assert (taken.cost.llm_calls, drawn) == (3, ["other"])
    assert taken.seconds > 0
    assert taken.turns == len(other.turns)


def test_what_is_released_can_be_taken_in_again(memories: SharedMemories, conversation: Conversation) -> None:
    for name in ("none", "RRF"):
        (system,) = systems(memories, spec_named(name))
        before = ask(system, conversation)
        system.release(conversation.id)
        memories.release(conversation.id)
        with pytest.raises(InvalidInput, match="ingest it"):
            memories.offered(conversation.id, "Which plot?")
        assert ask(system, conversation).ranked == before.ranked


def test_what_is_stored_is_not_stored_again(root: LongTermMemory, conversation: Conversation) -> None:
    half = replace(conversation, turns=conversation.turns[:4])
    assert SharedMemories(root.as_user).ingest(half) == 4
    later = SharedMemories(root.as_user)
    assert later.ingest(conversation) == len(conversation.turns) - 4
    assert later.ingest(conversation) == 0
    assert [turn.ref for turn in later.turns(conversation.id)] == [turn.id for turn in conversation.turns]


def test_a_store_with_other_turns_is_refused(root: LongTermMemory, conversation: Conversation) -> None:
    SharedMemories(root.as_user).ingest(conversation)
    other = replace(conversation, turns=conversation.turns[1:])
    with pytest.raises(InvalidInput, match="other turns of conv-1"):
        SharedMemories(root.as_user).ingest(other)


def test_a_conversation_has_to_be_taken_in_before_it_is_asked(memories: SharedMemories) -> None:
    with pytest.raises(InvalidInput, match="ingest it"):
        memories.offered("conv-9", "Where?")


def test_a_kind_that_is_none_is_named_with_the_nearest(memories: SharedMemories) -> None:
    with pytest.raises(ConfigError, match="did you mean 'BM25'"):
        systems(memories, SystemSpec(name="mine", kind="BM2"))
