"""Answers from k documents: RAG-Sequence, thorough or fast, RAG-Token, and one input alone."""

import math
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from .beams import Hypothesis, Limits, search
from .document_decoder import DocumentDecoder
from .prior import at_least_fp32, sequence_posterior, token_posterior

_Returned = TypeVar("_Returned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """An answer: its tokens with their end, and log p(y | x), of which fast decoding knows a lower bound."""

    tokens: tuple[int, ...]
    log_prob: float


def rag_token(
    decoder: DocumentDecoder, documents: Tensor, limits: Limits
) -> Generator[tuple[int, ...], None, Decoded]:
    """Yield the tokens that are certain so far; return the best answer under prod of sum over z (METHODS 2.4).

    `documents` is log p(z | x), (k,). The prior is the same at every token, never the running posterior. Re2G is the
    same with a reranker's log-probabilities as the scores of the prior.
    """
    _check(decoder, documents)
    rows = decoder.begin()

    def step(tokens: Tensor | None, parents: Tensor | None) -> Tensor:
        if tokens is not None and parents is not None:
            rows.advance(tokens.expand(decoder.documents, -1), parents.expand(decoder.documents, -1))
        return (documents[:, None, None] + rows.log_probs()).logsumexp(0, keepdim=True)

    found = yield from search(step, limits)
    return Decoded(tokens=found[0][0].tokens, log_prob=found[0][0].log_prob)


def rag_sequence(
    decoder: DocumentDecoder,
    documents: Tensor,
    limits: Limits,
    *,
    is_thorough: bool = True,
    silent: Collection[int] = (),
) -> Decoded:
    """Return the answer of the largest sum over z of p(z | x) p(y | x, z) among those of all beams (METHODS 2.4).

    Thorough: answers that a document's beams lack are scored with it too. Fast: they count as 0 there, so that the
    score is a lower bound, and another answer may win. `documents` is log p(z | x), (k,); `silent` are tokens that no
    text is made of.
    """
    return sequence_candidates(decoder, documents, limits, is_thorough=is_thorough, silent=silent)[0]


def sequence_candidates(
    decoder: DocumentDecoder,
    documents: Tensor,
    limits: Limits,
    *,
    is_thorough: bool,
    silent: Collection[int] = (),
) -> list[Decoded]:
    """Return every answer of every document's beams with its score, best first; ties keep the order of documents.

    Answers that are the same without their end and the `silent` tokens are one: their probabilities are added, and
    the most probable stands for them.
    """
    _check(decoder, documents)
    beams = _beams(decoder, limits)
    answers = list(dict.fromkeys(h.tokens for found in beams for h in found))
    place = {answer: number for number, answer in enumerate(answers)}
    log_probs = torch.full((len(answers), decoder.documents), float("-inf"), dtype=at_least_fp32(documents).dtype)
    for document, found in enumerate(beams):
        for hypothesis in found:
            log_probs[place[hypothesis.tokens], document] = hypothesis.log_prob
    if is_thorough:
        _fill(decoder, answers, log_probs)
    marginals = (documents.to(log_probs.device) + log_probs).logsumexp(1)
    sums: list[float] = marginals.tolist()  # pyright: ignore - torch types it loosely
    decoded = [Decoded(tokens=answer, log_prob=one) for answer, one in zip(answers, sums, strict=True)]
    return sorted(_merged(decoded, {limits.end, *silent}), key=lambda one: -one.log_prob)


def answer_log_probs(decoder: DocumentDecoder, tokens: Sequence[int]) -> Tensor:
    """Return log p(y_i | x, z, y_<i) of an answer with each document, (k, tokens)."""
    return torch.stack(decoder.score([tokens] * decoder.documents, range(decoder.documents)))


def posterior(decoder: DocumentDecoder, documents: Tensor, tokens: Sequence[int], *, by_token: bool) -> Tensor:
    """Return p(z | x, y) (k,) of an answer: of the whole of it (RAG-Sequence), or the mean over its tokens."""
    log_probs = answer_log_probs(decoder, tokens)
    return token_posterior(documents, log_probs) if by_token else sequence_posterior(documents, log_probs.sum(-1))


def marginal(decoder: DocumentDecoder, documents: Tensor, tokens: Sequence[int], *, by_token: bool) -> float:
    """Return log p(y | x) of a given answer, of RAG-Token where `by_token`, else of RAG-Sequence."""
    log_probs = answer_log_probs(decoder, tokens)
    if by_token:
        return float((documents[:, None] + log_probs).logsumexp(0).sum())
    return float((documents + log_probs.sum(-1)).logsumexp(0))


def result_of(pieces: Generator[object, None, _Returned]) -> _Returned:
    """Run a generator to its end and return what it returns."""
    while True:
        try:
            next(pieces)
        except StopIteration as stop:
            returned: _Returned = stop.value
            return returned


def _merged(decoded: Sequence[Decoded], silent: Collection[int]) -> list[Decoded]:
    """Return the answers, those with equal tokens beside the silent ones as one of all their probability."""
    alike: dict[tuple[int, ...], list[Decoded]] = {}
    for one in decoded:
        alike.setdefault(tuple(token for token in one.tokens if token not in silent), []).append(one)
    merged: list[Decoded] = []
    for group in alike.values():
        best = max(group, key=lambda one: one.log_prob)
        parts = [math.exp(one.log_prob - best.log_prob) for one in group]
        merged.append(Decoded(tokens=best.tokens, log_prob=best.log_prob + math.log(math.fsum(parts))))
    return merged


def _beams(decoder: DocumentDecoder, limits: Limits) -> tuple[tuple[Hypothesis, ...], ...]:
    rows = decoder.begin()

    def step(tokens: Tensor | None, parents: Tensor | None) -> Tensor:
        if tokens is not None and parents is not None:
            rows.advance(tokens, parents)
        return rows.log_probs()

    return result_of(search(step, limits, searches=decoder.documents))


def _fill(decoder: DocumentDecoder, answers: Sequence[tuple[int, ...]], log_probs: Tensor) -> None:
    """Score the answers that a document's beams lack; `log_probs` (answers, k) has -inf there."""
    missing = [(int(a), int(z)) for a, z in _pairs(log_probs.isneginf())]
    scored = decoder.score([answers[a] for a, _ in missing], [z for _, z in missing])
    for (answer, document), tokens in zip(missing, scored, strict=True):
        log_probs[answer, document] = float(tokens.sum())  # on whatever device it is


def _pairs(where: Tensor) -> Iterator[tuple[int, int]]:
    rows: list[list[int]] = where.nonzero().tolist()  # pyright: ignore - torch types it loosely
    yield from ((row[0], row[1]) for row in rows)


def _check(decoder: DocumentDecoder, documents: Tensor) -> None:
    if documents.shape != (decoder.documents,):
        raise ValueError(f"A prior of shape {tuple(documents.shape)} does not fit {decoder.documents} documents.")
