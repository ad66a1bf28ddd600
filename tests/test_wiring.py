"""From a configuration to a memory or an agent, over real models and real HTTP."""

from dataclasses import replace
from pathlib import Path

import pytest

import recollect
from recollect import Config
from recollect.config_keys import ROWS
from recollect.memory.embedder import minilm_folder
from recollect.memory.errors import (
    ConfigError,
    EmbedderMismatch,
    EndpointUnreachable,
    InvalidInput,
    ModelNotConfigured,
)
from recollect.memory.types import Candidate, Scope, Turn
from recollect.rerank import prompt
from recollect.wiring import make_reranker
from tests.openai_server import drops, embeds, running, says, says_then_drops, unused_url
from tests.tiny_cross_encoders import WORDS, write_cross_encoder
from tests.tiny_models import write_model


def length_and_one(text: str) -> list[float]:
    return [float(len(text)), 1.0, 0.0]


def endpoint(url: str) -> Config:
    return Config(
        embedder="endpoint",
        embedder_model="embed-1",
        embedder_base_url=url,
        hosted_max_retries=0,
        hosted_timeout_s=5.0,
    )


def hosted(url: str) -> Config:
    return Config(
        generator="hosted", hosted_model="chat-1", hosted_base_url=url, hosted_max_retries=0, hosted_timeout_s=5.0
    )


def test_a_store_opens_and_recalls_by_words_while_its_embeddings_server_is_down(tmp_path: Path) -> None:
    with running(embeds(length_and_one), embeds(length_and_one), drops()) as server:
        config = endpoint(server.url)
        with recollect.open_memory(tmp_path / "memory.db", user="alice", config=config) as memory:
            memory.add("Alice", "I adopted a beagle.")
        with recollect.open_memory(tmp_path / "memory.db", user="alice", config=config) as memory:
            memory.add("Alice", "The beagle ate my shoes.")
            found = memory.retrieve("beagle")
            assert len(found.ranked) == 2
            assert "could not be embedded" in found.problems[0]


def test_every_embedder_of_the_configuration_makes_vectors_and_refuses_those_of_another(tmp_path: Path) -> None:
    folder = Config(embedder="sentence-transformers", embedder_model=str(minilm_folder()))
    with running(embeds(length_and_one)) as server:
        for number, config in enumerate((Config(), folder, endpoint(server.url))):
            path = tmp_path / f"{number}.db"
            with recollect.open_memory(path, user="alice", config=config) as memory:
                memory.add("Alice", "I adopted a beagle.")
                (found,) = memory.recall("Which dog do I have?")
                assert "dense" in found.stages
            for other in {Config(), folder, replace(endpoint(unused_url()), embedder_dimensions=3)} - {config}:
                with pytest.raises(EmbedderMismatch, match="recollect reembed --store"):
                    recollect.open_memory(path, user="alice", config=other).close()


def test_a_hosted_model_reads_numbered_memories_and_its_citations_resolve(tmp_path: Path) -> None:
    with running(says("A beagle", " called Biscuit", " [1].")) as server:
        with recollect.open_agent(tmp_path / "memory.db", user="Alice", config=hosted(server.url)) as agent:
            turn = agent.memory.add("Alice", "I adopted a beagle called Biscuit.", said_at="2026-03-02T18:00")
            answer = agent.ask("What is my dog called?")
        assert (answer.text, [cited.turn for cited in answer.citations]) == ("A beagle called Biscuit [1].", [turn])
        sent = server.requests[0].body["messages"][-1]["content"]
        assert "2 March 2026\n[1] Alice: I adopted a beagle called Biscuit." in sent


def test_a_cross_encoder_of_the_configuration_orders_what_is_recalled(tmp_path: Path) -> None:
    model = write_cross_encoder(tmp_path / "model")
    config = Config(rerank="cross_encoder", rerank_model=str(model), rerank_device="cpu")
    with recollect.open_memory(tmp_path / "memory.db", user="alice", config=config) as memory:
        memory.add_many([{"speaker": "Alice", "text": f"My {word} is fine."} for word in WORDS])
        found = memory.retrieve("What is fine?")
    assert found.problems == ()
    assert [one.score for one in found.ranked] == [one.stages["cross_encoder"] for one in found.ranked]
    assert len({one.score for one in found.ranked}) == len(WORDS)


