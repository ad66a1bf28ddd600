"""The local generator over tiny random models on disk: decodings, citations, abstention, inputs."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# torch and transformers type tolist, backward, manual_seed and their loaders loosely

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch

from recollect import Config
from recollect.agent.citations import numbers_in
from recollect.agent.generators.bart import LEAST_SHARE, BartGenerator, Settings
from recollect.agent.generators.seq2seq_model import dtype_on, load_reader
from recollect.agent.marginal.decoding import posterior
from recollect.agent.marginal.document_decoder import DocumentDecoder
from recollect.agent.marginal.prior import log_prior
from recollect.agent.ports import ABSTENTION, Told
from recollect.agent.reader_card import FILE, ReaderCard, write_card
from recollect.memory.errors import GenerationError, ModelNotConfigured
from recollect.memory.types import Context, Turn
from recollect.wiring_reader import local_reader
from tests.tiny_models import tokenizer
from tests.tiny_seq2seq import write_bart

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DECODINGS: list[Any] = ["rag-sequence", "rag-sequence-fast", "rag-token", "re2g", "concat"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bart(tmp_path_factory.mktemp("bart"))


def context(*texts: str) -> Context:
    turns = tuple(
        Turn(id=n, user="u", conversation="c", session="1", position=n, speaker="Alice", text=text, said_at=NOON)
        for n, text in enumerate(texts, 1)
    )
    lines = "\n".join(f"[{n}] Alice: {text}" for n, text in enumerate(texts, 1))
    scores = tuple(float(len(texts) - n) for n in range(len(texts)))
    return Context(memories=turns, scores=scores, text=lines, tokens=30, budget=854)


PETS = context("I adopted a beagle.", "The wedding is in a barn.", "We had pizza.")


@pytest.mark.parametrize("decoding", DECODINGS)
def test_every_decoding_answers_and_cites_a_memory_that_it_read(folder: Path, decoding: Any) -> None:
    settings = Settings(decoding=decoding, beams=2, most_tokens=6, documents=2)
    generator = BartGenerator(str(folder), settings=settings, device="cpu")
    told = generator.told("What did Alice adopt?", PETS, ())
    assert told.confidence is None
    assert told.problems == ()
    assert set(told.shares) == {1, 2}
    assert sum(told.shares.values()) == pytest.approx(1.0, abs=1e-6)
    cited = numbers_in(told.text)
    assert cited[0] == max(told.shares, key=lambda number: told.shares[number])
    assert set(cited) == {cited[0]} | {number for number, share in told.shares.items() if share >= LEAST_SHARE}
    assert "".join(generator.stream("What did Alice adopt?", PETS, ())) == told.text


def test_one_memory_carries_its_answer_whole_however_it_is_decoded(folder: Path) -> None:
    answers = set()
    for decoding in DECODINGS[:4]:
        generator = BartGenerator(
            str(folder), settings=Settings(decoding=decoding, beams=2, most_tokens=6), device="cpu"
        )
        answers.add(generator.told("What?", context("I adopted a beagle."), ()).text)
    assert len(answers) == 1
    assert numbers_in(answers.pop()) == (1,)


def test_the_prior_is_that_of_the_rerankers_scores(folder: Path) -> None:
    scored = replace(PETS, scores=(3.0, 1.0, -2.0))

    def share_of_first(decoding: Any, scores: tuple[float, ...]) -> float:
        settings = Settings(decoding=decoding, beams=1, most_tokens=1)
        generator = BartGenerator(str(folder), settings=settings, device="cpu")
        return generator.told("What?", replace(scored, scores=scores), ()).shares[1]

    log_sigmoids = tuple(-math.log1p(math.exp(-score)) for score in scored.scores)
    assert share_of_first("re2g", scored.scores) == pytest.approx(share_of_first("rag-token", log_sigmoids), abs=1e-5)
    assert share_of_first("re2g", log_sigmoids) == pytest.approx(share_of_first("re2g", scored.scores), abs=1e-5)
    assert share_of_first("rag-token", scored.scores) > share_of_first("re2g", scored.scores) + 0.01


def test_a_stream_tells_at_its_end_and_leaves_everything_free_meanwhile(tmp_path: Path) -> None:
    settings = Settings(beams=1, most_tokens=12)
    generator = BartGenerator(str(write_bart(tmp_path, seed=4)), settings=settings, device="cpu")
    taken: list[str] = []
    ends: list[Told] = []

    def pieces() -> Iterator[str]:
        ends.append((yield from generator.stream_told("What did Alice adopt?", PETS, ())))

    for piece in pieces():
        taken.append(piece)
        assert not torch.is_inference_mode_enabled()
        if len(taken) == 1:
            ends.append(generator.told("What did Alice adopt?", PETS, ()))  # while the first is not over
    assert len(taken) > 2
    assert ends[0] == ends[1]
    assert "".join(taken) == ends[1].text


def test_the_card_says_how_widely_and_how_far_is_searched_unless_it_is_set(tmp_path: Path) -> None:
    card = ReaderCard(template="{context} // {question}", max_new_tokens=2, beams=1)
    write_card(card, write_bart(tmp_path))

    def said(settings: Settings) -> list[str]:
        words = BartGenerator(str(tmp_path), settings=settings, device="cpu").told("What?", PETS, ()).text
        tokens: list[str] = load_reader(str(tmp_path), "cpu").tokenizer.tokenize(words[: words.rindex(" [")])
        return tokens

    assert len(said(Settings())) <= 2
    assert said(Settings()) == said(Settings(beams=1, most_tokens=2))
    assert len(said(Settings(most_tokens=6))) > 2
    assert said(Settings(most_tokens=6)) == said(Settings(most_tokens=6, beams=1))


def test_forced_tokens_of_the_model_are_said_and_not_shown(tmp_path: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM

    model: Any = AutoModelForSeq2SeqLM.from_pretrained(write_bart(tmp_path))
    model.generation_config.forced_bos_token_id = 9
    model.generation_config.forced_eos_token_id = model.config.eos_token_id
    model.save_pretrained(tmp_path)
    reader = load_reader(str(tmp_path), "cpu")
    assert (reader.forced_first, reader.forced_last) == (9, reader.end)
    assert reader.tokens("dog") == (9, *reader.tokenizer("dog", add_special_tokens=False).input_ids, reader.end)
    first = reader.text([9]).strip()
    settings = Settings(beams=2, most_tokens=3)
    for decoding in DECODINGS:
        generator = BartGenerator(str(tmp_path), settings=replace(settings, decoding=decoding), device="cpu")
        words = generator.told("What?", PETS, ()).text.partition(" [")[0]
        assert words.startswith(first)


def test_models_in_bf16_answer_with_the_same_shares_within_its_precision(folder: Path) -> None:
    reader = load_reader(str(folder), "cpu")
    half = replace(reader, model=load_reader(str(folder), "cpu").model.to(torch.bfloat16))
    with torch.inference_mode():
        shares = []
        for one in (reader, half):
            ids, mask = one.inputs("What?", ["a beagle", "a barn", "pizza"], "{context} // {question}")
            decoder = DocumentDecoder(one.model, ids, mask)
            prior = log_prior(torch.tensor([1.0, 0.5, 0.0]))
            shares.append(posterior(decoder, prior, one.tokens("beagle"), by_token=False))
    assert shares[1].dtype == torch.float32
    assert shares[1].tolist() == pytest.approx(shares[0].tolist(), abs=0.1)
    assert dtype_on("cpu") == torch.float32


def test_nothing_is_remembered_without_memories(folder: Path) -> None:
    told = BartGenerator(str(folder)).told("What?", context(), ())
    assert (told.text, told.confidence) == (ABSTENTION, 0.0)


def test_the_models_own_words_for_no_answer_become_ours(tmp_path: Path) -> None:
    settings = Settings(beams=2, most_tokens=6)
    write_bart(tmp_path)
    card = ReaderCard(template="{context} // {question}", no_answer="never said")
    write_card(card, tmp_path)
    said = BartGenerator(str(tmp_path), settings=settings, device="cpu").told("What?", PETS, ()).text
    assert said != ABSTENTION
    words = said[: said.rindex(" [")].strip(" .")
    write_card(replace(card, no_answer=words), tmp_path)
    told = BartGenerator(str(tmp_path), settings=settings, device="cpu").told("What?", PETS, ())
    assert told.text == ABSTENTION
    assert told.confidence is not None
    assert 0.0 <= told.confidence <= 1.0


def test_a_long_passage_is_cut_and_the_question_never(tmp_path: Path) -> None:
    reader = load_reader(str(write_bart(tmp_path, max_position_embeddings=32)), "cpu")
    question = "What is Alice's dog called?"
    for template in ("{context} // {question}", "{question} : {context}"):
        ids, mask = reader.inputs(question, ["pizza " * 100, "barn"], template)
        assert ids.shape[1] == 32
        assert mask.sum(1).tolist()[0] == 32
        assert mask.sum(1).tolist()[1] < 32
        for row in range(2):
            assert question in reader.text(ids[row].tolist())
    with pytest.raises(GenerationError, match="longer than the 32 tokens"):
        reader.inputs("why " * 50, ["barn"], "{context} // {question}")


def test_a_rag_model_loads_with_its_question_encoder(tmp_path: Path) -> None:
    from transformers import RagTokenForGeneration

    from tests.tiny_seq2seq import bart, rag

    written = tokenizer(tmp_path / "generator_tokenizer")
    end = written.eos_token_id
    generator = bart(3, len(written), eos_token_id=end, pad_token_id=end, decoder_start_token_id=end)
    rag(RagTokenForGeneration, generator).save_pretrained(tmp_path)
    reader = load_reader(str(tmp_path), "cpu")
    assert type(reader.question_encoder).__name__ == "DPRQuestionEncoder"
    for name, weight in generator.state_dict().items():
        assert (reader.model.state_dict()[name] == weight).all()
    asked = BartGenerator(str(tmp_path), settings=Settings(most_tokens=4), device="cpu")
    told = asked.told("What?", PETS, ())
    assert told.text
    assert "question encoder" in told.problems[0]
    assert asked.told("What?", PETS, ()) == replace(told, problems=())  # told once


def test_what_cannot_be_loaded_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match=r"generator\.model"):
        BartGenerator(str(tmp_path)).told("What?", PETS, ())
    (tmp_path / FILE).write_text('{"format": 1, "template": "{question}"}', encoding="utf-8")
    with pytest.raises(GenerationError, match="lacks"):
        BartGenerator(str(write_bart(tmp_path))).told("What?", PETS, ())
    with pytest.raises(ModelNotConfigured, match=r"generator\.model is not set"):
        local_reader(Config(generator="bart"))
    assert local_reader(Config(generator="bart", generator_model="here")).name == "here"
