"""One chat turn: what is stored and when, what the generator is shown, what survives a failure."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recollect.agent.agent import Agent
from recollect.agent.evidence import FEATURES, SUPPORT
from recollect.agent.generators.extractive import EvidenceModel, ExtractiveGenerator
from recollect.agent.long_term_memory import LongTermMemory
from recollect.agent.ports import ABSTENTION, Generator
from recollect.memory.archive import Archive
from recollect.memory.context import ContextBuilder
from recollect.memory.errors import (
    ClosedError,
    EmbedderError,
    EndpointUnreachable,
    GenerationError,
    InvalidInput,
    InvalidTurn,
    RecollectError,
)
from recollect.memory.store import Store
from recollect.memory.types import NO_EFFORT, Candidate, EventSummary, ScoredMemory, Turn
from recollect.rerank.base import FirstStageOrder, Ranking, Reranker
from tests.fakes import HashEmbedder, ScriptedGenerator, count_words

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

Opened = Callable[..., Agent]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    def open_agent(generator: Generator, *, reranker: Reranker | None = None, window_turns: int = 8) -> Agent:
        archive = Archive(Store(tmp_path / "memory.db"), HashEmbedder())
        memory = LongTermMemory(archive, reranker or FirstStageOrder(), ContextBuilder(count_words), user="Alice")
        return Agent(memory, generator, window_turns=window_turns)

    return open_agent


class BrokenReranker:
    name = "broken"

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        raise RecollectError("The reranker is out of order.")


def said(agent: Agent) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in agent.memory.latest(99)]


# -- asking --------------------------------------------------------------------------------------


def test_asking_stores_nothing(opened: Opened) -> None:
    agent = opened(ScriptedGenerator("A beagle [1]."))
    agent.memory.add("Alice", "I adopted a beagle", said_at=NOON)
    answer = agent.ask("What did I adopt?")
    assert answer.text == "A beagle [1]."
    assert "".join(agent.ask_stream("What did I adopt?")) == "A beagle [1]."
    assert said(agent) == [("Alice", "I adopted a beagle")]


def test_the_generator_sees_question_and_context_and_no_history(opened: Opened) -> None:
    generator = ScriptedGenerator("yes", reads_history=True)
    agent = opened(generator)
    agent.memory.add("Alice", "I adopted a beagle", said_at=NOON)
    answer = agent.ask("Which dog?")
    assert generator.asked == [("Which dog?", answer.context, ())]
    assert answer.context.text == "2 March 2026\n[1] Alice: I adopted a beagle"


class Listening(FirstStageOrder):
    """Remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        self.asked.append(question)
        return super().rank(question, candidates, events=events)

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        return Ranking(memories=tuple(self.rank(question, candidates)), effort=NO_EFFORT)


def test_what_is_asked_of_me_is_looked_for_by_name_and_answered_as_it_was_asked(opened: Opened) -> None:
    generator, reranker = ScriptedGenerator("A beagle [1]."), Listening()
    agent = opened(generator, reranker=reranker)
    agent.memory.add("Alice", "I adopted a beagle", said_at=NOON)
    agent.ask("Which dog is mine?")
    agent.reply("Did I tell you about my dog?")
    assert reranker.asked == ["Which dog is Alice's?", "Did Alice tell you about Alice's dog?"]
    assert [question for question, _, _ in generator.asked] == ["Which dog is mine?", "Did I tell you about my dog?"]
    assert said(agent)[1] == ("Alice", "Did I tell you about my dog?")


@pytest.mark.parametrize("question", [None, 7])
def test_what_is_no_text_is_told(opened: Opened, question: object) -> None:
    with pytest.raises(InvalidInput, match="The question must be text"):
        opened(ScriptedGenerator("yes")).ask(question)  # type: ignore[arg-type]


def test_filters_of_a_question_reach_recall(opened: Opened) -> None:
    agent = opened(ScriptedGenerator("yes"))
    agent.memory.add("Alice", "dog one", said_at=NOON)
    agent.memory.add("Bob", "dog two", said_at=NOON)
    assert [memory.text for memory in agent.ask("dog", speakers=["bob"]).context.memories] == ["dog two"]
    with pytest.raises(InvalidInput):
        agent.ask("dog", as_of="some day")