def test_the_heads_of_a_decoder_of_the_configuration_order_what_is_recalled(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    config = Config(rerank="qr", rerank_model=str(model), rerank_heads="3-7,1-5", rerank_device="cpu")
    with recollect.open_memory(tmp_path / "memory.db", user="alice", config=config) as memory:
        memory.add_many([{"speaker": "Alice", "text": f"My {word} is fine."} for word in WORDS])
        found = memory.retrieve("What is fine?")
    assert found.problems == ()
    assert [one.score for one in found.ranked] == [one.stages["qr"] for one in found.ranked]
    assert all(one.heat for one in found.ranked)


def test_what_of_a_decoder_is_read_follows_the_configuration(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    config = Config(rerank="qr", rerank_model=str(model), rerank_heads="3-7,1-5")
    others = (replace(config, rerank_rows="question"), replace(config, rerank_calibrate="no"))
    with recollect.open_memory(tmp_path / "memory.db", user="alice") as memory:
        memory.add_many([{"speaker": "Alice", "text": f"My {word} is fine."} for word in WORDS])
        found = memory.archive.recall.recall("What is fine?", scope=memory.scope({}) or Scope(), limit=9).candidates
    first, *rest = (make_reranker(one).rank("What is fine?", found) for one in (config, *others))
    assert all({one.memory.id: one.score for one in first} != {o.memory.id: o.score for o in other} for other in rest)
    assert ROWS == prompt.ROWS


def test_a_conversation_that_stays_read_follows_the_store(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    config = Config(rerank="qr", rerank_model=str(model), rerank_heads="3-7,1-5", rerank_prefill="yes")
    plain = make_reranker(replace(config, rerank_prefill="no"))

    def same_as_a_full_pass(memory: recollect.LongTermMemory) -> bool:
        found = memory.retrieve("What is fine?")
        by_id = {one.memory.id: one.score for one in found.ranked}
        whole = [candidate(turn) for turn in memory.latest(100)]
        wanted = {one.memory.id: one.score for one in plain.rank("What is fine?", whole)}
        return found.problems == () and by_id == pytest.approx({i: wanted[i] for i in by_id}, abs=1e-6)

    with recollect.open_memory(tmp_path / "memory.db", user="alice", config=config) as memory:
        turns = memory.add_many([{"speaker": "Alice", "text": f"My {word} is fine."} for word in WORDS])
        assert same_as_a_full_pass(memory)
        memory.add("Ben", "Is that so fine?")
        assert same_as_a_full_pass(memory)
        memory.forget(turns[1:3])
        assert same_as_a_full_pass(memory)
        memory.as_user("alice", "another").add("Alice", "That is fine.")
        assert "2 conversations" in memory.retrieve("What is fine?").problems[0]


def candidate(turn: Turn) -> Candidate:
    return Candidate(memory=turn, lexical=0.0, dense=None, fused=0.0)


def test_a_reranker_without_its_model_says_what_to_set_and_one_that_cannot_load_costs_no_recall(
    tmp_path: Path,
) -> None:
    path = tmp_path / "memory.db"
    with pytest.raises(ConfigError, match=r"config set rerank\.model BAAI/bge-reranker-v2-m3"):
        recollect.open_memory(path, config=Config(rerank="cross_encoder"))
    with pytest.raises(ConfigError, match=r"'qr' and rerank\.model is not set.*recollect heads list"):
        recollect.open_memory(path, config=Config(rerank="qr"))
    with pytest.raises(ModelNotConfigured, match=r"'listwise_llm' and hosted\.model is not set"):
        recollect.open_memory(path, config=Config(rerank="listwise_llm"))
    model = write_cross_encoder(tmp_path / "model")
    nowhere = Config(rerank="cross_encoder", rerank_model=str(tmp_path / "nowhere"))
    no_device = Config(rerank="cross_encoder", rerank_model=str(model), rerank_device="abacus")
    for config in (nowhere, no_device):
        with recollect.open_memory(path, user="alice", config=config) as memory:
            memory.add("Alice", "I adopted a beagle.")
            found = memory.retrieve("beagle", limit=1)
        assert len(found.ranked) == 1
        assert "the first stage's order stands: Cannot load the cross-encoder" in found.problems[0]


def test_a_hosted_model_orders_what_is_recalled_and_a_recall_survives_its_server(tmp_path: Path) -> None:
    with running(says("[2] > [1]"), says("Sorry?"), drops()) as server:
        config = replace(hosted(server.url), generator="extractive", rerank="listwise_llm")
        with recollect.open_memory(tmp_path / "memory.db", user="alice", config=config) as memory:
            memory.add_many([{"speaker": "Alice", "text": text} for text in ("My dog barks.", "My dog is a beagle.")])
            ordered, unread, unreachable = (memory.retrieve("dog") for _ in range(3))
    first_stage = [one.memory.id for one in unreachable.ranked]
    assert [one.memory.id for one in ordered.ranked] == first_stage[::-1]
    assert [one.memory.id for one in unread.ranked] == first_stage
    assert ordered.problems == ()
    assert "chat-1 gave no order in 1 of 1 replies" in unread.problems[0]
    assert "The reranker listwise_llm failed, so the first stage's order stands: " in unreachable.problems[0]
    assert server.url in unreachable.problems[0]


def test_a_dropped_connection_is_told_and_what_was_said_stands(tmp_path: Path) -> None:
    with (
        running(says_then_drops("A bea"), says("Again.")) as server,
        recollect.open_agent(tmp_path / "memory.db", user="Alice", config=hosted(server.url)) as agent,
    ):
        with pytest.raises(EndpointUnreachable, match="peer closed connection"):
            agent.reply("What is my dog called?")
        assert [turn.text for turn in agent.memory.latest(9)] == ["What is my dog called?"]
        agent.reply("Once more?")
        assert [turn.speaker for turn in agent.memory.latest(9)] == ["Alice", "Alice", "assistant"]
        shown = [message["content"] for message in server.requests[1].body["messages"]]
        assert any("What is my dog called?" in content for content in shown)


@pytest.mark.parametrize("path", ["", "  "])
def test_an_empty_path_is_not_taken_for_the_configured_store(path: str) -> None:
    with pytest.raises(InvalidInput, match="empty"):  # say, of a variable that is not set
        recollect.open_memory(path)


# -- who summarises ------------------------------------------------------------------------------


def test_the_configured_summariser_draws_events_from_closed_sessions(tmp_path: Path) -> None:
    config = Config(summaries="extractive", rerank="none")
    with recollect.open_memory(tmp_path / "a.db", user="Alice", config=config) as memory:
        turn = memory.add("Alice", "I adopted a beagle called Biscuit.")
        assert memory.close_session() == "1"
        (event,) = memory.archive.store.events_of([turn.id])
        assert event.text == "Alice adopted a beagle called Biscuit."
    with recollect.open_memory(tmp_path / "b.db", config=Config(summaries="none")) as memory:
        assert memory.summaries is None


def test_a_summariser_without_its_model_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"summaries\.model is not set"):
        recollect.open_memory(tmp_path / "a.db", config=Config(summaries="seq2seq"))
    with pytest.raises(ModelNotConfigured, match=r"hosted\.model is not set"):
        recollect.open_memory(tmp_path / "a.db", config=Config(summaries="hosted"))


def test_a_chat_closes_its_session_after_as_many_turns_as_configured(tmp_path: Path) -> None:
    config = Config(summaries="extractive", session_max_turns=2, rerank="none")
    with recollect.open_agent(tmp_path / "a.db", user="Alice", config=config) as agent:
        agent.reply("I adopted a beagle called Biscuit.")
        assert agent.memory.counts().events == 1
        agent.reply("I moved to Lyon.")
        assert agent.memory.counts().sessions == 2
