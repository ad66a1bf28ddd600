"""Fits the extractive summariser: which sentences of a session people wrote down as facts.

MSC (train split) teaches it: its facts were written by people for the turns they came from. A sentence of such a turn
that holds half of a fact's content words is a positive one, every other sentence of the sessions a negative one.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..agent.evidence import stem
from ..agent.summarizers.salience import FEATURES, Said, said_in, salience
from ..memory.archive import passage
from ..memory.ports import Embedder
from ..memory.timeline import resolve_dates
from ..memory.times import read_time
from ..memory.types import NewTurn, Turn
from ..memory.words import STOP_WORDS, words
from .corpora import Conversation, read_conversations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..memory.ports import Vectors

SHARED = 0.5
_RIDGE = 1e-3
_STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session of a corpus: features (sentences, len(FEATURES)), and which sentences tell a fact (sentences,)."""

    sentences: tuple[Said, ...]
    features: "Vectors"
    tells: "NDArray[np.bool_]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Weights in the order of FEATURES, and on the dev split: how often the best three of a session tell a fact, and
    three at random, shares of 1.
    """

    weights: tuple[float, ...]
    bias: float
    precision_at_3: float
    random_at_3: float


def fit_sentences(data: Path, embedder: Embedder, *, conversations: int = 400, seed: int = 0) -> Fitted:
    """Return weights fitted on that many MSC conversations of the train split, and their figures on the dev split.

    Raises DataFormatError where `data` holds no `msc`.
    """
    train = read_conversations(data / "msc", splits=("train",))
    random.Random(seed).shuffle(train)
    taught = _sessions(train[:conversations], embedder)
    weights, bias = _logistic(
        np.concatenate([one.features for one in taught]), np.concatenate([one.tells for one in taught])
    )
    dev = _sessions(read_conversations(data / "msc", splits=("dev",)), embedder)
    return Fitted(
        weights=tuple(float(weight) for weight in weights),
        bias=bias,
        precision_at_3=float(np.mean([one.tells[np.argsort(-(one.features @ weights))[:3]].mean() for one in dev])),
        random_at_3=float(np.mean([one.tells.mean() for one in dev])),
    )


def write_sentences(fitted: Fitted, path: Path) -> None:
    """Write what the summariser reads."""
    document = {
        "weights": {name: round(weight, 5) for name, weight in zip(FEATURES, fitted.weights, strict=True)},
        "bias": round(fitted.bias, 5),
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _sessions(conversations: Sequence[Conversation], embedder: Embedder) -> list[Session]:
    return [
        session
        for conversation in conversations
        for _, turns in groupby(conversation.turns, key=lambda turn: turn.session)
        if (session := _session(conversation, list(turns), embedder)) is not None
    ]


def _session(conversation: Conversation, said: Sequence[NewTurn], embedder: Embedder) -> Session | None:
    """Return a session with its labels; None where nobody wrote a fact of it."""
    turns = [_turn(place, turn) for place, turn in enumerate(said)]
    refs = {turn.ref for turn in turns}
    facts: dict[str, list[set[str]]] = {}
    for fact in conversation.facts:
        for ref in refs.intersection(fact.evidence):
            facts.setdefault(str(ref), []).append(_content(fact.text) - _content(" ".join(conversation.speakers)))
    if not facts:
        return None
    sentences = said_in(turns)
    vectors = embedder.embed([passage(turn.speaker, turn.text) for turn in turns], kind="passage")
    tells = [_tells(sentence, facts.get(sentence.turn.ref or "", [])) for sentence in sentences]
    return Session(
        sentences=tuple(sentences), features=salience(sentences, vectors), tells=np.array(tells, dtype=bool)
    )


def _turn(place: int, turn: NewTurn) -> Turn:
    said_at = read_time(turn.said_at or "")
    return Turn(
        id=place + 1,
        user="",
        conversation="",
        session=str(turn.session),
        position=place + 1,
        speaker=turn.speaker,
        text=turn.text,
        said_at=said_at,
        ref=turn.ref,
        dates=resolve_dates(turn.text, said_at),
    )


def _tells(sentence: Said, facts: Sequence[set[str]]) -> bool:
    own = _content(sentence.text)
    return any(fact and len(fact & own) >= SHARED * len(fact) for fact in facts)


def _content(text: str) -> set[str]:
    return {stem(word) for word in words(text) if word not in STOP_WORDS}


def _logistic(features: "Vectors", labels: "NDArray[np.bool_]") -> "tuple[NDArray[np.float64], float]":
    """Return weights (features,) and bias of a ridge logistic regression, by Newton's method."""
    inputs = np.hstack([features.astype(np.float64), np.ones((len(features), 1))])  # (sentences, features + 1)
    wanted = labels.astype(np.float64)
    ridge = _RIDGE * len(inputs) * np.eye(inputs.shape[1])
    ridge[-1, -1] = 0.0
    weights = np.zeros(inputs.shape[1])
    for _ in range(_STEPS):
        told = 1.0 / (1.0 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (told - wanted) + ridge @ weights
        curvature = (inputs * (told * (1.0 - told))[:, None]).T @ inputs + ridge
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights[:-1], float(weights[-1])
