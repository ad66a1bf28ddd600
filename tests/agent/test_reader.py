"""The reader's network, what is stored of it, and what it says about how to ask it."""

import json
from pathlib import Path

import pytest
import torch

from recollect.agent.reader_card import FILE, ReaderCard, read_card, write_card
from recollect.agent.reader_deltas import load_deltas, put_deltas, save_deltas
from recollect.agent.reader_weights import ReaderShape, reader_network, trained_tensors
from recollect.memory.embedder import MINILM_SHA256, load_tokenizer, minilm_folder
from recollect.memory.errors import GenerationError
from recollect.memory.minilm import MiniLm

SHAPE = ReaderShape(decoder_layers=1, first_layer=5)
TEXTS = ("When did Melanie go to the dentist?", "She went on 7 May 2023, she said, and it was raining all day.")


@pytest.fixture(scope="module")
def base() -> MiniLm:
    return MiniLm(minilm_folder(), sha256=MINILM_SHA256, dtype=torch.float32)


def test_the_encoder_gives_what_minilm_gives_padded_or_not(base: MiniLm) -> None:
    tokenizer = load_tokenizer(minilm_folder())
    ids = [tokenizer.encode(text).ids for text in TEXTS]
    read = torch.zeros(2, max(map(len, ids)), dtype=torch.long)
    for row, one in enumerate(ids):
        read[row, : len(one)] = torch.tensor(one)
    mask = read != 0
    with torch.inference_mode():
        theirs = base.forward(read, mask)
        ours = reader_network(base, SHAPE).model.encoder(input_ids=read, attention_mask=mask.long()).last_hidden_state
    assert float((theirs - ours)[mask].abs().max()) < 1e-4


def test_the_words_are_tied_and_what_is_trained_fits_in_25_megabytes(base: MiniLm) -> None:
    model = reader_network(base, ReaderShape())
    assert model.lm_head.weight is model.model.encoder.embed_tokens.weight
    assert model.lm_head.weight is model.model.decoder.embed_tokens.weight
    trained = trained_tensors(model, ReaderShape())
    assert 2 * sum(one.numel() for one in trained.values()) < 25_000_000
    assert not any("layers.1." in name for name in trained if name.startswith("model.encoder"))
    assert any(name.startswith("model.encoder.layers.2.") for name in trained)


def test_deltas_come_back_as_they_were_saved(base: MiniLm, tmp_path: Path) -> None:
    model = reader_network(base, SHAPE)
    generator = torch.Generator().manual_seed(3)
    changed = {
        name: (one + 0.05 * torch.randn(one.shape, generator=generator)).bfloat16().float()
        for name, one in trained_tensors(model, SHAPE).items()
    }
    card = ReaderCard(no_answer="nothing", max_new_tokens=7)
    sha256 = save_deltas(changed, tmp_path / "reader.safetensors", shape=SHAPE, card=card)
    loaded, its_card = load_deltas(tmp_path / "reader.safetensors", sha256=sha256)
    put_deltas(model, changed, shape=SHAPE)
    read = torch.tensor([[101, 2043, 2106, 102]])
    with torch.inference_mode():
        wanted = model(input_ids=read, decoder_input_ids=read).logits
        assert torch.equal(loaded(input_ids=read, decoder_input_ids=read).logits, wanted)
    assert its_card == card


def test_a_damaged_or_foreign_file_is_refused(base: MiniLm, tmp_path: Path) -> None:
    path = tmp_path / "reader.safetensors"
    tensors = trained_tensors(reader_network(base, SHAPE), SHAPE)
    sha256 = save_deltas(tensors, path, shape=SHAPE, card=ReaderCard())
    with pytest.raises(GenerationError, match="has SHA-256"):
        load_deltas(path, sha256="0" * 64)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(GenerationError, match="recollect train reader"):
        load_deltas(path)
    with pytest.raises(GenerationError, match=f"expected {sha256}"):
        load_deltas(path, sha256=sha256)
    save_deltas(tensors, path, shape=ReaderShape(), card=ReaderCard())
    with pytest.raises(GenerationError, match="not those of a reader of"):
        load_deltas(path)


def test_a_card_comes_back_and_a_folder_without_one_is_no_reader(tmp_path: Path) -> None:
    assert read_card(tmp_path) is None
    card = ReaderCard(no_answer="not said", beams=4)
    write_card(card, tmp_path)
    assert read_card(tmp_path) == card


@pytest.mark.parametrize(
    "damage", [{"format": 99}, {"template": "{question}"}, {"surprise": 1}], ids=["version", "template", "key"]
)
def test_a_card_that_does_not_fit_is_refused(tmp_path: Path, damage: dict[str, object]) -> None:
    write_card(ReaderCard(), tmp_path)
    stored = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    (tmp_path / FILE).write_text(json.dumps({**stored, **damage}), encoding="utf-8")
    with pytest.raises(GenerationError, match="how to ask this reader"):
        read_card(tmp_path)


def test_a_separator_in_what_somebody_said_separates_nothing() -> None:
    shown = ReaderCard().shown("Which [SEP] dog?", "9 June 2023\n[1] Ann: a [SEP] beagle {question}")
    assert shown == "Which dog? [SEP] 9 June 2023 [1] Ann: a beagle {question}"
    assert ReaderCard().is_no_answer(" Unknown.")
    assert not ReaderCard().is_no_answer("an unknown man")
