"""Systems that answer: what the generator reads, what is kept of its answer, what it took, and a judge."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from recollect.agent.long_term_memory import LongTermMemory
from recollect.agent.ports import ABSTENTION, Generator, Told
from recollect.evals.answering import UNLIMITED, Answerer, AnsweringSystem
from recollect.evals.catalogue import Workshop, make_systems
from recollect.evals.dataset import Conversation
from recollect.evals.found import Found
from recollect.evals.judge import Judge
from recollect.evals.locomo import load_locomo
from recollect.evals.shared_memories import SharedMemories
from recollect.evals.system_spec import SystemSpec, spec_named
from recollect.evals.units import TURNS, ChunkUnit
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.endpoint import Endpoint
from recollect.memory.endpoint_usage import Usage
from recollect.memory.errors import EndpointUnreachable, GenerationError
from recollect.memory.store import Store
from recollect.memory.types import Context, Turn
from recollect.rerank.base import FirstStageOrder
from tests.fakes import HashEmbedder, ScriptedGenerator, count_words
from tests.openai_server import refuses, running, says

from .running import LastTurns

BUDGETS = (40, 60)


class Hosted:
    """Tells what a hosted model would."""

    name = "hosted"
    reads_history = True

    def stream(self, question: str, context: Context, history: Sequence[Turn]) -> Iterator[str]:
        yield "Nine"

    def told(self, question: str, context: Context, history: Sequence[Turn]) -> Told:
        return Told(text="Nine [1]", confidence=0.75, usage=Usage(prompt_tokens=40, completion_tokens=3))


@pytest.fixture
def conversation(mini_file: Path) -> Conversation:
    return load_locomo(mini_file).conversations[0]


@pytest.fixture
def memories(tmp_path: Path) -> Iterator[SharedMemories]:
    archive = Archive(Store(tmp_path / "evaluation.db"), HashEmbedder())
    contexts = ContextBuilder(count_words)
    root = LongTermMemory(archive, FirstStageOrder(), contexts, user="nobody")
    yield SharedMemories(root.as_user)
    root.close()


def answerer(generator: Generator, **more: object) -> Answerer:
    ticks = count()
    values: dict[str, object] = {
        "generator": generator,
        "contexts": ContextBuilder(count_words),
        "count": count_words,
        "budget": 60,
        "clock": lambda: float(next(ticks)),
        **more,
    }
    return Answerer(**values)  # type: ignore[arg-type]  # a test's options


def made(spec: SystemSpec, memories: SharedMemories, with_: Answerer) -> AnsweringSystem:
    workshop = Workshop(
        memories=lambda _: memories,
        reranker=lambda *_: FirstStageOrder(),
        units={"turn": TURNS, "chunk": ChunkUnit(count=count_words, target_tokens=16)},
        contexts=ContextBuilder(count_words),
        embedder=HashEmbedder(),
        answerer=lambda _: with_,
    )
    (system,) = make_systems([replace(spec, generator="scripted")], workshop)
    assert isinstance(system, AnsweringSystem)
    return system


def asked(system: AnsweringSystem, conversation: Conversation, number: int = 3, *, limit: int = 10) -> Found:
    system.ingest(conversation)
    return system.ask(conversation, conversation.questions[number], limit=limit, budgets=BUDGETS)


def test_the_oracle_reads_the_evidence_alone(memories: SharedMemories, conversation: Conversation) -> None:
    generator = ScriptedGenerator("Nine ", "[1].")
    found = asked(made(spec_named("oracle"), memories, answerer(generator)), conversation)
    ((question, context, history),) = generator.asked
    assert (question, history) == ("Which plot?", ())
    assert [memory.text for memory in context.memories] == ["Plot nine, by the canal."]
    assert found.given is not None
    assert (found.given.text, found.given.is_abstention) == ("Nine.", False)
    assert found.given.citations == ("D1:3",)
    assert found.given.tokens == 1
    assert found.given.confidence is None


def test_the_full_context_is_the_whole_conversation_whatever_the_budgets(
    memories: SharedMemories, conversation: Conversation
) -> None:
    generator = ScriptedGenerator("Nine")
    found = asked(made(spec_named("full context"), memories, answerer(generator)), conversation)
    ((_, context, _),) = generator.asked
    assert {memory.text for memory in context.memories} == {turn.text for turn in conversation.turns}
    assert [one.budget for one in found.contexts] == list(BUDGETS)


def test_the_full_context_is_whole_however_long_the_conversation_is(
    memories: SharedMemories, conversation: Conversation
) -> None:
    last = conversation.turns[-1]
    more = tuple(replace(last, id=f"{last.id}{place}", position=place) for place in range(100, 350))
    generator = ScriptedGenerator("Nine")
    long = replace(conversation, turns=(*conversation.turns, *more))
    asked(made(spec_named("full context"), memories, answerer(generator)), long)
    ((_, context, _),) = generator.asked
    assert len(context.memories) == len(long.turns)


def test_the_library_answers_from_its_context_of_the_budget_with_the_scores_of_its_ranking(
    memories: SharedMemories, conversation: Conversation
) -> None:
    generator = ScriptedGenerator("Nine")
    spec = spec_named("none")
    found = asked(made(spec, memories, answerer(generator, budget=50)), conversation)
    assert [one.budget for one in found.contexts] == list(BUDGETS)  # what is only read is no figure of retrieval
    ((question, read, _),) = generator.asked
    own = memories.offered(conversation.id, question).memory
    assert isinstance(own, LongTermMemory)
    alone = own.context(question, budget=50)
    assert read.text == alone.text
    assert read.scores == pytest.approx(alone.scores)
    assert read.preceding == alone.preceding
    assert any(read.preceding)


def test_without_scores_a_generator_is_told_the_order_of_the_ranking(
    memories: SharedMemories, conversation: Conversation
) -> None:
    generator = ScriptedGenerator("Nine")
    asked(AnsweringSystem(LastTurns(), memories, TURNS, answerer(generator)), conversation, limit=1)
    ((_, context, _),) = generator.asked  # the last two turns, of which only the last is ranked
    assert [turn.text for turn in context.memories] == [turn.text for turn in conversation.turns[-2:]]
    assert context.scores == (-1.0, 0.0)


def test_units_of_several_turns_are_read_whole(memories: SharedMemories, conversation: Conversation) -> None:
    generator = ScriptedGenerator("Nine")
    spec = replace(spec_named("oracle"), unit="chunk")
    found = asked(made(spec, memories, answerer(generator)), conversation)
    ((_, context, _),) = generator.asked
    assert found.contexts[-1].units == ("D1:1",)  # the chunk that holds D1:3
    assert [turn.ref for turn in context.memories if isinstance(turn, Turn)] == ["D1:1", "D1:2", "D1:3"]


def test_declining_is_told_whatever_is_cited(memories: SharedMemories, conversation: Conversation) -> None:
    found = asked(
        made(spec_named("oracle"), memories, answerer(ScriptedGenerator(f"{ABSTENTION} [1]"))), conversation
    )
    assert found.given is not None
    assert (found.given.text, found.given.is_abstention) == (ABSTENTION, True)


def test_numbers_that_cite_nothing_are_no_citations(memories: SharedMemories, conversation: Conversation) -> None:
    generator = ScriptedGenerator("Nine [1], or six [7] [1]")
    found = asked(made(spec_named("oracle"), memories, answerer(generator)), conversation)
    assert found.given is not None
    assert (found.given.text, found.given.citations) == ("Nine, or six", ("D1:3",))


def test_what_a_model_takes_and_how_sure_it_is_are_kept(memories: SharedMemories, conversation: Conversation) -> None:
    found = asked(made(spec_named("oracle"), memories, answerer(Hosted())), conversation)
    assert (found.cost.llm_calls, found.cost.prompt_tokens, found.cost.completion_tokens) == (1, 40, 3)
    assert found.given is not None
    assert (found.given.text, found.given.confidence) == ("Nine", 0.75)


def test_the_time_of_an_answer_is_a_stage_and_part_of_the_whole(
    memories: SharedMemories, conversation: Conversation
) -> None:
    alone = AnsweringSystem(LastTurns(), memories, TURNS, answerer(ScriptedGenerator("Nine")))
    assert asked(alone, conversation).timings_ms == {"generate": 1000.0}  # one tick of the clock, a second
    timed = asked(made(spec_named("oracle"), memories, answerer(ScriptedGenerator("Nine"))), conversation).timings_ms
    assert timed["total"] >= timed["generate"] == 1000.0


def test_a_judge_says_whether_the_answer_is_right_and_costs_the_system_nothing(
    memories: SharedMemories, conversation: Conversation
) -> None:
    with running(says("CORRECT", usage=(90, 1))) as server:
        judge = Judge(Endpoint(model="judge-1", base_url=server.url))
        system = made(spec_named("oracle"), memories, answerer(ScriptedGenerator("Nine [1]"), judge=judge))
        found = asked(system, conversation)
        (sent,) = server.requests
    assert found.given is not None
    assert found.given.verdict is not None
    assert found.given.verdict.is_right
    assert "Accepted answers, any of which is right by itself: nine\nGiven answer: Nine\n" in str(
        sent.body["messages"][-1]["content"]
    )
    assert found.cost.llm_calls == 0


def test_a_judge_that_fails_costs_no_answer(memories: SharedMemories, conversation: Conversation) -> None:
    with running(refuses(500)) as server:
        judge = Judge(Endpoint(model="judge-1", base_url=server.url, max_retries=0))
        system = made(spec_named("oracle"), memories, answerer(ScriptedGenerator("Nine"), judge=judge))
        found = asked(system, conversation)
    assert found.given is not None
    assert (found.given.text, found.given.verdict) == ("Nine", None)
    (problem,) = found.problems
    assert problem.startswith("The judge failed: ")


def test_a_generator_that_fails_says_so(memories: SharedMemories, conversation: Conversation) -> None:
    broken = ScriptedGenerator(error=EndpointUnreachable("No answer."))
    with pytest.raises(GenerationError):
        asked(made(spec_named("oracle"), memories, answerer(broken)), conversation)


def test_no_question_is_stored(memories: SharedMemories, conversation: Conversation) -> None:
    asked(made(spec_named("none"), memories, answerer(ScriptedGenerator("Nine"))), conversation)
    own = memories.offered(conversation.id, "Which plot?").memory
    assert [turn.ref for turn in own.latest(UNLIMITED)] == [turn.id for turn in conversation.turns]
