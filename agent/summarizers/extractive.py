"""The offline summariser: the sentences that tell most, by name, with their dates; reads vectors that are stored."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from ...memory.errors import GenerationError
from ...memory.timeline import annotate
from ...memory.types import NewEvent, Turn
from .kinds import MOST_EVENTS, kind_of, moment_of
from .salience import FEATURES, Said, said_in, salience
from .third_person import retold

if TYPE_CHECKING:
    from ...memory.ports import Vectors

MOST_CHARACTERS = 400
"""Of a sentence: what is longer is cut at a word, and rather a document than something said."""
ALIKE = 0.8
"""Cosine from which two turns tell the same."""
ENOUGH = 0.5
"""Share of the best sentence's probability that the second and the third must have."""

VectorsOf = Callable[[Sequence[Turn]], "Vectors"]
"""Gives the vectors of stored turns, float32 (turns, dimensions)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SalienceModel:
    """Weights of the features of `salience`, in the order of FEATURES, and their bias; of a logistic regression."""

    weights: tuple[float, ...]
    bias: float

    def probabilities(self, features: "Vectors") -> "Vectors":
        """Return how probable it is that each sentence tells something of somebody's life, (sentences,)."""
        logits = features @ np.array(self.weights, dtype=np.float32) + np.float32(self.bias)
        told: Vectors = np.float32(1.0) / (np.float32(1.0) + np.exp(-logits))
        return told


@lru_cache(maxsize=1)
def shipped_salience() -> SalienceModel:
    """Return the model that ships with the package; raises GenerationError when its file does not fit the program."""
    try:
        stored = json.loads(
            files("recollect.agent.summarizers").joinpath("extractive.json").read_text(encoding="utf-8")
        )
        return SalienceModel(
            weights=tuple(float(stored["weights"][name]) for name in FEATURES), bias=float(stored["bias"])
        )
    except (OSError, ValueError, KeyError) as error:
        raise GenerationError(
            f"The weights of the extractive summariser do not fit this Recollect ({error!r}); install it again."
        ) from error


class ExtractiveSummarizer:
    """One to three sentences of a session, those that tell most and not the same, each an event.

    A sentence is retold in the third person, dates resolved in brackets; it cites the turn it is from. Nothing but
    the vectors of the turns is asked for, and those are stored.
    """

    name = "extractive"
    is_local = True

    def __init__(self, vectors_of: VectorsOf, *, model: SalienceModel | None = None) -> None:
        self._vectors_of = vectors_of
        self._model = model or shipped_salience()

    def events(self, turns: Sequence[Turn]) -> list[NewEvent]:
        """Return the events of turns of one session, in the order they were told; none where nobody said anything.

        Raises EmbedderError where turns have no vectors yet and none can be made.
        """
        sentences = said_in(turns)
        if not sentences:
            return []
        vectors = self._vectors_of(turns)
        told = self._model.probabilities(salience(sentences, vectors))
        chosen = _chosen(sentences, told, vectors)
        speakers = tuple(dict.fromkeys(turn.speaker for turn in turns))
        return [_event(sentences[place], speakers) for place in sorted(chosen)]


def _chosen(sentences: Sequence[Said], told: "Vectors", vectors: "Vectors") -> list[int]:
    """Return places of the best sentences: of different turns, not alike, not much worse than the best."""
    order: list[int] = np.argsort(-told, kind="stable").tolist()
    best = float(told[order[0]])
    chosen: list[int] = []
    for place in order:
        if len(chosen) == MOST_EVENTS or (chosen and float(told[place]) < ENOUGH * best):
            break
        turn = sentences[place].place
        if all(
            sentences[other].place != turn and float(vectors[sentences[other].place] @ vectors[turn]) < ALIKE
            for other in chosen
        ):
            chosen.append(place)
    return chosen


def _event(sentence: Said, speakers: Sequence[str]) -> NewEvent:
    turn = sentence.turn
    moved = [replace(d, start=d.start - sentence.start, end=d.end - sentence.start) for d in sentence.dates]
    words = " ".join(annotate(sentence.text, moved).split())
    others = [speaker for speaker in speakers if speaker != turn.speaker]
    told = retold(_cut(words), speaker=turn.speaker, listener=others[0] if len(others) == 1 else None)
    return NewEvent(
        text=told, happened_at=moment_of(sentence.dates, turn.said_at), kind=kind_of(sentence.text), turns=(turn.id,)
    )


def _cut(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    kept = text[:MOST_CHARACTERS]
    return (kept.rpartition(" ")[0] or kept) + "…"
