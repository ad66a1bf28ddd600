"""An embedder that fails or returns garbage costs a vector for a while, never a turn, a word or an answer."""

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recollect.agent.agent import Agent
from recollect.agent.long_term_memory import LongTermMemory
from recollect.memory.archive import Archive, snapshot_path
from recollect.memory.context import ContextBuilder
from recollect.memory.embedder import MiniLmEmbedder, minilm_folder
from recollect.memory.errors import EmbedderError, EmbedderMismatch, InvalidVectors, WeightsCorrupt
from recollect.memory.ports import Embedder
from recollect.memory.store import Store
from recollect.memory.types import Scope
from recollect.rerank.base import FirstStageOrder
from tests.fakes import HashEmbedder, ScriptedGenerator, count_words

Garbage = Callable[[np.ndarray], Any]


class GarbageEmbedder(HashEmbedder):
    """A HashEmbedder whose vectors go through `garble` while it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.garble: Garbage | None = None

    def embed(self, texts: Sequence[str], *, kind: str) -> np.ndarray:
        vectors = super().embed(texts, kind=kind)
        return vectors if self.garble is None else self.garble(vectors)


def opened(path: Path, embedder: Embedder) -> LongTermMemory:
    archive = Archive(Store(path), embedder)
    return LongTermMemory(archive, FirstStageOrder(), ContextBuilder(count_words), user="alice")


def embedded_ids(memory: LongTermMemory) -> list[int]:
    return [row[0] for row in memory.archive.store.file.rows("select memory_id from vectors order by memory_id")]


def with_value(value: float) -> Garbage:
    return lambda vectors: np.full_like(vectors, value)


GARBAGE: dict[str, Garbage] = {
    "NaN": with_value(float("nan")),
    "infinite": with_value(float("-inf")),
    "too large for the index": with_value(1e6),
    "too large for float32": lambda vectors: np.full(vectors.shape, 1e300),
    "too long": lambda vectors: np.hstack([vectors, vectors]),
    "too few": lambda vectors: vectors[1:],
    "too many": lambda vectors: np.vstack([vectors, vectors]),
    "flat": lambda vectors: vectors.ravel(),
    "words": lambda vectors: [["one"] * 32] * len(vectors),
    "ragged": lambda vectors: [[1.0] * place for place in range(len(vectors) + 1)],
    "nothing": lambda vectors: None,
}


@pytest.mark.parametrize("garble", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_instead_of_vectors_loses_nothing(
    tmp_path: Path, garble: Garbage, caplog: pytest.LogCaptureFixture
) -> None:
    embedder = GarbageEmbedder()
    with opened(tmp_path / "memory.db", embedder) as memory:
        first = memory.add("Alice", "I adopted a beagle.")
        embedder.garble = garble
        with caplog.at_level(logging.WARNING):
            turns = memory.add_many({"speaker": "Bob", "text": f"The copper kettle sings {n}."} for n in range(3))
            event = memory.add_event(turns, "Bob's kettle sang")
        assert caplog.messages
        assert embedded_ids(memory) == [first.id]
        found = memory.retrieve("copper kettle")  # the question gets no vector either
        assert {scored.memory.id for scored in found.ranked} >= {turn.id for turn in turns}
        assert "Recalled by words alone" in found.problems[0]
        assert Agent(memory, ScriptedGenerator("It sings [1].")).ask("copper kettle?").citations
        embedder.garble = None
        assert memory.retrieve("copper kettle").problems == ()
        assert embedded_ids(memory) == [first.id, *[turn.id for turn in turns], event.id]


@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_one_bad_vector_costs_no_other_memory_its_own(tmp_path: Path, value: float) -> None:
    embedder = GarbageEmbedder()

    def spoil_zinc(vectors: np.ndarray) -> np.ndarray:
        spoilt = ["zinc" in text for text in embedder.embedded[-len(vectors) :]]
        vectors[spoilt] = value
        return vectors

    embedder.garble = spoil_zinc
    with opened(tmp_path / "memory.db", embedder) as memory:
        turns = memory.add_many({"speaker": "Bob", "text": text} for text in ("tin", "zinc", "iron"))
        assert embedded_ids(memory) == [turns[0].id, turns[2].id]
        with pytest.raises(InvalidVectors, match="'hash' returned NaN or infinite values for 1 memories"):
            memory.archive.reembed()
        assert embedded_ids(memory) == [turns[0].id, turns[2].id]
        found = memory.retrieve("iron")
        assert (found.problems, found.ranked[0].memory) == ((), turns[2])
        embedder.garble = None
        assert memory.archive.embed_missing() == 1
        assert len(embedded_ids(memory)) == 3


def test_what_was_said_while_the_embedder_was_down_is_found_by_words_and_embedded_later(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    with opened(tmp_path / "memory.db", embedder) as memory:
        embedder.is_broken = True
        turns = memory.add_many({"speaker": "Bob", "text": f"kettle {n}"} for n in range(600))
        assert embedded_ids(memory) == []
        found = memory.retrieve("kettle 77")
        assert found.ranked[0].memory == turns[77]
        assert "could not be embedded" in found.problems[0]
        with pytest.raises(EmbedderError):
            memory.archive.embed_missing()
    embedder.is_broken = False
    with opened(tmp_path / "memory.db", embedder) as memory:  # remembered across openings
        assert memory.retrieve("kettle 77").problems == ()
        assert embedded_ids(memory) == [turn.id for turn in turns]
        before = len(embedder.embedded)
        memory.recall("kettle 78")
        assert len(embedder.embedded) == before + 1  # the question alone: nothing is pending any more


def test_a_question_does_not_wait_for_a_whole_store_to_be_embedded(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db", HashEmbedder()) as memory:
        turns = memory.add_many({"speaker": "Bob", "text": f"kettle {n}"} for n in range(1_100))
        memory.archive.store.file.write("delete from vectors")  # as after an interrupted `recollect reembed`
        memory.archive.store.set_fact("vectors_pending", "1")
        found = memory.retrieve("kettle 77")
        assert found.ranked[0].memory == turns[77]
        assert "1,100 memories have no vectors" in found.problems[0]
        assert "recollect reembed --store" in found.problems[0]
        assert embedded_ids(memory) == []
        assert memory.archive.reembed() == 1_100
        assert memory.retrieve("kettle 77").problems == ()


def test_of_what_has_no_usable_vector_one_is_tried_again_for_every_question(tmp_path: Path) -> None:
    embedder = GarbageEmbedder()
    with opened(tmp_path / "memory.db", embedder) as memory:
        embedder.garble = lambda vectors: np.full_like(vectors, np.nan)
        memory.add_many({"speaker": "Bob", "text": f"kettle {n}"} for n in range(3))
        memory.recall("kettle")
        before = len(embedder.embedded)
        memory.recall("kettle")
        assert len(embedder.embedded) == before + 2  # the question is the other
        embedder.garble = None
        memory.recall("kettle")
        assert len(embedded_ids(memory)) == 3


def test_a_memory_forgotten_while_it_is_embedded_later_is_no_obstacle(tmp_path: Path) -> None:
    embedder = GarbageEmbedder()
    embedder.is_broken = True
    with opened(tmp_path / "memory.db", embedder) as memory, opened(tmp_path / "memory.db", HashEmbedder()) as other:
        turns = memory.add_many({"speaker": "Bob", "text": f"kettle {n}"} for n in range(3))

        def forget_meanwhile(vectors: np.ndarray) -> np.ndarray:
            other.forget(turns[:1])
            return vectors

        embedder.is_broken, embedder.garble = False, forget_meanwhile
        assert memory.archive.embed_missing() == 2
        assert embedded_ids(memory) == [turns[1].id, turns[2].id]


def test_vectors_damaged_in_the_store_leave_recall_by_words(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db", HashEmbedder()) as memory:
        turn = memory.add("Bob", "The copper kettle sings.")
        memory.archive.store.file.write("update vectors set vector = ?", [np.full(32, np.nan, "<f4").tobytes()])
        found = memory.retrieve("copper kettle")
        assert [scored.memory for scored in found.ranked] == [turn]
        assert "the vectors could not be searched" in found.problems[0]


def test_a_store_embedded_anew_by_another_process_is_not_mixed_with_old_vectors(tmp_path: Path) -> None:
    with opened(tmp_path / "memory.db", HashEmbedder(32)) as old:
        first = old.add("Alice", "I adopted a beagle.")
        with pytest.raises(EmbedderMismatch):
            opened(tmp_path / "memory.db", HashEmbedder(16))
        other = Archive(Store(tmp_path / "memory.db"), HashEmbedder(16), check_embedder=False)
        assert other.reembed() == 1
        second = old.add("Bob", "The copper kettle sings.")  # not lost, and not embedded by the wrong model
        assert embedded_ids(old) == [first.id]
        with pytest.raises(EmbedderMismatch, match="recollect reembed"):
            old.recall("kettle")
        other.close()
    with opened(tmp_path / "memory.db", HashEmbedder(16)) as new:
        assert new.recall("copper kettle", limit=1)[0].memory == second
        assert embedded_ids(new) == [first.id, second.id]


@pytest.mark.parametrize("content", ["flipped", "truncated", "empty", "a folder"])
def test_a_bad_snapshot_is_replaced_by_what_sqlite_holds(tmp_path: Path, content: str) -> None:
    path = snapshot_path(tmp_path / "memory.db")
    question = HashEmbedder().embed(["copper kettle 7"], kind="query")[0]
    with opened(tmp_path / "memory.db", HashEmbedder()) as memory:
        memory.add_many({"speaker": "Bob", "text": f"copper kettle {n}"} for n in range(50))
        expected = memory.archive.vectors.search(question, limit=50, scope=Scope())
        memory.archive.vectors.save()
    whole = path.read_bytes()
    if content == "a folder":
        path.unlink()
        path.mkdir()
    else:
        flipped = whole[:-300] + bytes([whole[-300] ^ 1]) + whole[-299:]
        path.write_bytes({"flipped": flipped, "truncated": whole[:-1], "empty": b""}[content])
    with opened(tmp_path / "memory.db", HashEmbedder()) as memory:
        assert memory.archive.vectors.search(question, limit=50, scope=Scope()) == expected
        assert memory.retrieve("copper kettle 7").problems == ()


def test_a_flipped_bit_in_the_weights_is_noticed_and_costs_no_turn(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(minilm_folder(), folder)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1000, 2)
        byte = file.read(1)[0]
        file.seek(-1000, 2)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(WeightsCorrupt, match="SHA-256"):
        MiniLmEmbedder(folder).embed(["a"], kind="query")
    with opened(tmp_path / "memory.db", MiniLmEmbedder(folder)) as memory:
        turn = memory.add("Alice", "I adopted a beagle.")
        found = memory.retrieve("beagle")
        assert found.ranked[0].memory == turn
        assert "SHA-256" in found.problems[0]
    (folder / "model.safetensors").unlink()
    shutil.copy(minilm_folder() / "model.safetensors", folder)
    with opened(tmp_path / "memory.db", MiniLmEmbedder(folder)) as memory:
        assert memory.retrieve("beagle").problems == ()
        assert embedded_ids(memory) == [turn.id]


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json", "model.safetensors"])
def test_missing_and_emptied_model_files_are_named(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(minilm_folder(), folder, copy_function=lambda source, target: Path(target).symlink_to(source))
    (folder / name).unlink()
    for _ in range(2):
        with pytest.raises(EmbedderError, match=name):
            MiniLmEmbedder(folder).embed(["a"], kind="query")
        (folder / name).write_text("[]" if name == "config.json" else "")


def test_model_files_that_do_not_belong_together_are_an_error_of_ours(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(minilm_folder(), folder, copy_function=lambda source, target: Path(target).symlink_to(source))
    config = (folder / "config.json").read_text()
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(config.replace('"num_attention_heads": 12', '"num_attention_heads": 7'))
    with pytest.raises(EmbedderError, match="failed on 1 texts"):
        MiniLmEmbedder(folder).embed(["a"], kind="query")
