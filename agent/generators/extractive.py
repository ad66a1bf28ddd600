"""The offline generator: quotes the sentence that answers, with who said it and when, or does not remember.

A span reader finds the words that answer. Without one, or when it fails, features of sentences are weighed. It can be
brief, as keys of evaluations are: then it says the words that answer, or the date, and nothing else.
"""

import json
import logging
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from ...memory.errors import EmbedderError, GenerationError
from ...memory.ports import Embedder
from ...memory.timeline import format_day
from ...memory.types import Context, DateMention, Turn
from ..citations import escape_marks
from ..evidence import FEATURES, SUPPORT, Evidence, evidence, is_when, support
from ..ports import ABSTENTION, Told
from ..read_answers import ReaderModel, Reads, read_answers, sigmoid
from ..read_answers import shipped_model as shipped_reader_model
from ..sentences import Sentence, is_same, sentences_of
from ..short_answers import asks_for_several, short_answer

if TYPE_CHECKING:
    from ...memory.ports import Vectors

_log = logging.getLogger(__name__)

ACKNOWLEDGEMENT = "Noted, I'll remember that."
MAX_QUOTES = 3

_QUESTION_WORD = re.compile(
    r"^\s*(?:and |so |but |hey,? |please )*(?:who|whom|whose|what|when|where|why|which|how|is|are|was|were|am|do|does"
    r"|did|has|have|had|can|could|will|would|should|may|might|tell me|remind me|show me|find|list|search)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceModel:
    """Which sentence answers (a linear score over `FEATURES`), and whether the best one does (logistic, `SUPPORT`).

    Fitted by `recollect.training.extractive` on MSC and FriendsQA. Under `threshold`, a probability of the second,
    nothing is remembered; a further sentence is quoted from `quote_share` of the best one's weight on.
    """

    weights: tuple[float, ...]
    support_weights: tuple[float, ...]
    support_bias: float
    threshold: float
    quote_share: float

    def logits(self, features: "Vectors") -> "Vectors":
        """Return the score of each sentence, (sentences,), for features (sentences, len(FEATURES))."""
        logits: Vectors = (features @ np.array(self.weights)).astype(np.float32)
        return logits

    def confidence(self, found: Evidence, logits: "Vectors") -> float:
        """Return the probability that the best sentence answers the question."""
        return sigmoid(float(support(found, logits) @ np.array(self.support_weights) + self.support_bias))


@lru_cache(maxsize=1)
def shipped_model() -> EvidenceModel:
    """Return the model that ships with the package; raises GenerationError when its file does not fit the program."""
    try:
        file = files("recollect.agent.generators").joinpath("extractive.json")
        stored = json.loads(file.read_text(encoding="utf-8"))
        return EvidenceModel(
            weights=tuple(stored["weights"][feature] for feature in FEATURES),
            support_weights=tuple(stored["support_weights"][name] for name in SUPPORT),
            support_bias=stored["support_bias"],
            threshold=stored["threshold"],
            quote_share=stored["quote_share"],
        )
    except (OSError, ValueError, KeyError) as error:
        raise GenerationError(
            f"The weights of the extractive generator do not fit this Recollect ({error!r}); install it again."
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quotation:
    """A sentence that answers; `said` are the words of it that do, `start` their place in the turn, where known."""

    sentence: Sentence
    said: str | None = None
    start: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What answers, best first, and how probable it is that the best one does."""

    quotations: tuple[_Quotation, ...]
    confidence: float


class ExtractiveGenerator:
    """Quotes, never composes. "When" questions are answered from resolved dates.

    `asker` is who "I" in a question is. `reader` finds the words that answer, weighed by `reader_model` (None takes
    the one that ships for the block ranker's contexts); without it, or when its encoder fails, `model` weighs
    sentences, and when the embedder fails, too, words alone decide. With `is_brief` an answer is as short as it can
    be, its parts divided by commas.
    """

    name = "extractive"
    reads_history = False

    def __init__(
        self,
        embedder: Embedder,
        *,
        asker: str = "",
        model: EvidenceModel | None = None,
        reader: Reads | None = None,
        reader_model: ReaderModel | None = None,
        is_brief: bool = False,
    ) -> None:
        self._embedder = embedder
        self._is_brief = is_brief
        self._asker = asker
        self._model = model or shipped_model()
        self._reader = reader
        self._reader_model = reader_model

    def stream(self, question: str, context: Context, history: Sequence[Turn]) -> Iterator[str]:
        """Yield one line for each quotation, each with its `[n]`; a statement in a chat is acknowledged."""
        if history and not is_question(question):
            yield ACKNOWLEDGEMENT
            return
        yield from self._lines(question, self._reading(question, context).quotations)

    def told(self, question: str, context: Context, history: Sequence[Turn]) -> Told:
        """Return what `stream` yields, with the probability that the best sentence answers; 0.0 without any."""
        if history and not is_question(question):
            return Told(text=ACKNOWLEDGEMENT)
        reading = self._reading(question, context)
        return Told(text="".join(self._lines(question, reading.quotations)), confidence=reading.confidence)

    def _reading(self, question: str, context: Context) -> _Reading:
        """Look for what answers; nothing when the best is under the threshold."""
        if self._reader is not None:
            try:
                return self._read(self._reader, question, context)
            except (EmbedderError, GenerationError) as error:
                _log.warning("Sentences are weighed by their features alone: %s", error)
        return self._weighed(question, context)

    def _read(self, reader: Reads, question: str, context: Context) -> _Reading:
        model = self._reader_model or shipped_reader_model()
        found = read_answers(question, context, reader, prior_weight=model.prior_weight, asker=self._asker)
        confidence = found.confidence(model)
        if confidence < model.threshold or not found.answers:
            return _Reading(quotations=(), confidence=confidence)
        chosen = [one for one in found.answers[: _most(question)] if one.share >= model.further_share]
        quotations = [_Quotation(sentence=one.sentence, said=one.said, start=one.start) for one in chosen]
        return _Reading(quotations=tuple(quotations), confidence=confidence)

    def _weighed(self, question: str, context: Context) -> _Reading:
        sentences = sentences_of(context, question=question, asker=self._asker)
        if not sentences:
            return _Reading(quotations=(), confidence=0.0)
        found = evidence(question, sentences, self._embedder, asker=self._asker)
        logits = self._model.logits(found.features)
        confidence = self._model.confidence(found, logits)
        is_told = confidence >= self._model.threshold
        chosen = self._chosen(question, sentences, logits) if is_told else []
        return _Reading(quotations=tuple(_Quotation(sentence=one) for one in chosen), confidence=confidence)

    def _chosen(self, question: str, sentences: Sequence[Sentence], logits: "Vectors") -> list[Sentence]:
        scores = [math.exp(float(logit - logits.max())) for logit in logits]
        order = sorted(range(len(sentences)), key=lambda place: -scores[place])
        enough = self._model.quote_share * scores[order[0]]
        return [sentences[place] for place in order[: _most(question)] if scores[place] >= enough]

    def _lines(self, question: str, quotations: Sequence[_Quotation]) -> Iterator[str]:
        if not quotations:
            yield ABSTENTION
        for place, quotation in enumerate(quotations):
            if self._is_brief:
                yield (", " if place else "") + _brief(question, quotation)
                continue
            yield ("\n" if place else "") + self._quoted(quotation, dated=not place and is_when(question))

    def _quoted(self, quotation: _Quotation, *, dated: bool) -> str:
        sentence = quotation.sentence
        words = escape_marks(" ".join(sentence.text.split()))
        speaker = "you" if is_same(sentence.turn.speaker, self._asker) else escape_marks(sentence.turn.speaker)
        answer = f"{_date_of(quotation)}: " if dated else ""
        line = f"{answer}{speaker} said on {format_day(sentence.turn.said_at.date())}, “{words}” [{sentence.number}]"
        return line[0].upper() + line[1:]


def _most(question: str) -> int:
    """Return how many answers are given to a question at most."""
    return MAX_QUOTES if asks_for_several(question) and not is_when(question) else 1


def _brief(question: str, quotation: _Quotation) -> str:
    said = _date_of(quotation) if is_when(question) else short_answer(question, quotation.sentence, quotation.said)
    return f"{escape_marks(said)} [{quotation.sentence.number}]"


def is_question(text: str) -> bool:
    """Tell whether a chat turn asks for something."""
    return text.rstrip("\"')”’ ").endswith("?") or _QUESTION_WORD.search(text) is not None


def _date_of(quotation: _Quotation) -> str:
    """Return the date that is told: the one nearest the words that answer, in their sentence, else in its turn, else
    the day it was said.
    """
    sentence, dates = quotation.sentence, quotation.sentence.turn.dates
    inside = [date for date in dates if sentence.start <= date.start < sentence.end]
    mentions: Sequence[DateMention] = inside or dates
    if not mentions:
        return format_day(sentence.turn.said_at.date())
    start = sentence.start if quotation.start is None else quotation.start
    return min(mentions, key=lambda date: abs(date.start - start)).label
