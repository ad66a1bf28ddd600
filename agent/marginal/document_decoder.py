"""A seq2seq model over k documents: they are encoded once, and every row of the decoder reads one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .prior import at_least_fp32

MOST_LOGITS = 1 << 26
"""Logits that are held at once while answers are scored: 256 MiB in fp32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """Tokens that a model's configuration makes it say: the first of an answer, and the last of `most_tokens`.

    They are certain whatever is read, log-probability 0, and all others there impossible, as with the processors of
    transformers' `generate` for `forced_bos_token_id` and `forced_eos_token_id`. None is not forced.
    """

    first: int | None = None
    last: int | None = None
    most_tokens: int = 0

    def at(self, place: int) -> int | None:
        """Return the token that has to stand at a place, counted from 0, None where any may."""
        if place + 1 == self.most_tokens and self.last is not None:
            return self.last
        return self.first if place == 0 else None


class DocumentDecoder:
    """Next tokens, and scores of whole answers, for k inputs of one question.

    `ids` and `mask` are int64 (k, length). Rows of the decoder are document-major: the beams of a document lie next
    to each other. Keys and values of cross-attention are computed once a document; beams of a document share them, so
    that only self-attention is reordered. Log-probabilities are fp32 of models in bf16 and fp16, else of the model's
    dtype. Raises ValueError for ids and mask of other shapes.
    """

    def __init__(  # transformers' models are untyped
        self, model: Any, ids: Tensor, mask: Tensor, *, forced: Forced | None = None
    ) -> None:
        if ids.ndim != 2 or ids.shape != mask.shape:
            raise ValueError(f"Ids {tuple(ids.shape)} and mask {tuple(mask.shape)} have to be (documents, length).")
        self._model = model
        self._mask = mask
        self.documents = int(ids.shape[0])
        self.forced = forced or Forced()
        self.start = int(model.config.decoder_start_token_id)
        self._states = model.get_encoder()(input_ids=ids, attention_mask=mask, return_dict=True)
        self._cross: list[tuple[Tensor, Tensor]] = []

    @property
    def device(self) -> torch.device:
        """Where the documents lie."""
        return self._mask.device

    def begin(self) -> "DecoderRows":
        """Return one row a document, at the first token; the first one computes cross-attention's keys."""
        return DecoderRows(self)

    def score(self, answers: Sequence[Sequence[int]], documents: Sequence[int]) -> list[Tensor]:
        """Return log p(y_i | x, z, y_<i) of answer n read with document n, (tokens of that answer,) each."""
        if not self._cross:
            self.begin().log_probs()
        longest = max((len(answer) for answer in answers), default=1)
        size = max(1, MOST_LOGITS // (max(longest, 1) * int(self._model.config.vocab_size)))
        scored: list[Tensor] = []
        for first in range(0, len(answers), size):
            scored += self._scored(answers[first : first + size], documents[first : first + size])
        return scored

    def _scored(self, answers: Sequence[Sequence[int]], documents: Sequence[int]) -> list[Tensor]:
        longest = max(len(answer) for answer in answers)
        if not longest:
            return [torch.zeros(0, device=self.device) for _ in answers]
        targets = torch.full((len(answers), longest), self.start, device=self.device)
        for row, answer in enumerate(answers):
            targets[row, : len(answer)] = torch.tensor(answer, device=self.device)
        inputs = torch.cat([torch.full_like(targets[:, :1], self.start), targets[:, :-1]], 1)
        at = torch.tensor(documents, device=self.device)
        logits = self.logits(inputs, at, self.fresh_cache(at))  # (answers, tokens, vocabulary)
        found = at_least_fp32(logits).log_softmax(-1).gather(-1, targets[..., None]).squeeze(-1)
        return [self._as_forced(row[: len(answer)], answer) for row, answer in zip(found, answers, strict=True)]

    def _as_forced(self, log_probs: Tensor, answer: Sequence[int]) -> Tensor:
        """Return log-probabilities (tokens,) with those of forced tokens as a search counts them."""
        for place in {0, self.forced.most_tokens - 1}.intersection(range(len(answer))):
            token = self.forced.at(place)
            if token is not None:
                log_probs[place] = 0.0 if answer[place] == token else float("-inf")
        return log_probs

    def fresh_cache(self, documents: Tensor) -> Any:
        """Return a cache that has read nothing, with the cross-attention of a document for each row (rows,)."""
        from transformers.cache_utils import DynamicCache, EncoderDecoderCache

        cross = [(keys[documents], values[documents]) for keys, values in self._cross]
        return EncoderDecoderCache(DynamicCache(), DynamicCache(cross) if cross else DynamicCache())

    def logits(self, tokens: Tensor, documents: Tensor, cache: Any) -> Tensor:
        """Return logits (rows, tokens, vocabulary) of further tokens (rows, tokens); `cache` grows by them."""
        from transformers.modeling_outputs import BaseModelOutput

        states = self._states.last_hidden_state
        # with cross-attention cached the states are not read, only their shape: no copy
        rows = states[:1].expand(len(documents), -1, -1) if self._cross else states[documents]
        read = self._model(
            encoder_outputs=BaseModelOutput(last_hidden_state=rows),
            attention_mask=self._mask[documents],
            decoder_input_ids=tokens,
            past_key_values=cache,
            use_cache=True,
        )
        if not self._cross:
            layers = read.past_key_values.cross_attention_cache.layers
            self._cross = [(layer.keys, layer.values) for layer in layers]
        logits: Tensor = read.logits
        return logits


class DecoderRows:
    """The rows of one search: first one a document, from the first `advance` on as many as there are beams."""

    def __init__(self, decoder: DocumentDecoder) -> None:
        self._decoder = decoder
        self._documents = torch.arange(decoder.documents, device=decoder.device)
        self._cache = decoder.fresh_cache(self._documents)
        self._beams = 1
        self._place = 0
        start = decoder.start
        self._last = torch.full((decoder.documents, 1), start, device=decoder.device)

    def log_probs(self) -> Tensor:
        """Return log p(next token | x, z, y_<i), (documents, beams, vocabulary); reads the last tokens; once each."""
        logits = self._decoder.logits(self._last.reshape(-1, 1), self._documents, self._cache)[:, -1]
        log_probs = at_least_fp32(logits).log_softmax(-1).reshape(-1, self._beams, logits.shape[-1])
        token = self._decoder.forced.at(self._place)
        self._place += 1
        if token is not None:
            log_probs = torch.full_like(log_probs, float("-inf"))
            log_probs[..., token] = 0.0
        return log_probs

    def advance(self, tokens: Tensor, parents: Tensor) -> None:
        """Go on with `tokens`, each behind the beam `parents` of its document; both int64 (documents, beams)."""
        documents, beams = tokens.shape
        rows = (torch.arange(documents, device=tokens.device)[:, None] * self._beams + parents).reshape(-1)
        if beams != self._beams:
            self._documents = torch.arange(documents, device=tokens.device).repeat_interleave(beams)
            self._cache.cross_attention_cache.batch_repeat_interleave(beams)
            self._beams = beams
        self._cache.self_attention_cache.batch_select_indices(rows)
        self._last = tokens
