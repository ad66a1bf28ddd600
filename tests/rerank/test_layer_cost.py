"""What rerankers say they did is what torch counts on the same pass, and tokens are those that are read."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModel

from recollect.memory.types import NO_EFFORT, Candidate, Effort, Turn
from recollect.rerank.attention import prefill, prepare
from recollect.rerank.base import FirstStageOrder
from recollect.rerank.cross_encoder import CrossEncoderReranker
from recollect.rerank.layer_cost import Pass, layer_cost
from recollect.rerank.prefilled_qr import PrefilledQr
from recollect.rerank.qr import QrOptions, QrReranker
from tests.rerank.candidates import candidate
from tests.tiny_cross_encoders import write_cross_encoder, write_decoder
from tests.tiny_models import FAMILIES, tiny_config, tiny_model, write_model

SAID = (
    "We had pizza with anchovies.",
    "I adopted a beagle called Biscuit yesterday, and I am tired.",
    "My knee hurts.",
)
CANDIDATES = [candidate(number, text) for number, text in enumerate(SAID)]
QUESTION = "What is the dog called?"


def counted(read: Callable[[], object]) -> float:
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter, sdpa_kernel(SDPBackend.MATH):  # torch does not count the fused kernel
        read()
    return float(counter.get_total_flops())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("past", [0, 7])
def test_a_decoder_that_stops_at_a_layer_takes_what_torch_counts(family: str, past: int) -> None:
    model: Any = prepare(tiny_model(family, num_hidden_layers=4))
    cost = layer_cost(model)
    assert cost is not None
    before = prefill(model, torch.arange(past)[None], top=3) if past else None
    found = counted(lambda: prefill(model, torch.arange(12)[None], top=3, past=before))
    assert cost.flops([Pass(tokens=12, past=past)], stops=True) == found


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "gpt2"])
def test_an_encoder_takes_what_torch_counts_in_its_layers(family: str) -> None:
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 50}
    model: Any = AutoModel.from_config(AutoConfig.for_model(family, **shape)).eval()
    cost = layer_cost(model)
    assert cost is not None
    ids = torch.arange(3 * 9).reshape(3, 9) + 2
    pooler = 2 * 3 * 16 * 16 if family != "gpt2" else 0  # once a text, from its first token
    assert cost.flops([Pass(tokens=9, texts=3)]) + pooler == counted(lambda: model(input_ids=ids))


def test_experts_are_not_counted_as_if_all_of_them_were_asked() -> None:
    config = tiny_config("qwen3")
    model: Any = tiny_model("qwen3")
    config.num_experts = 8
    model.config = config
    assert layer_cost(model) is None


def effort(ranker: QrReranker | PrefilledQr | CrossEncoderReranker, candidates: Sequence[Candidate]) -> Effort:
    return ranker.ranking(QUESTION, candidates).effort


@pytest.mark.parametrize("calibrate", [False, True])
def test_the_decoder_ranker_tells_what_it_read(tmp_path: Path, calibrate: bool) -> None:
    ranker = QrReranker(
        str(write_model(tmp_path, "qwen3")), heads="1-0,2-3", options=QrOptions(calibrate=calibrate, device="cpu")
    )
    effort(ranker, CANDIDATES)  # loads the model
    model = ranker.asking(QUESTION).decoder.model
    tokens: list[int] = []
    model.register_forward_pre_hook(lambda _, __, given: tokens.append(given["input_ids"].numel()), with_kwargs=True)
    one, all_ = effort(ranker, CANDIDATES[:1]), effort(ranker, CANDIDATES)
    assert one.tokens is not None
    assert all_.tokens is not None
    assert one.tokens + all_.tokens == sum(tokens)
    assert len(tokens) == (6 if calibrate else 2)
    assert one.flops is not None
    assert all_.flops is not None
    assert one.flops < all_.flops
    assert effort(ranker, []) == NO_EFFORT


def test_what_is_kept_read_counts_once(tmp_path: Path) -> None:
    ranker = QrReranker(
        str(write_model(tmp_path, "qwen3")), heads="1-0,2-3", options=QrOptions(calibrate=True, device="cpu")
    )
    turns = [one.memory for one in CANDIDATES if isinstance(one.memory, Turn)]
    kept = PrefilledQr(ranker, lambda *_: turns)
    tokens: list[int] = []
    ranker.asking(QUESTION).decoder.model.register_forward_pre_hook(
        lambda _, __, given: tokens.append(given["input_ids"].numel()), with_kwargs=True
    )
    told = [effort(kept, CANDIDATES).tokens for _ in range(3)]
    assert sum(one or 0 for one in told) == sum(tokens)
    assert (told[1] or 0) < (told[0] or 0) / 2
    assert told[1] == told[2]


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "qwen3"])
def test_the_cross_encoder_tells_what_it_read(tmp_path: Path, family: str) -> None:
    folder = write_decoder(tmp_path) if family == "qwen3" else write_cross_encoder(tmp_path, family)
    ranker = CrossEncoderReranker(str(folder), device="cpu")
    one, same, all_ = (effort(ranker, some) for some in (CANDIDATES[:1], CANDIDATES[:1] * 2, CANDIDATES))
    assert one.tokens is not None
    assert all_.tokens is not None
    assert one.flops is not None
    assert all_.flops is not None
    assert 0 < one.tokens < all_.tokens
    assert 0 < one.flops < all_.flops
    assert same == one  # equal ones are read once
    assert effort(ranker, []) == NO_EFFORT


def test_padding_is_no_token_and_takes_operations(tmp_path: Path) -> None:
    ranker = CrossEncoderReranker(str(write_cross_encoder(tmp_path)), device="cpu")
    pair = [candidate(1, "Dog."), candidate(2, "My knee hurts.")]
    short, long, both = (effort(ranker, some) for some in (pair[:1], pair[1:], pair))
    assert (short.tokens or 0) + (long.tokens or 0) == both.tokens
    assert (both.flops or 0) == 2 * (long.flops or 0)


def test_the_first_stage_reads_nothing() -> None:
    assert FirstStageOrder().ranking(QUESTION, CANDIDATES).effort == NO_EFFORT
