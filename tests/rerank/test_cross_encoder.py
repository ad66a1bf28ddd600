"""The cross-encoder: the model's own scores, questions kept whole, and nothing of a long memory lost."""

import random
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from recollect.memory.errors import RerankError
from recollect.memory.types import Candidate, EventSummary, Turn
from recollect.rerank.base import TellingReranker, ranking_of, reads_events
from recollect.rerank.cross_encoder import MOST_PIECES, CrossEncoderReranker
from tests.tiny_cross_encoders import WORDS, write_cross_encoder, write_decoder

FAMILIES = ("bert", "xlm-roberta")
QUESTION = "What is the dog called?"
SAID = ("We had pizza.", "I adopted a beagle.", "My knee hurts since the run.", "The wedding is in a barn.", "no")


def candidate(number: int, text: str, speaker: str = "Al") -> Candidate:
    turn = Turn(
        id=number,
        user="alice",
        conversation="c",
        session="1",
        position=number + 1,
        speaker=speaker,
        text=text,
        said_at=datetime(2026, 3, 2, 18),
    )
    return Candidate(memory=turn, lexical=1.0, dense=None, fused=-float(number), preceding=f"Bob: {number}?")


CANDIDATES = [candidate(number, text) for number, text in enumerate(SAID)]


class Model:
    """A model on disk, with its own logits from transformers alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._model: Any = AutoModelForSequenceClassification.from_pretrained(folder).eval()

    def ranker(self, **options: Any) -> CrossEncoderReranker:
        return CrossEncoderReranker(str(self.folder), device="cpu", **options)

    def length(self, *texts: str) -> int:
        return len(self._tokenizer(*texts)["input_ids"])

    def logits(self, question: str, passage: str) -> list[float]:
        with torch.inference_mode():
            logits = self._model(**self._tokenizer(question, passage, return_tensors="pt")).logits[0]
        return [float(logit) for logit in logits]


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model(write_cross_encoder(tmp_path_factory.mktemp(request.param), request.param))


def scores(ranker: CrossEncoderReranker, question: str, candidates: Sequence[Candidate]) -> dict[int, float]:
    return {one.memory.id: one.score for one in ranker.rank(question, candidates)}


def test_scores_are_the_models_own_logits_and_the_best_comes_first(model: Model) -> None:
    ranked = model.ranker().rank(QUESTION, CANDIDATES)
    expected = {number: model.logits(QUESTION, f"Al: {text}")[0] for number, text in enumerate(SAID)}
    assert {one.memory.id: one.score for one in ranked} == pytest.approx(expected, abs=1e-5)
    assert len({round(score, 3) for score in expected.values()}) == len(SAID)  # the model tells them apart
    assert [one.memory.id for one in ranked] == sorted(expected, key=lambda number: -expected[number])
    assert all(one.stages == {"lexical": 1.0, "fused": -one.memory.id, "cross_encoder": one.score} for one in ranked)
    assert all(one.preceding == f"Bob: {one.memory.id}?" for one in ranked)


def test_neither_order_nor_company_changes_a_score(model: Model) -> None:
    ranker = model.ranker()
    straight = scores(ranker, QUESTION, CANDIDATES)
    shuffled = CANDIDATES.copy()
    random.Random(1).shuffle(shuffled)
    assert scores(ranker, QUESTION, shuffled) == pytest.approx(straight, abs=1e-5)
    alone = [score for one in CANDIDATES for score in scores(ranker, QUESTION, [one]).values()]
    assert alone == pytest.approx([straight[number] for number in range(len(SAID))], abs=1e-5)


def test_equal_texts_tie_exactly_and_keep_their_order(model: Model) -> None:
    twins = [candidate(number, SAID[1]) for number in (5, 2, 9)]
    # in batches of other lengths the same text could come out a millionth apart
    many = [*twins, *(candidate(number, "pizza " * (number % 9)) for number in range(10, 90)), candidate(3, SAID[1])]
    ranked = model.ranker().rank(QUESTION, many)
    assert [one.memory.id for one in ranked if one.memory.text == SAID[1]] == [5, 2, 9, 3]
    assert len({one.score for one in ranked if one.memory.text == SAID[1]}) == 1


def test_none_one_and_blank_candidates_are_ranked(model: Model) -> None:
    ranker = model.ranker()
    assert ranker.rank(QUESTION, []) == []
    assert [one.memory.id for one in ranker.rank(QUESTION, CANDIDATES[:1])] == [0]
    assert len(ranker.rank(" ", [candidate(1, ""), candidate(2, " \n"), candidate(3, "🐶 漢字")])) == 3


def test_an_event_summary_is_a_candidate_like_any_other(model: Model) -> None:
    event = EventSummary(
        id=77,
        user="alice",
        conversation="c",
        session="1",
        text="Alice adopts a dog.",
        happened_at=datetime(2026, 3, 1),
        kind="anchor",
        turns=(1,),
    )
    candidates = [CANDIDATES[0], Candidate(memory=event, lexical=0.0, dense=0.5, fused=0.0)]
    found = scores(model.ranker(), QUESTION, candidates)
    assert found[77] == pytest.approx(model.logits(QUESTION, event.text)[0], abs=1e-5)


# -- long texts ----------------------------------------------------------------------------------


def test_a_long_memory_is_found_by_its_end(model: Model) -> None:
    # no two of these lines fit into a window of 64 tokens together
    lines = sorted((f"{word} " * 35 for word in WORDS), key=lambda line: model.logits("dog", f"Al: {line}")[0])
    filler, answer = lines[0], lines[-1]
    found = ranking_of(model.ranker(), "dog", [candidate(1, f"{filler}\n" * 9 + answer), candidate(2, filler)])
    assert [one.memory.id for one in found.memories] == [1, 2]
    expected = [model.logits("dog", f"Al: {line}")[0] for line in (answer, filler)]
    assert [one.score for one in found.memories] == pytest.approx(expected, abs=1e-5)
    assert expected[0] > expected[1] + 0.01
    assert found.problems == ()


def test_the_turns_of_a_long_memory_are_read_whole(model: Model) -> None:
    lines = [f"{word} {word} {word}" for word in WORDS]
    found = scores(model.ranker(window=16), "dog", [candidate(1, "\n".join(lines), speaker="A")])[1]
    runs = ["\n".join(lines[start : start + count]) for count in (1, 2) for start in range(len(lines))]
    assert any(found == pytest.approx(model.logits("dog", f"A: {run}")[0], abs=1e-5) for run in runs)


def test_a_memory_up_to_the_last_position_is_read_in_one_piece(model: Model) -> None:
    room = 64 - model.length("dog", "Al:")
    for count in (room - 1, room, room + 1):  # a letter is a token; RoBERTa's positions do not begin at 0
        text = "dog " * count
        assert model.length("dog", f"Al: {text}") == 64 - room + count
        found = scores(model.ranker(), "dog", [candidate(1, text.strip())])[1]
        if count <= room:
            assert found == pytest.approx(model.logits("dog", f"Al: {text.strip()}")[0], abs=1e-5)


def test_the_question_stays_whole_beside_a_long_memory(model: Model) -> None:
    question = "dog beagle biscuit wedding barn pizza knee run piano " * 4
    assert model.length(question) < 3 * 64 // 4
    found = ranking_of(model.ranker(), question, [candidate(1, "lisbon " * 99)])
    assert found.problems == ()
    pieces = [f"Al: {('lisbon ' * count).strip()}" for count in range(1, 30)]
    fitting = [model.logits(question, piece)[0] for piece in pieces if model.length(question, piece) <= 64]
    assert any(found.memories[0].score == pytest.approx(score, abs=1e-5) for score in fitting)


def test_a_question_beyond_three_quarters_of_the_window_is_cut_and_that_is_said(model: Model) -> None:
    found = ranking_of(model.ranker(), "dog beagle " * 99, [candidate(1, "lisbon"), candidate(2, "pizza")])
    (problem,) = found.problems
    assert "question is too long" in problem
    read = int(problem.split("first ")[1].split(" ")[0])
    question = ("dog beagle " * 99)[:read]
    assert 40 <= model.length(question) <= 48
    expected = {number: model.logits(question, f"Al: {word}")[0] for number, word in ((1, "lisbon"), (2, "pizza"))}
    assert {one.memory.id: one.score for one in found.memories} == pytest.approx(expected, abs=1e-5)


def test_what_of_an_endless_memory_is_not_read_is_said(model: Model) -> None:
    found = ranking_of(model.ranker(), "dog", [candidate(7, "pizza knee " * 10_000), candidate(2, "pizza")])
    (problem,) = found.problems
    assert problem.startswith("Memory 7 is ")
    assert f"the first {MOST_PIECES} were read" in problem
    assert len(found.memories) == 2


def test_a_speaker_with_a_very_long_name_leaves_room_for_what_was_said(model: Model) -> None:
    found = ranking_of(model.ranker(), "dog", [candidate(1, "a beagle", speaker="Alexandra " * 40)])
    assert len(found.memories) == 1


# -- models --------------------------------------------------------------------------------------


def test_two_labels_are_read_as_the_log_probability_of_the_relevant_one(tmp_path: Path) -> None:
    model = Model(write_cross_encoder(tmp_path, labels=2))
    found = scores(model.ranker(), QUESTION, CANDIDATES)
    for number, text in enumerate(SAID):
        logits = torch.tensor(model.logits(QUESTION, f"Al: {text}"))
        assert found[number] == pytest.approx(float(logits.log_softmax(0)[1]), abs=1e-5)
        assert found[number] < 0


def test_a_decoder_that_says_yes_or_no_is_a_reranker_too(tmp_path: Path) -> None:
    write_decoder(tmp_path)
    tokenizer: Any = AutoTokenizer.from_pretrained(tmp_path)
    decoder: Any = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    found = scores(CrossEncoderReranker(str(tmp_path), device="cpu"), "dog?", CANDIDATES)
    for number, text in enumerate(SAID):
        with torch.inference_mode():
            encoded = tokenizer("dog?", f"Al: {text}", return_tensors="pt")
            logits = decoder(encoded["input_ids"]).logits[0, -1]
        assert found[number] == pytest.approx(float(logits[yes] - logits[no]), abs=1e-5)


@pytest.mark.parametrize("name", ["/nowhere/at/all", "recollect-tests/no-such-model"])
def test_a_model_that_is_not_there_is_named_with_what_to_do(name: str) -> None:
    with pytest.raises(RerankError, match=name) as caught:
        CrossEncoderReranker(name).rank(QUESTION, CANDIDATES)
    assert "rerank.model" in str(caught.value)
    assert "needs a network" in str(caught.value)


def test_a_folder_without_a_model_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RerankError, match="Cannot load"):
        CrossEncoderReranker(str(tmp_path)).rank(QUESTION, CANDIDATES)


def test_a_damaged_model_is_a_clear_error(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RerankError, match="Cannot load"):
        CrossEncoderReranker(str(tmp_path)).rank(QUESTION, CANDIDATES)


def test_an_encoder_without_a_trained_head_is_refused_instead_of_scoring_at_random(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path, has_head=False)
    with pytest.raises(RerankError, match="no cross-encoder but a BertModel"):
        CrossEncoderReranker(str(tmp_path)).rank(QUESTION, CANDIDATES)


def test_a_classifier_of_three_labels_is_refused(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path, labels=3)
    with pytest.raises(RerankError, match="has 3 labels"):
        CrossEncoderReranker(str(tmp_path)).rank(QUESTION, CANDIDATES)


def test_a_device_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    write_cross_encoder(tmp_path)
    with pytest.raises(RerankError, match=r"rerank\.device"):
        CrossEncoderReranker(str(tmp_path), device="no-such-device").rank(QUESTION, CANDIDATES)


def test_loading_and_ranking_draw_no_progress_bars(model: Model, capfd: pytest.CaptureFixture[str]) -> None:
    model.ranker().rank(QUESTION, CANDIDATES)
    assert "%" not in "".join(capfd.readouterr())


def test_making_one_loads_nothing_and_looks_up_no_events() -> None:
    ranker = CrossEncoderReranker("/nowhere")
    assert (ranker.name, reads_events(ranker)) == ("cross_encoder", False)
    assert isinstance(ranker, TellingReranker)
    assert ranker.rank(QUESTION, []) == []


def test_threads_share_one_model(model: Model) -> None:
    ranker = model.ranker()
    found: dict[int, dict[int, float]] = {}

    def rank(number: int) -> None:
        found[number] = scores(ranker, QUESTION, CANDIDATES)

    threads = [threading.Thread(target=rank, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(6)] == [found[0]] * 6