def test_citations_resolve_to_turns_and_unknown_numbers_are_counted(opened: Opened) -> None:
    agent = opened(ScriptedGenerator("A beagle [2], ", "truly [1, 9]. [7]"))
    first = agent.memory.add("Alice", "I have a dog", said_at=NOON)
    second = agent.memory.add("Alice", "My dog is a beagle", said_at="2026-03-02T12:01+00:00")
    answer = agent.ask("dog")
    assert [(citation.number, citation.turn) for citation in answer.citations] == [(2, second), (1, first)]
    assert answer.dropped_citations == 2


def test_a_cited_event_stands_for_the_turns_it_came_from(opened: Opened) -> None:
    agent = opened(ScriptedGenerator("She got a puppy [1]."))
    turn = agent.memory.add("Alice", "we brought him home", said_at=NOON)
    agent.memory.add_event([turn], "Alice got a puppy", happened_at="2026-03-01")
    answer = agent.ask("puppy")
    assert isinstance(answer.context.memories[0], EventSummary)
    assert [(citation.number, citation.turn) for citation in answer.citations] == [(1, turn)]


def test_an_abstention_is_recognised(opened: Opened) -> None:
    agent = opened(ScriptedGenerator(ABSTENTION))
    assert agent.ask("dog").abstained
    assert not opened(ScriptedGenerator("A dog.")).ask("dog").abstained


def test_what_is_not_remembered_for_sure_has_a_nearest_turn_that_is_no_question(opened: Opened) -> None:
    agent = opened(ScriptedGenerator(ABSTENTION))
    assert agent.ask("Which dog is it?").nearest is None  # nothing is there
    agent.memory.add("Alice", "Which dog is it?", said_at=NOON)
    agent.memory.add("Bob", "It is the dog of Carol", said_at=NOON)
    nearest = agent.ask("Which dog is it?").nearest
    assert nearest is not None
    assert nearest.text == "It is the dog of Carol"
    sure = Agent(agent.memory, ScriptedGenerator("Carol's [1]."))
    assert sure.ask("Which dog is it?").nearest is None


def test_every_stage_is_timed_and_the_total_holds_them(opened: Opened) -> None:
    agent = opened(ScriptedGenerator("yes"))
    agent.memory.add("Alice", "dog", said_at=NOON)
    stages = {"embed", "lexical", "dense", "fuse", "rerank", "context", "generate"}
    asked = agent.ask("dog").timings
    assert set(asked) == {*stages, "total"}
    replied = agent.reply("dog?").timings
    assert set(replied) == {*stages, "store", "total"}
    assert sum(replied[stage] for stage in (*stages, "store")) <= replied["total"] * 1.000001


# -- chatting ------------------------------------------------------------------------------------


def test_both_turns_are_stored_the_users_first(opened: Opened) -> None:
    agent = opened(ScriptedGenerator("  Noted, ", "thank you.\n"))
    answer = agent.reply("I adopted a beagle", said_at=NOON)
    assert answer.text == "Noted, thank you."
    assert said(agent) == [("Alice", "I adopted a beagle"), ("assistant", "Noted, thank you.")]
    own, reply = agent.memory.latest(2)
    assert (own.session, own.position, reply.session, reply.position) == ("1", 1, "1", 2)
    assert own.said_at == reply.said_at == NOON
    assert reply.metadata == {"role": "assistant", "cites": []}
    assert own.metadata == {}


def test_a_stored_reply_remembers_what_it_cited(opened: Opened) -> None:
    agent = opened(ScriptedGenerator("A beagle [1]."))
    turn = agent.memory.add("Alice", "I adopted a beagle", said_at=NOON)
    agent.reply("Which dog do I have?")
    assert agent.memory.latest(1)[0].metadata["cites"] == [turn.id]


def test_pieces_come_as_they_are_written_and_join_to_the_answer(opened: Opened) -> None:
    agent = opened(ScriptedGenerator("one ", "two ", "three"))
    stream = agent.stream("count")
    assert said(agent) == [("Alice", "count")]  # stored before the first piece
    assert next(stream) == "one "
    assert said(agent) == [("Alice", "count")]  # the reply is not complete
    assert stream.answer.text == "one two three"
    assert said(agent)[-1] == ("assistant", "one two three")
    assert stream.answer is stream.answer
    assert list(stream) == []
    assert len(said(agent)) == 2


