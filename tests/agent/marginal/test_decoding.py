"""Decoding over several documents: against every answer there is (A5, A6), and against transformers' own."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import RagSequenceForGeneration, RagTokenForGeneration, T5Config, T5ForConditionalGeneration

from recollect.agent.marginal.beams import Limits, search
from recollect.agent.marginal.decoding import (
    Decoded,
    answer_log_probs,
    marginal,
    posterior,
    rag_sequence,
    rag_token,
    result_of,
    sequence_candidates,
)
from recollect.agent.marginal.document_decoder import DocumentDecoder
from recollect.agent.marginal.prior import log_prior
from tests.tiny_seq2seq import END, PAD, START, bart, documents, every_answer, exact_log_probs, rag, scores

SEEDS = range(12)
MOST = 4


@pytest.fixture(autouse=True)
def no_gradients() -> Any:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def answers() -> list[tuple[int, ...]]:
    return list(every_answer(MOST))


def limits(beams: int, most_tokens: int = MOST) -> Limits:
    return Limits(beams=beams, most_tokens=most_tokens, end=END)


def exact(seed: int, answers: list[tuple[int, ...]]) -> tuple[DocumentDecoder, Tensor, Tensor]:
    """The decoder, log p(z | x), and what the model says of every answer, (answers, documents, tokens)."""
    model = bart(seed)
    ids, mask = documents(seed)
    return DocumentDecoder(model, ids, mask), log_prior(scores(seed)), exact_log_probs(model, ids, mask, answers)


@pytest.mark.parametrize("seed", SEEDS)
def test_thorough_decoding_finds_the_best_of_all_answers_and_fast_is_never_above_it(
    seed: int, answers: list[tuple[int, ...]]
) -> None:
    decoder, prior, tokens = exact(seed, answers)
    sums = (prior + tokens.sum(-1)).logsumexp(1)
    best = int(sums.argmax())
    found = rag_sequence(decoder, prior, limits(8))
    assert found.tokens == answers[best]
    assert found.log_prob == pytest.approx(sums[best].item(), abs=1e-5)
    for beams in (1, 3, 8):
        thorough = {c.tokens: c for c in sequence_candidates(decoder, prior, limits(beams), is_thorough=True)}
        fast = sequence_candidates(decoder, prior, limits(beams), is_thorough=False)
        assert all(c.log_prob <= thorough[c.tokens].log_prob + 1e-5 for c in fast)
        place = {answer: number for number, answer in enumerate(answers)}
        assert all(c.log_prob == pytest.approx(sums[place[a]].item(), abs=1e-5) for a, c in thorough.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_rag_token_finds_the_best_of_all_answers_in_a_wide_beam(seed: int, answers: list[tuple[int, ...]]) -> None:
    decoder, prior, tokens = exact(seed, answers)
    sums = (prior[:, None] + tokens).logsumexp(1).sum(-1)
    best = int(sums.argmax())
    found = result_of(rag_token(decoder, prior, limits(200)))
    assert found.tokens == answers[best]
    assert found.log_prob == pytest.approx(sums[best].item(), abs=1e-5)
    assert marginal(decoder, prior, found.tokens, by_token=True) == pytest.approx(found.log_prob, abs=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_with_every_answer_in_every_beam_fast_is_thorough_and_exact(seed: int) -> None:
    answers = list(every_answer(2))
    decoder, prior, tokens = exact(seed, answers)
    sums = dict(zip(answers, (prior + tokens.sum(-1)).logsumexp(1).tolist(), strict=True))
    everything = limits(len(answers), 2)
    for is_thorough in (True, False):
        found = sequence_candidates(decoder, prior, everything, is_thorough=is_thorough)
        assert {c.tokens: c.log_prob for c in found} == pytest.approx(sums, abs=1e-5)


class Scripted:
    """A decoder of two documents and the answers a (0) and b (1) of one token, with the probabilities of A5."""

    documents = 2

    def __init__(self) -> None:
        self.log_probs_of = torch.tensor([[0.5, 0.4, 0.1], [0.05, 0.45, 0.5]]).log()

    def begin(self) -> "Scripted":
        return self

    def log_probs(self) -> Tensor:
        return self.log_probs_of[:, None, :2]

    def score(self, answers: list[tuple[int, ...]], documents: list[int]) -> list[Tensor]:
        return [self.log_probs_of[z, list(a)] for a, z in zip(answers, documents, strict=True)]


def test_fast_decoding_may_choose_another_answer_than_thorough() -> None:
    decoder: Any = Scripted()
    one_token = Limits(beams=1, most_tokens=1, end=END)
    prior = torch.tensor([0.6, 0.4]).log()
    thorough = sequence_candidates(decoder, prior, one_token, is_thorough=True)
    fast = sequence_candidates(decoder, prior, one_token, is_thorough=False)
    assert [c.tokens for c in thorough] == [(1,), (0,)]
    assert [c.tokens for c in fast] == [(0,), (1,)]
    assert torch.tensor([c.log_prob for c in thorough]).exp().tolist() == pytest.approx([0.42, 0.32], abs=1e-6)
    assert torch.tensor([c.log_prob for c in fast]).exp().tolist() == pytest.approx([0.30, 0.18], abs=1e-6)


def plain(tokens: Tensor) -> tuple[int, ...]:
    """What transformers generated, without the start and what fills the row up."""
    said = tokens.tolist()[1:]
    return tuple(said[: said.index(END) + 1] if END in said else said)


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_are_those_of_transformers(seed: int) -> None:
    model = bart(seed, 40)
    ids, _ = documents(seed, count=5, length=12, vocabulary=40)
    ids = ids.masked_fill(ids == PAD, 7)  # transformers' RAG-Sequence generates without a mask
    mask = torch.ones_like(ids)
    given, prior = scores(seed, 5), log_prior(scores(seed, 5))
    asked = {
        "context_input_ids": ids,
        "context_attention_mask": mask,
        "doc_scores": given[None],
        "n_docs": 5,
        "num_beams": 4,
        "max_length": 9,
        "length_penalty": 0.0,
    }
    decoder = DocumentDecoder(model, ids, mask)
    token = rag(RagTokenForGeneration, model, documents=5).generate(**asked, early_stopping=False)
    found = result_of(rag_token(decoder, prior, limits(4, 8)))
    assert found.tokens == plain(token[0])
    whole = rag(RagSequenceForGeneration, model, documents=5).generate(**asked, early_stopping=False)
    thorough = rag_sequence(decoder, prior, limits(4, 8))
    if len(plain(whole[0])) > 1:  # of one token transformers forgets the prior
        assert thorough.tokens == plain(whole[0])


def test_a_posterior_is_prior_times_likelihood_and_sums_to_one() -> None:
    decoder, prior, tokens = exact(3, [(4, 5, END)])
    whole = posterior(decoder, prior, (4, 5, END), by_token=False)
    expected = (prior + tokens[0].sum(-1)).softmax(0)
    assert whole.tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    by_token = posterior(decoder, prior, (4, 5, END), by_token=True)
    assert by_token.tolist() == pytest.approx((prior[:, None] + tokens[0]).softmax(0).mean(1).tolist(), abs=1e-5)
    assert by_token.sum().item() == pytest.approx(1.0, abs=1e-5)
    assert marginal(decoder, prior, (4, 5, END), by_token=False) == pytest.approx(
        (prior + tokens[0].sum(-1)).logsumexp(0).item(), abs=1e-5
    )


def test_what_is_certain_of_a_running_answer_only_grows_and_is_its_beginning() -> None:
    for seed in SEEDS:
        ids, mask = documents(seed)
        pieces = rag_token(DocumentDecoder(bart(seed), ids, mask), log_prior(scores(seed)), limits(4))
        certain: list[tuple[int, ...]] = []
        found: Decoded | None = None
        while found is None:
            try:
                certain.append(next(pieces))
            except StopIteration as stop:
                found = stop.value
        for before, after in zip(certain, [*certain[1:], found.tokens], strict=True):
            assert after[: len(before)] == before


def test_one_beam_is_certain_of_every_token_at_once() -> None:
    ids, mask = documents(8)
    pieces = rag_token(DocumentDecoder(bart(8), ids, mask), log_prior(scores(8)), limits(1))
    lengths = [len(certain) for certain in pieces]
    assert lengths == [1, 2, 3, 4]


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
    shape = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    config = T5Config(vocab_size=8, decoder_start_token_id=START, pad_token_id=PAD, eos_token_id=END, **shape)
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


def test_what_cannot_be_searched_is_refused() -> None:
    ids, mask = documents(1)
    with pytest.raises(ValueError, match="at least 1 beam"):
        Limits(beams=0, most_tokens=4, end=END)
    with pytest.raises(ValueError, match="does not fit 3 documents"):
        rag_sequence(DocumentDecoder(bart(1), ids, mask), torch.zeros(2), limits(1))
    with pytest.raises(ValueError, match="documents, length"):
        DocumentDecoder(bart(1), ids, mask[:, :2])


def test_a_search_ends_where_nothing_can_follow() -> None:
    never = torch.full((1, 1, 3), float("-inf"))
    never[..., END] = 0.0
    found = result_of(search(lambda tokens, parents: never, Limits(beams=2, most_tokens=9, end=END)))
    assert [h.tokens for h in found[0]] == [(END,)]
