"""Fits the extractive generator: which sentence answers, and below which score nothing is remembered.

Two sets teach it, both allowed for what ships: MSC (train split) and FriendsQA (train split). Evidence turns give
the positive sentences; the sentences of the other turns of the same context the negative ones. The threshold is the
score under which the given share of the answerable questions of the dev splits falls; its other side is measured on
questions that have no answer: questions of another conversation with the names rewritten, and questions asked of
the other speaker.
"""

import json
import logging
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..agent.evidence import FEATURES, SUPPORT, Evidence, evidence, support
from ..agent.long_term_memory import LongTermMemory
from ..agent.read_answers import sigmoid
from ..agent.sentences import sentences_of
from ..memory.ports import Embedder
from .corpora import Conversation, Question, read_conversations
from .pools import Renaming

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..memory.ports import TextKind, Vectors

logger = logging.getLogger(__name__)

QUOTE_SHARE = 0.5
_RIDGE = 1e-3
_LISTWISE_RIDGE = 3e-4

KINDS = ("answerable", "other_conversation", "other_speaker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question put to one conversation; `is_evidence` (sentences,) marks the sentences of evidence turns."""

    kind: str
    found: Evidence
    is_evidence: "NDArray[np.bool_]"

    @property
    def is_answerable(self) -> bool:
        """Whether the conversation holds the answer."""
        return self.kind == "answerable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to fit on; everything random comes from `seed`."""

    conversations: int = 90
    questions_each: int = 6
    lost_answers: float = 0.1
    seed: int = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was fitted and what it reaches on the dev splits (shares and areas from 0 to 1)."""

    weights: dict[str, float]
    support_weights: dict[str, float]
    support_bias: float
    threshold: float
    quote_share: float
    trained_on: dict[str, int]
    measured_on: dict[str, int]
    best_sentence_is_evidence: float
    kept_answers: float
    abstained: dict[str, float]
    separation: dict[str, float]


class RememberingEmbedder:
    """Embeds each text once; the contexts of one conversation share most of their sentences."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}
        self.name, self.dimensions, self.fingerprint = embedder.name, embedder.dimensions, embedder.fingerprint

    def embed(self, texts: Sequence[str], *, kind: "TextKind") -> "Vectors":
        """Return the vectors of the texts, (len(texts), dimensions)."""
        if fresh := [text for text in dict.fromkeys(texts) if text not in self._known]:
            self._known.update(zip(fresh, self._embedder.embed(fresh, kind=kind), strict=True))
        return np.stack([self._known[text] for text in texts])


def ask(
    data: Path, open_memory: "Callable[[str], LongTermMemory]", recipe: Recipe
) -> tuple[list[Asked], list[Asked]]:
    """Ask the chosen conversations of `data`/msc and `data`/friendsqa; returns the train and the dev splits.

    `open_memory(user)` gives an empty memory for one conversation, all in the same store.
    """
    train = _asked(_pool(data, "train", recipe), open_memory, recipe)
    return train, _asked(_pool(data, "dev", recipe), open_memory, recipe)


def fit(train: Sequence[Asked], dev: Sequence[Asked], recipe: Recipe) -> Calibration:
    """Fit on `train`, choose the threshold and measure on `dev`."""
    weights = _listwise([asked for asked in train if asked.is_answerable])

    def supports(asked: Asked) -> "NDArray[np.float32]":
        return support(asked.found, (asked.found.features @ weights).astype(np.float32))

    support_weights, support_bias = logistic(
        np.stack([supports(asked) for asked in train]), np.array([asked.is_answerable for asked in train])
    )
    scores = {
        kind: [
            sigmoid(float(supports(asked) @ support_weights + support_bias)) for asked in dev if asked.kind == kind
        ]
        for kind in KINDS
    }
    threshold = round(float(np.quantile(scores["answerable"], recipe.lost_answers)), 4)
    held_out = [asked for asked in dev if asked.is_answerable]
    best = [asked.is_evidence[int(np.argmax(asked.found.features @ weights))] for asked in held_out]
    return Calibration(
        weights=_named(FEATURES, weights),
        support_weights=_named(SUPPORT, support_weights),
        support_bias=round(support_bias, 4),
        threshold=threshold,
        quote_share=QUOTE_SHARE,
        trained_on={kind: sum(asked.kind == kind for asked in train) for kind in KINDS},
        measured_on={kind: len(scores[kind]) for kind in KINDS},
        best_sentence_is_evidence=_share([bool(found) for found in best]),
        kept_answers=_share([score >= threshold for score in scores["answerable"]]),
        abstained={
            kind: _share([score < threshold for score in scores[kind]]) for kind in KINDS if kind != "answerable"
        },
        separation={kind: _area(scores["answerable"], scores[kind]) for kind in KINDS if kind != "answerable"},
    )


def write(calibration: Calibration, path: Path) -> None:
    """Write what ships, figures included."""
    path.write_text(json.dumps(asdict(calibration), indent=2) + "\n", encoding="utf-8")


def _pool(data: Path, split: str, recipe: Recipe) -> list[Conversation]:
    shuffled = random.Random(f"{recipe.seed} {split}")
    msc = read_conversations(data / "msc", splits=(split,), kinds=("single",))
    friends = read_conversations(data / "friendsqa", splits=(split,))
    chosen: list[Conversation] = []
    for corpus, share in ((msc, 0.5), (friends, 0.5)):
        asked = [conversation for conversation in corpus if conversation.questions]
        chosen += shuffled.sample(asked, min(len(asked), round(share * recipe.conversations)))
    return chosen


def _questions(conversation: Conversation, recipe: Recipe) -> list[Question]:
    shuffled = random.Random(f"{recipe.seed} {conversation.id}")
    return shuffled.sample(conversation.questions, min(len(conversation.questions), recipe.questions_each))


def _few(conversation: Conversation, recipe: Recipe) -> list[Question]:
    return _questions(conversation, recipe)[: recipe.questions_each // 2]


def _asked(
    pool: Sequence[Conversation], open_memory: "Callable[[str], LongTermMemory]", recipe: Recipe
) -> list[Asked]:
    """Ask each conversation its own questions, those of the one before it, and its own with names exchanged."""
    asked: list[Asked] = []
    for place, conversation in enumerate(pool):
        memory = _filled(conversation, open_memory)
        embedder = RememberingEmbedder(memory.archive.embedder)
        names, before = conversation.speakers[:2], pool[place - 1]
        for kind, question in (
            *(("answerable", question) for question in _questions(conversation, recipe)),
            *(("other_conversation", _renamed(q, before.speakers[:2], names)) for q in _few(before, recipe)),
            *(("other_speaker", _renamed(q, names, names[::-1])) for q in _few(conversation, recipe)),
        ):
            if question is not None:
                asked += _found(memory, embedder, question, kind)
        logger.info("asked conversation %d of %d", place + 1, len(pool))
    return asked


def _found(memory: LongTermMemory, embedder: "Embedder", question: Question, kind: str) -> list[Asked]:
    """Return the question with the evidence found, or nothing if an answerable one has none in its context."""
    sentences = sentences_of(memory.context(question.text))
    is_evidence = np.array([sentence.turn.ref in question.evidence for sentence in sentences], dtype=np.bool_)
    if not sentences or (kind == "answerable" and not is_evidence.any()):
        return []
    return [Asked(kind=kind, found=evidence(question.text, sentences, embedder), is_evidence=is_evidence)]


def _filled(conversation: Conversation, open_memory: "Callable[[str], LongTermMemory]") -> LongTermMemory:
    memory = open_memory(conversation.id)
    if memory.counts().turns == 0:
        memory.add_many(conversation.turns)
    return memory


def _renamed(question: Question, names: Sequence[str], targets: Sequence[str]) -> Question | None:
    """Replace whole and first names, all at once, so that an exchange does not undo itself; None if none occurs."""
    text = Renaming(names, targets)(question.text)
    return None if text == question.text else replace(question, text=text)


def _listwise(train: Sequence[Asked]) -> "NDArray[np.float64]":
    """Fit sentence weights by -log of the share of softmax(score) that falls on evidence, ridge-regularised.

    A question has one right sentence among fifty; weighing each list alike fits the order, where a pointwise loss
    fits how rare evidence is.
    """
    lists = [(torch.tensor(a.found.features, dtype=torch.float64), torch.tensor(a.is_evidence)) for a in train]
    weights = torch.zeros(len(FEATURES), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        total = _LISTWISE_RIDGE * (weights**2).sum()
        for features, is_evidence in lists:
            scores = features @ weights  # (sentences,)
            total = total + (scores.logsumexp(0) - scores[is_evidence].logsumexp(0)) / len(lists)
        total.backward()  # type: ignore[no-untyped-call]  # torch types it loosely
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    fitted: NDArray[np.float64] = weights.detach().numpy()
    return fitted


def logistic(
    features: "NDArray[np.float32]", is_evidence: "NDArray[np.bool_]"
) -> tuple["NDArray[np.float64]", float]:
    """Fit a ridge-regularised logistic model by Newton's method; returns weights and bias."""
    x = np.hstack([features.astype(np.float64), np.ones((len(features), 1))])
    y = is_evidence.astype(np.float64)
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-x @ weights))
        gradient = x.T @ (p - y) / len(y) + _RIDGE * weights
        curvature = (x * (p * (1 - p))[:, None]).T @ x / len(y) + _RIDGE * np.eye(len(weights))
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights[:-1], float(weights[-1])


def _area(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Return the share of pairs in which the positive scores higher (area under the ROC curve), ties for half."""
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    return round(sum(pairs) / max(1, len(pairs)), 4)


def _named(names: Sequence[str], weights: "NDArray[np.float64]") -> dict[str, float]:
    return {name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)}


def _share(truths: Sequence[bool]) -> float:
    return round(sum(truths) / max(1, len(truths)), 4)