def test_a_stream_that_is_closed_early_stores_no_reply_and_closes_the_model(opened: Opened) -> None:
    generator = ScriptedGenerator("one ", "two ", "three")
    agent = opened(generator)
    stream = agent.stream("count")
    next(stream)
    stream.close()
    assert generator.is_closed
    assert said(agent) == [("Alice", "count")]
    with pytest.raises(RecollectError, match="stopped"):
        _ = stream.answer
    agent.reply("again")
    assert len(said(agent)) == 3


def test_a_stream_that_is_never_begun_asks_no_model(opened: Opened) -> None:
    generator = ScriptedGenerator("one")
    agent = opened(generator)
    agent.stream("count").close()
    assert generator.asked == []
    assert said(agent) == [("Alice", "count")]


def test_when_the_model_fails_the_users_turn_stands_and_the_error_arrives(opened: Opened) -> None:
    error = EndpointUnreachable("No answer from http://localhost; is the server running?")
    agent = opened(ScriptedGenerator("It is ", error=error))
    with pytest.raises(EndpointUnreachable) as caught:
        agent.reply("Are you there?")
    assert caught.value is error
    assert said(agent) == [("Alice", "Are you there?")]
    agent.generator = ScriptedGenerator("yes")
    assert agent.reply("And now?").text == "yes"


@pytest.mark.parametrize("pieces", [(), ("",), (" \n", "\t")])
def test_a_model_that_says_nothing_is_an_error_of_the_model(opened: Opened, pieces: tuple[str, ...]) -> None:
    agent = opened(ScriptedGenerator(*pieces))
    with pytest.raises(GenerationError, match="no text"):
        agent.reply("Are you there?")
    with pytest.raises(GenerationError, match="scripted"):
        agent.ask("Are you there?")
    assert said(agent) == [("Alice", "Are you there?")]


def test_an_empty_turn_is_refused_before_anything_happens(opened: Opened) -> None:
    generator = ScriptedGenerator("yes")
    agent = opened(generator)
    with pytest.raises(InvalidTurn):
        agent.reply(" \n")
    assert said(agent) == []
    assert generator.asked == []


def test_when_the_reranker_fails_the_first_stage_answers_and_says_so(opened: Opened) -> None:
    agent = opened(ScriptedGenerator("I am here [1]."), reranker=BrokenReranker())
    turn = agent.memory.add("Alice", "dog", said_at=NOON)
    answer = agent.reply("dog?")
    assert [citation.turn for citation in answer.citations] == [turn]
    assert answer.problems == (
        "The reranker broken failed, so the first stage's order stands: The reranker is out of order.",
    )


def test_when_recall_fails_the_agent_still_answers_and_says_so(tmp_path: Path) -> None:
    def count(text: str) -> int:
        raise EmbedderError("The tokenizer is missing; install it.")

    generator = ScriptedGenerator("I am here.", reads_history=True)
    archive = Archive(Store(tmp_path / "memory.db"), HashEmbedder())
    agent = Agent(LongTermMemory(archive, FirstStageOrder(), ContextBuilder(count), user="Alice"), generator)
    agent.memory.add("Alice", "dog", said_at=NOON)
    answer = agent.reply("dog?")
    assert answer.text == "I am here."
    assert answer.problems == ("Nothing was recalled: The tokenizer is missing; install it.",)
    assert answer.context.memories == ()
    assert [turn.text for turn in generator.asked[0][2]] == ["dog", "dog?"]  # the window is still there
    assert len(said(agent)) == 3


def test_a_failing_embedder_costs_no_turn_and_no_answer(opened: Opened) -> None:
    agent = opened(ScriptedGenerator("yes"))
    agent.memory.add("Alice", "dog", said_at=NOON)
    assert isinstance(agent.memory.archive.embedder, HashEmbedder)
    agent.memory.archive.embedder.is_broken = True
    answer = agent.reply("dog?")
    assert [memory.text for memory in answer.context.memories] == ["dog"]
    assert any("words alone" in problem for problem in answer.problems)
    assert len(said(agent)) == 3


