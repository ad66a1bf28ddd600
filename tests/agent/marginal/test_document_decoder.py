"""A seq2seq model over documents: what it is forced to say, its precision, what is computed once."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownLambdaType=false
# mypy: disable-error-code=no-untyped-call
# torch and transformers type tolist, backward, manual_seed and their loaders loosely

from typing import Any

import pytest
import torch
from transformers import RagTokenForGeneration, T5Config, T5ForConditionalGeneration

from recollect.agent.marginal.beams import Limits
from recollect.agent.marginal.decoding import (
    answer_log_probs,
    marginal,
    posterior,
    rag_sequence,
    rag_token,
    result_of,
)
from recollect.agent.marginal.document_decoder import DocumentDecoder, Forced
from recollect.agent.marginal.prior import log_prior
from tests.tiny_seq2seq import END, PAD, START, bart, documents, exact_log_probs, plain, rag, scores


@pytest.fixture(autouse=True)
def no_gradients() -> Any:
    with torch.inference_mode():
        yield


def limits(beams: int, most_tokens: int = 4) -> Limits:
    return Limits(beams=beams, most_tokens=most_tokens, end=END)


@pytest.mark.parametrize("seed", range(4))
def test_forced_tokens_are_said_and_count_as_certain_as_in_transformers(seed: int) -> None:
    model = bart(seed, 40)
    ids, mask = documents(seed, vocabulary=40)
    forced = Forced(first=5, last=END, most_tokens=6)
    decoder, prior = DocumentDecoder(model, ids, mask, forced=forced), log_prior(scores(seed))
    asked = {"num_beams": 4, "max_length": 7, "length_penalty": 0.0, "early_stopping": False}
    asked |= {"forced_bos_token_id": 5, "forced_eos_token_id": END}
    found = result_of(rag_token(decoder, prior, limits(4, 6)))
    theirs = rag(RagTokenForGeneration, model).generate(
        context_input_ids=ids, context_attention_mask=mask, doc_scores=scores(seed)[None], n_docs=3, **asked
    )
    assert found.tokens == plain(theirs[0])
    assert found.tokens[0] == 5
    free = answer_log_probs(DocumentDecoder(model, ids, mask), found.tokens)
    if len(found.tokens) == 6:
        assert found.tokens[-1] == END
        free[:, -1] = 0.0
    free[:, 0] = 0.0
    assert answer_log_probs(decoder, found.tokens).flatten().tolist() == pytest.approx(
        free.flatten().tolist(), abs=1e-5
    )
    assert found.log_prob == pytest.approx((prior[:, None] + free).logsumexp(0).sum().item(), abs=1e-5)
    thorough = rag_sequence(decoder, prior, limits(4, 6))
    assert thorough.log_prob == pytest.approx(marginal(decoder, prior, thorough.tokens, by_token=False), abs=1e-5)
    assert marginal(decoder, prior, (6, END), by_token=False) == float("-inf")


def test_sums_are_those_of_fp32_where_the_model_is_in_bf16() -> None:
    model = bart(3).to(torch.bfloat16)
    ids, mask = documents(3)
    decoder = DocumentDecoder(model, ids, mask)
    assert decoder.begin().log_probs().dtype == torch.float32
    prior = log_prior(scores(3).to(torch.bfloat16))
    for beams in (1, 4):
        token = result_of(rag_token(decoder, prior, limits(beams)))
        assert token.log_prob == pytest.approx(marginal(decoder, prior, token.tokens, by_token=True), abs=0.05)
        whole = rag_sequence(decoder, prior, limits(beams))
        assert whole.log_prob == pytest.approx(marginal(decoder, prior, whole.tokens, by_token=False), abs=0.05)
        assert posterior(decoder, prior, whole.tokens, by_token=False).sum().item() == pytest.approx(1.0, abs=1e-6)


def test_documents_are_encoded_once_whatever_is_decoded() -> None:
    model = bart(2)
    calls: list[int] = []
    model.get_encoder().register_forward_hook(lambda module, given, output: calls.append(1))
    ids, mask = documents(2)
    decoder = DocumentDecoder(model, ids, mask)
    prior = log_prior(scores(2))
    rag_sequence(decoder, prior, limits(4))
    result_of(rag_token(decoder, prior, limits(4)))
    posterior(decoder, prior, (4, END), by_token=True)
    assert len(calls) == 1


def test_other_seq2seq_models_decode_as_they_score() -> None:
    torch.manual_seed(4)
    shape: dict[str, Any] = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    shape |= {"decoder_start_token_id": START, "pad_token_id": PAD, "eos_token_id": END}
    config = T5Config(vocab_size=8, **shape)
    model: Any = T5ForConditionalGeneration(config).eval()
    ids, mask = documents(4)
    decoder = DocumentDecoder(model, ids, mask)
    prior = log_prior(scores(4))
    for beams in (1, 4):
        found = result_of(rag_token(decoder, prior, limits(beams)))
        tokens = exact_log_probs(model, ids, mask, [found.tokens])[0]
        assert found.log_prob == pytest.approx((prior[:, None] + tokens).logsumexp(0).sum().item(), abs=1e-5)


def test_answers_of_different_lengths_are_scored_alone_as_together() -> None:
    ids, mask = documents(6)
    decoder = DocumentDecoder(bart(6), ids, mask)
    together = decoder.score([(4, 5, 6, END), (3,), ()], [0, 2, 1])
    assert [len(one) for one in together] == [4, 1, 0]
    assert together[0].tolist() == pytest.approx(answer_log_probs(decoder, (4, 5, 6, END))[0].tolist(), abs=1e-5)
