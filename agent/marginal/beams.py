"""Beam search by raw sums of log-probabilities, for several independent searches in one batch."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

Steps: TypeAlias = Callable[[Tensor | None, Tensor | None], Tensor]
"""(tokens, parents), both int64 (searches, beams), None at first -> log-probabilities (searches, beams, words)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How wide and how long a search is. `end` is the token that ends an answer."""

    beams: int
    most_tokens: int
    end: int

    def __post_init__(self) -> None:
        if self.beams < 1 or self.most_tokens < 1:
            raise ValueError(f"A search has at least 1 beam and 1 token, not {self.beams} and {self.most_tokens}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """An answer: its tokens, the end among them unless it was cut at the most tokens, and the sum of their logs."""

    tokens: tuple[int, ...]
    log_prob: float


Found: TypeAlias = tuple[tuple[Hypothesis, ...], ...]
"""The hypotheses of each search, best first."""


class _Search:
    """One of the searches: what is running and what has ended."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.running: list[Hypothesis] = [Hypothesis(tokens=(), log_prob=0.0)]
        self.parents: list[int] = [0]
        self.ended: list[Hypothesis] = []

    @property
    def is_over(self) -> bool:
        """Whether no running answer can still be among the best: sums of logs only fall."""
        if not self.running:
            return True
        return len(self.ended) >= self._limits.beams and self.ended[-1].log_prob >= self.running[0].log_prob

    def extend(self, scores: Sequence[float], places: Sequence[int], words: int) -> None:
        """Take the best continuations, best first; a place is beam * words + word."""
        running: list[Hypothesis] = []
        parents: list[int] = []
        for rank, (score, place) in enumerate(zip(scores, places, strict=True)):
            if score == float("-inf") or len(running) == self._limits.beams:
                break
            parent, word = divmod(place, words)
            grown = Hypothesis(tokens=(*self.running[parent].tokens, word), log_prob=score)
            if word != self._limits.end:
                running.append(grown)
                parents.append(parent)
            elif rank < self._limits.beams:
                self._end(grown)
        self.running, self.parents = running, parents

    def cut(self) -> None:
        """End what is running: it has the most tokens."""
        for hypothesis in self.running:
            self._end(hypothesis)
        self.running = []

    def _end(self, hypothesis: Hypothesis) -> None:
        self.ended = sorted([*self.ended, hypothesis], key=lambda h: -h.log_prob)[: self._limits.beams]

    def agreed(self) -> tuple[int, ...]:
        """Return the tokens that all answers still possible begin with."""
        possible = [h.tokens for h in (*self.running, *self.ended)]
        shared: list[int] = []
        for tokens in zip(*possible, strict=False):
            if len(set(tokens)) > 1:
                break
            shared.append(tokens[0])
        return tuple(shared)


def search(steps: Steps, limits: Limits, *, searches: int = 1) -> Generator[tuple[int, ...], None, Found]:
    """Yield after each token what all answers of the first search begin with; return the best of each search.

    No length penalty enters: sums are log-probabilities that a marginal can use (METHODS 2.4). A search is over when
    its `beams` answers are better than all that is running. Answers that are cut at the most tokens count as answers,
    as they do in transformers.
    """
    running = [_Search(limits) for _ in range(searches)]
    tokens: Tensor | None = None
    parents: Tensor | None = None
    for _ in range(limits.most_tokens):
        log_probs = steps(tokens, parents)  # (searches, beams, words)
        best = _best(running, log_probs, limits)
        for one, scores, places in zip(running, *best, strict=True):
            if not one.is_over:
                one.extend(scores, places, log_probs.shape[-1])
        yield running[0].agreed()
        if all(one.is_over for one in running):
            break
        tokens, parents = _next(running, limits, log_probs.device)
    for one in running:
        if not one.is_over:
            one.cut()
    return tuple(tuple(one.ended) for one in running)


def _best(running: Sequence[_Search], log_probs: Tensor, limits: Limits) -> tuple[list[list[float]], list[list[int]]]:
    """Return scores and places of the best continuations: two a beam, so that enough go on besides those that end."""
    beams, words = log_probs.shape[1:]
    sums = torch.full((len(running), beams), float("-inf"), dtype=log_probs.dtype)
    for row, one in enumerate(running):
        logs = [hypothesis.log_prob for hypothesis in one.running]
        sums[row, : len(logs)] = torch.tensor(logs, dtype=log_probs.dtype)
    total = (sums.to(log_probs.device)[..., None] + log_probs).flatten(1)
    top = total.topk(min(2 * limits.beams, beams * words), dim=1)
    scores: list[list[float]] = top.values.tolist()  # pyright: ignore - torch types it loosely
    places: list[list[int]] = top.indices.tolist()  # pyright: ignore - torch types it loosely
    return scores, places


def _next(running: Sequence[_Search], limits: Limits, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the last tokens and their parents, (searches, beams); rows without an answer repeat the end."""
    tokens = torch.full((len(running), limits.beams), limits.end)
    parents = torch.zeros_like(tokens)
    for row, one in enumerate(running):
        for beam, (hypothesis, parent) in enumerate(zip(one.running, one.parents, strict=True)):
            tokens[row, beam], parents[row, beam] = hypothesis.tokens[-1], parent
    return tokens.to(device), parents.to(device)