def test_the_live_window_is_history_for_a_model_that_reads_it_and_no_memory(opened: Opened) -> None:
    generator = ScriptedGenerator("yes", reads_history=True)
    agent = opened(generator, window_turns=2)
    for number in range(4):
        agent.memory.add("Alice", f"dog {number}", said_at=NOON)
    agent.reply("dog?", said_at=NOON)
    _, context, history = generator.asked[0]
    assert [turn.text for turn in history] == ["dog 2", "dog 3", "dog?"]
    assert [memory.text for memory in context.memories] == ["dog 0", "dog 1"]


def test_the_live_window_is_memory_for_a_model_that_reads_none(opened: Opened) -> None:
    generator = ScriptedGenerator("yes")
    agent = opened(generator, window_turns=2)
    for number in range(4):
        agent.memory.add("Alice", f"dog {number}", said_at=NOON)
    agent.reply("dog?", said_at=NOON)
    _, context, _ = generator.asked[0]
    assert [memory.text for memory in context.memories] == ["dog 0", "dog 1", "dog 2", "dog 3"]


def test_what_was_just_said_is_no_memory_of_itself(opened: Opened) -> None:
    generator = ScriptedGenerator("yes")
    agent = opened(generator)
    agent.reply("dog?")
    assert generator.asked[0][1].memories == ()


def test_a_stored_reply_is_never_evidence_for_the_generator_that_quotes(opened: Opened) -> None:
    agent = opened(ScriptedGenerator("Your dog is called Rex, Rex the dog."))
    agent.reply("What is my dog called?")
    gullible = EvidenceModel(
        weights=(1.0,) * len(FEATURES),
        support_weights=(0.0,) * len(SUPPORT),
        support_bias=0.0,
        threshold=0.0,
        quote_share=0.5,
    )
    agent.generator = ExtractiveGenerator(agent.memory.archive.embedder, asker="Alice", model=gullible)
    for asking in (agent.ask, agent.reply):
        answer = asking("What is my dog called, Rex?")
        assert "Rex the dog" not in answer.text
        assert answer.abstained
        assert answer.citations == ()


@pytest.mark.parametrize("reads_history", [True, False])
def test_asking_and_chatting_read_the_assistants_turns_alike(opened: Opened, reads_history: bool) -> None:
    generator = ScriptedGenerator("Noted.", reads_history=reads_history)
    agent = opened(generator, window_turns=0)
    agent.memory.add("Alice", "my dog is called Rex", said_at=NOON)
    agent.memory.add("assistant", "Your dog is called Rex.", said_at=NOON)
    agent.memory.add("Bob", "the dog of Alice barks", said_at=NOON)
    agent.ask("dog")
    agent.ask("dog", without_speakers=["Bob"])
    agent.reply("dog", said_at=NOON)
    read = [[memory.text for memory in context.memories] for _, context, _ in generator.asked]
    quoted, own, heard = "my dog is called Rex", "Your dog is called Rex.", "the dog of Alice barks"
    if reads_history:
        assert read == [[quoted, own, heard], [quoted, own], [quoted, own, heard]]
    else:
        assert read == [[quoted, heard], [quoted], [quoted, heard]]


def test_closing_a_session_begins_another(opened: Opened) -> None:
    agent = opened(ScriptedGenerator("yes"))
    assert agent.close_session() is None
    agent.reply("one")
    assert agent.close_session() == "1"
    agent.reply("two")
    assert [turn.session for turn in agent.memory.latest(4)] == ["1", "1", "2", "2"]


def test_every_use_after_closing_is_a_closed_error(opened: Opened) -> None:
    with opened(ScriptedGenerator("yes")) as agent:
        agent.reply("hello")
    for use in (lambda: agent.ask("hello"), lambda: agent.reply("hello"), agent.close_session):
        with pytest.raises(ClosedError):
            use()


def test_speakers_are_named_as_configured(opened: Opened) -> None:
    memory = opened(ScriptedGenerator("yes")).memory
    agent = Agent(memory, ScriptedGenerator("yes"), speaker="Ally", assistant="Robot")
    agent.reply("hello")
    assert said(agent) == [("Ally", "hello"), ("Robot", "yes")]
    reply = agent.memory.latest(1)[0]
    assert isinstance(reply, Turn)
    assert reply.metadata["role"] == "assistant"
