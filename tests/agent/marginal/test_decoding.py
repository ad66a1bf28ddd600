"""Decoding over several documents: against every answer there is (A5, A6), and against transformers' own."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownLambdaType=false
# mypy: disable-error-code=no-untyped-call
# torch and transformers type tolist, backward, manual_seed and their loaders loosely

from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import RagSequenceForGeneration, RagTokenForGeneration

from recollect.agent.marginal.beams import Limits, search
from recollect.agent.marginal.decoding import (
    Decoded,
    marginal,
    posterior,
    rag_sequence,
    rag_token,
    result_of,
    sequence_candidates,
)
from recollect.agent.marginal.document_decoder import DocumentDecoder
from recollect.agent.marginal.prior import log_prior
from tests.tiny_seq2seq import END, PAD, bart, documents, every_answer, exact_log_probs, plain, rag, scores

SEEDS = range(12)
BEGIN = 0
MOST = 4


@pytest.fixture(autouse=True)
def no_gradients() -> Any:
    with torch.inference_mode():
        yield


def limits(beams: int, most_tokens: int = MOST) -> Limits:
    return Limits(beams=beams, most_tokens=most_tokens, end=END)


@cache
def exact(seed: int, most_tokens: int = MOST) -> tuple[DocumentDecoder, Tensor, dict[tuple[int, ...], Tensor]]:
    """A decoder in fp64, log p(z | x), and what the model says of every answer, (documents, tokens) each."""
    model = bart(seed).double()
    ids, mask = documents(seed)
    answers = list(every_answer(most_tokens))
    said = exact_log_probs(model, ids, mask, answers)
    return DocumentDecoder(model, ids, mask), log_prior(scores(seed).double()), dict(zip(answers, said, strict=True))


def best_of(sums: Tensor, answers: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return list(answers)[int(sums.argmax())]


@pytest.mark.parametrize("seed", SEEDS)
def test_thorough_decoding_finds_the_best_of_all_answers_and_fast_is_never_above_it(seed: int) -> None:
    decoder, prior, said = exact(seed)
    of_documents = torch.stack(list(said.values())).sum(-1)  # (answers, documents)
    sums = (prior + of_documents).logsumexp(1)
    found = rag_sequence(decoder, prior, limits(8))
    assert found.tokens == best_of(sums, said)
    assert found.log_prob == pytest.approx(sums.max().item(), abs=1e-6)
    true = dict(zip(said, sums.tolist(), strict=True))
    for beams in (1, 3, 8):
        thorough = {
            c.tokens: c.log_prob for c in sequence_candidates(decoder, prior, limits(beams), is_thorough=True)
        }
        fast = sequence_candidates(decoder, prior, limits(beams), is_thorough=False)
        assert all(c.log_prob <= thorough[c.tokens] + 1e-9 for c in fast)
        assert thorough == pytest.approx({answer: true[answer] for answer in thorough}, abs=1e-6)
    three_best = [list(said)[place] for place in of_documents.topk(3, 0).indices.flatten().unique().tolist()]
    scored = {answer: marginal(decoder, prior, answer, by_token=False) for answer in three_best}
    assert max(scored, key=lambda answer: scored[answer]) == found.tokens


@pytest.mark.parametrize("seed", SEEDS)
def test_rag_token_finds_the_best_of_all_answers_in_a_wide_beam_as_transformers_does(seed: int) -> None:
    decoder, prior, said = exact(seed)
    sums = (prior[:, None] + torch.stack(list(said.values()))).logsumexp(1).sum(-1)
    found = result_of(rag_token(decoder, prior, limits(200)))
    assert found.tokens == best_of(sums, said)
    assert found.log_prob == pytest.approx(sums.max().item(), abs=1e-6)
    assert marginal(decoder, prior, found.tokens, by_token=True) == pytest.approx(found.log_prob, abs=1e-6)
    ids, mask = documents(seed)
    asked = {"context_input_ids": ids, "context_attention_mask": mask, "doc_scores": scores(seed)[None], "n_docs": 3}
    widely = {"num_beams": 200, "max_length": MOST + 1, "length_penalty": 0.0, "early_stopping": False}
    theirs = rag(RagTokenForGeneration, bart(seed)).generate(**asked, **widely)
    assert found.tokens == plain(theirs[0])


@pytest.mark.parametrize("seed", SEEDS)
def test_with_every_answer_in_every_beam_fast_is_thorough_and_exact(seed: int) -> None:
    decoder, prior, said = exact(seed, 2)
    sums = {answer: (prior + tokens.sum(-1)).logsumexp(0).item() for answer, tokens in said.items()}
    everything = limits(len(said), 2)
    for is_thorough in (True, False):
        found = sequence_candidates(decoder, prior, everything, is_thorough=is_thorough)
        assert {c.tokens: c.log_prob for c in found} == pytest.approx(sums, abs=1e-6)


def test_answers_that_differ_by_special_tokens_alone_are_one_with_all_their_probability() -> None:
    most = 0
    for seed in SEEDS:
        decoder, prior, _ = exact(seed)
        alike: dict[tuple[int, ...], list[Decoded]] = {}
        for one in sequence_candidates(decoder, prior, limits(8), is_thorough=True):
            alike.setdefault(tuple(token for token in one.tokens if token not in (BEGIN, PAD, END)), []).append(one)
        merged = sequence_candidates(decoder, prior, limits(8), is_thorough=True, silent=(BEGIN, PAD))
        assert [one.log_prob for one in merged] == sorted((one.log_prob for one in merged), reverse=True)
        assert {one.tokens: one.log_prob for one in merged} == pytest.approx(
            {
                max(group, key=lambda one: one.log_prob).tokens: torch.tensor(
                    [one.log_prob for one in group], dtype=torch.float64
                )
                .logsumexp(0)
                .item()
                for group in alike.values()
            }
        )
        most = max(most, *(len(group) for group in alike.values()))
    assert most > 1


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
    decoder, prior, said = exact(3)
    tokens = said[4, 5, END][:, :3]
    whole = posterior(decoder, prior, (4, 5, END), by_token=False)
    expected = (prior + tokens.sum(-1)).softmax(0)
    assert whole.tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    by_token = posterior(decoder, prior, (4, 5, END), by_token=True)
    assert by_token.tolist() == pytest.approx((prior[:, None] + tokens).softmax(0).mean(1).tolist(), abs=1e-6)
    assert by_token.sum().item() == pytest.approx(1.0, abs=1e-6)
    assert marginal(decoder, prior, (4, 5, END), by_token=False) == pytest.approx(
        (prior + tokens.sum(-1)).logsumexp(0).item(), abs=1e-6
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
