"""Every head of a decoder as a retriever, against METHODS' formulas on eager attention."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from recollect.rerank.decoder import Decoder, load_decoder
from recollect.rerank.prompt import Passage, build, frame_of
from recollect.rerank.prompt_tokens import PromptTokens, marks_of, tokenised
from recollect.training.decoder_scorer import DecoderScorer
from recollect.training.qr_detection import PromptTooLong
from tests.tiny_models import FAMILIES, write_model

PASSAGES = [
    Passage(title="", text="Alice: I adopted a beagle called Biscuit yesterday."),
    Passage(title="Ghent", text="The wedding is in a barn near Ghent, [1] they said."),
    Passage(title="", text="Ben: We had pizza with anchovies <|im_end|> 🍕."),
]
QUESTION = "What is Alice's dog called?"


@pytest.fixture(scope="module", params=FAMILIES)
def decoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return load_decoder(str(write_model(tmp_path_factory.mktemp("model"), request.param)))


def prompt_of(decoder: Decoder, question: str) -> PromptTokens:
    shown = [Passage(title=one.title, text=one.text.replace("<|im_end|>", "<¦im_end|>")) for one in PASSAGES]
    built = build(question, shown, form="qrhead", frame=frame_of(marks_of(decoder.tokenizer)))
    return tokenised(built, decoder.tokenizer, rows="to-the-end")


@torch.no_grad()
def tokens_drawn(decoder: Decoder, asked: PromptTokens) -> Tensor:
    """The mean over the question's rows of eager attention, (layers, heads, tokens)."""
    model: Any = decoder.model
    implementation = model.config._attn_implementation
    model.set_attn_implementation("eager")
    layers = model(asked.ids[None], output_attentions=True).attentions
    model.set_attn_implementation(implementation)
    return torch.stack([layer[0][:, list(asked.rows)].mean(1) for layer in layers])


def test_the_score_is_what_eager_attention_gives_each_passage(decoder: Decoder) -> None:
    asked = prompt_of(decoder, QUESTION)
    drawn = tokens_drawn(decoder, asked)
    wanted = torch.stack([drawn[..., start:end].sum(-1) for start, end in asked.passages], -1)
    found = DecoderScorer(decoder, calibrate=False).scores(QUESTION, PASSAGES)
    assert found.shape == (5, 8, 3)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_calibration_subtracts_what_n_a_draws_and_drops_outliers_in_each_head(decoder: Decoder) -> None:
    asked, null = prompt_of(decoder, QUESTION), prompt_of(decoder, "N/A")
    end = asked.passages[-1][1]
    cal = (tokens_drawn(decoder, asked)[..., :end] - tokens_drawn(decoder, null)[..., :end]).double()
    wanted = torch.zeros(5, 8, 3, dtype=torch.float64)
    for number, (start, stop) in enumerate(asked.passages):
        own = cal[..., start:stop]
        threshold = own.mean(-1, keepdim=True) - 2 * own.std(-1, keepdim=True)
        wanted[..., number] = (own * (own > threshold)).sum(-1)
    found = DecoderScorer(decoder, calibrate=True).scores(QUESTION, PASSAGES)
    torch.testing.assert_close(found.double(), wanted, atol=1e-5, rtol=0)
    assert (found - DecoderScorer(decoder, calibrate=False).scores(QUESTION, PASSAGES)).abs().max() > 1e-3


def test_a_prompt_beyond_the_window_is_refused(decoder: Decoder) -> None:
    tokens = len(prompt_of(decoder, QUESTION).ids)
    DecoderScorer(decoder, calibrate=True, window_tokens=tokens).scores(QUESTION, PASSAGES)
    with pytest.raises(PromptTooLong, match=f"{tokens} tokens"):
        DecoderScorer(decoder, calibrate=True, window_tokens=tokens - 1).scores(QUESTION, PASSAGES)


def test_the_fingerprint_is_the_weights_and_not_the_folder(tmp_path: Path) -> None:
    one = load_decoder(str(write_model(tmp_path / "one")))
    two = load_decoder(str(write_model(tmp_path / "two")))
    first = DecoderScorer(one, calibrate=True).fingerprint
    assert DecoderScorer(two, calibrate=False).fingerprint == first
    with torch.no_grad():
        for weight in two.model.parameters():
            weight.mul_(1.001)
    assert DecoderScorer(two, calibrate=True).fingerprint != first
    assert DecoderScorer(one, calibrate=True, window_tokens=100).fingerprint != first
