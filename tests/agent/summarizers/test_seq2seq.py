"""A local sequence-to-sequence model as summariser: a tiny random BART on disk."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

from recollect.agent.summarizers.seq2seq import Seq2SeqSummarizer, _events
from recollect.memory.errors import GenerationError

from .conftest import Session

WORDS = ("alice", "ben", "beagle", "park", "lyon", "piano", "adopted", "moved", ".", ":", "\n", "I", "Alice", "Ben")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that writes random words it knows, and its tokenizer of whole words."""
    path = tmp_path_factory.mktemp("bart")
    special = ("<s>", "<pad>", "</s>", "<unk>")
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate((*special, *WORDS))}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=words, **names).save_pretrained(path)
    torch.manual_seed(3)
    config = BartConfig(
        vocab_size=len(special) + len(WORDS),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_position_embeddings=32,
        forced_eos_token_id=None,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=2,
    )
    model: Any = BartForConditionalGeneration(config)
    model.final_logits_bias[0, : len(special)] = -1e4  # words alone, to the last token it may write
    model.save_pretrained(path)
    return path


def test_what_the_model_writes_becomes_at_most_three_events_a_window_citing_turns_of_it(
    folder: Path, session: Session
) -> None:
    turns = session(
        *[(speaker, f"{verb} {place} .") for speaker in ("Alice", "Ben") for verb in ("adopted", "moved")
          for place in ("beagle", "park", "lyon", "piano")],
    )  # fmt: skip
    summarizer = Seq2SeqSummarizer(str(folder), device="cpu")
    events = summarizer.events(turns)
    assert events
    ids = {turn.id for turn in turns}
    assert all(event.text.strip() and event.turns and ids.issuperset(event.turns) for event in events)
    assert summarizer.events(turns) == events  # beam search draws no lots
    assert (summarizer.name, summarizer.is_local) == (str(folder), True)


def test_a_session_longer_than_the_model_can_read_is_read_in_windows(folder: Path, session: Session) -> None:
    turns = session(*[("Alice", "adopted beagle park lyon piano .")] * 9)
    model = Seq2SeqSummarizer(str(folder), device="cpu")._model
    windows = list(model.windows(turns))
    assert [turn for window in windows for turn in window] == turns
    assert len(windows) > 1
    assert list(model.windows([])) == []
    long = session(("Alice", "beagle " * 500), ("Ben", "park"))
    assert [len(window) for window in model.windows(long)] == [1, 1]
    assert isinstance(model.summary([f"Alice: {long[0].text}"]), str)


def test_a_folder_without_a_model_is_an_error_that_says_what_to_do(tmp_path: Path, session: Session) -> None:
    with pytest.raises(GenerationError, match=r"Cannot load the summariser .* Check summaries\.device"):
        Seq2SeqSummarizer(str(tmp_path)).events(session(("Alice", "hi")))


def test_more_than_three_sentences_are_told_together_and_those_nobody_said_are_left_out(session: Session) -> None:
    turns = session(
        ("Alice", "adopted beagle"), ("Ben", "moved lyon"), ("Alice", "piano exam"), ("Ben", "park bench")
    )
    told = (
        "Alice adopted a beagle. Aliens landed. Ben moved to Lyon. She has a piano exam today. He loves a park bench."
    )
    assert [(event.text, event.turns) for event in _events(told, turns)] == [
        ("Alice adopted a beagle. Ben moved to Lyon.", (10, 20)),
        ("She has a piano exam today [2 March 2026]. He loves a park bench.", (30, 40)),
    ]
    assert [event.text for event in _events("Ben moved.", turns)] == ["Ben moved."]
    assert list(_events(" ", turns)) == []
