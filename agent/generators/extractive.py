"""The offline generator: quotes the sentence that answers, with who said it and when, or does not remember.

It can be brief, as keys of evaluations are: then it says the words that answer, or the date, and nothing else.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from ...memory.errors import GenerationError
from ...memory.ports import Embedder
from ...memory.timeline import format_day
from ...memory.types import Context, DateMention, Turn
from ..citations import escape_marks
from ..evidence import FEATURES, SUPPORT, Evidence, evidence, is_when, support
from ..ports import ABSTENTION, Told
from ..sentences import Sentence, is_same, sentences_of
from ..short_answers import short_answer

if TYPE_CHECKING:
    from ...memory.ports import Vectors

ACKNOWLEDGEMENT = "Noted, I'll remember that."
MAX_QUOTES = 3

_SEVERAL = re.compile(r"\b(?:which|what|who|where) (?:\w+ ){0,2}\w+s\b|\bhow many\b|\ball\b|\blist\b", re.IGNORECASE)
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
class _Reading:
    """The sentences that answer, best first, and how probable it is that the best one does."""

    quotations: tuple[Sentence, ...]
    confidence: float


class ExtractiveGenerator:
    """Quotes, never composes. "When" questions are answered from resolved dates.

    `asker` is who "I" in a question is. When the embedder fails, words alone decide. With `is_brief` an answer is
    as short as it can be, its parts divided by commas.
    """

    name = "extractive"
    reads_history = False

    def __init__(
        self, embedder: Embedder, *, asker: str = "", model: EvidenceModel | None = None, is_brief: bool = False
    ) -> None:
        self._embedder = embedder
        self._is_brief = is_brief
        self._asker = asker
        self._model = model or shipped_model()

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

    def _reading(self, question: str, context: Context) -> "_Reading":
        """Look for sentences that answer; none when the best is under the threshold."""
        sentences = sentences_of(context, question=question, asker=self._asker)
        if not sentences:
            return _Reading(quotations=(), confidence=0.0)
        found = evidence(question, sentences, self._embedder, asker=self._asker)
        logits = self._model.logits(found.features)
        confidence = self._model.confidence(found, logits)
        is_told = confidence >= self._model.threshold
        chosen = self._chosen(question, sentences, logits) if is_told else []
        return _Reading(quotations=tuple(chosen), confidence=confidence)

    def _chosen(self, question: str, sentences: Sequence[Sentence], logits: "Vectors") -> list[Sentence]:
        scores = [math.exp(float(logit - logits.max())) for logit in logits]
        order = sorted(range(len(sentences)), key=lambda place: -scores[place])
        most = MAX_QUOTES if _SEVERAL.search(question) and not is_when(question) else 1
        enough = self._model.quote_share * scores[order[0]]
        return [sentences[place] for place in order[:most] if scores[place] >= enough]

    def _lines(self, question: str, quotations: Sequence[Sentence]) -> Iterator[str]:
        if not quotations:
            yield ABSTENTION
        for place, sentence in enumerate(quotations):
            if self._is_brief:
                yield (", " if place else "") + _brief(question, sentence)
                continue
            yield ("\n" if place else "") + self._quoted(sentence, dated=not place and is_when(question))

    def _quoted(self, sentence: Sentence, *, dated: bool) -> str:
        words = escape_marks(" ".join(sentence.text.split()))
        speaker = "you" if is_same(sentence.turn.speaker, self._asker) else escape_marks(sentence.turn.speaker)
        answer = f"{_date_of(sentence)}: " if dated else ""
        line = f"{answer}{speaker} said on {format_day(sentence.turn.said_at.date())}, “{words}” [{sentence.number}]"
        return line[0].upper() + line[1:]


def _brief(question: str, sentence: Sentence) -> str:
    said = _date_of(sentence) if is_when(question) else short_answer(question, sentence)
    return f"{escape_marks(said)} [{sentence.number}]"


def is_question(text: str) -> bool:
    """Tell whether a chat turn asks for something."""
    return text.rstrip("\"')”’ ").endswith("?") or _QUESTION_WORD.search(text) is not None


def _date_of(sentence: Sentence) -> str:
    """Return the date a sentence tells: resolved in it, else in its turn, else the day it was said."""
    inside = [d for d in sentence.turn.dates if sentence.start <= d.start < sentence.end]
    mentions: Sequence[DateMention] = inside or sentence.turn.dates
    return mentions[0].label if mentions else format_day(sentence.turn.said_at.date())


def sigmoid(logit: float) -> float:
    """Return 1 / (1 + e^-logit)."""
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, logit))))
