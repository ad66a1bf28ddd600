"""What the span reader makes of a context: the words that answer, best first, and how sure it is of the best ones."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Protocol

from ..memory.errors import GenerationError
from ..memory.types import Context
from ..memory.words import words
from .answer_lines import Line, lines_of
from .asker import FIRST_PERSON, of_asker
from .evidence import word_support
from .sentences import Sentence

if TYPE_CHECKING:
    from .span_reader import AnswerSpan, SpanReading

FEATURES = ("lead", "here", "odds", "other", "score", "coverage", "subject_lead")
"""What is known of the best answer: how far it is above "no answer" in all lines, and above that in its own, in nats;
the log-odds that its line answers, whatever the others say; whether the question is about a speaker and somebody
else tells of himself or herself; the score of its memory; how much of the question its sentence covers, and how much
better the person asked about covers it than others do."""

MOST_NATS = 20.0


class Reads(Protocol):
    """Finds the words of every line that answer best: a `SpanReader`, or the like."""

    def read(self, question: str, lines: Sequence[str], before: Sequence[str] = ()) -> "SpanReading":
        """Return what each line answers; `before` is what was said right before each."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderModel:
    """How the reader's log shares and the order of the memories are weighed, and when nothing is remembered.

    `prior_weight` counts the score of a line, 0 to 1 within a context, in nats. Under `threshold`, a probability
    that the logistic model over `FEATURES` gives, nothing is remembered; a further answer is given from
    `further_share` of the best one's share on. Chosen on dev splits by `recollect.training.span_calibration`.
    """

    prior_weight: float
    support_weights: tuple[float, ...]
    support_bias: float
    threshold: float
    further_share: float


@lru_cache(maxsize=2)
def shipped_model(*, ranked_by_block: bool = True) -> ReaderModel:
    """Return the model that ships with the package; raises GenerationError when its file does not fit the program.

    There is one for contexts that the block ranker has ranked, whose scores tell whether there is an answer, and one
    for any other.
    """
    try:
        stored = json.loads(files("recollect.agent").joinpath("span_reader.json").read_text(encoding="utf-8"))
        stored = stored["block" if ranked_by_block else "any"]
        return ReaderModel(
            prior_weight=stored["prior_weight"],
            support_weights=tuple(stored["support_weights"][name] for name in FEATURES),
            support_bias=stored["support_bias"],
            threshold=stored["threshold"],
            further_share=stored["further_share"],
        )
    except (OSError, ValueError, KeyError) as error:
        raise GenerationError(
            f"The calibration of the span reader does not fit this Recollect ({error!r}); install it again."
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAnswer:
    """Words of a sentence that answer, verbatim, and their share, 0 to 1 of that of the best ones."""

    said: str
    sentence: Sentence
    start: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAnswers:
    """One answer a line, best first, and what is known of the best (`FEATURES`); none of a context without lines."""

    answers: tuple[ReadAnswer, ...]
    features: tuple[float, ...]

    def confidence(self, model: ReaderModel) -> float:
        """Return the probability that the best answer is one; 0.0 without any."""
        if not self.answers:
            return 0.0
        logit = math.fsum(w * f for w, f in zip(model.support_weights, self.features, strict=True))
        return sigmoid(logit + model.support_bias)


def read_answers(
    question: str, context: Context, reader: Reads, *, prior_weight: float, asker: str = ""
) -> ReadAnswers:
    """Read the question beside every line of the context. Raises what `reader` raises."""
    lines = lines_of(context, question=question, asker=asker)
    asked = of_asker(question, asker)
    reading = reader.read(asked, [line.text for line in lines], [line.before for line in lines])
    if not reading.spans:
        return ReadAnswers(answers=(), features=(0.0,) * len(FEATURES))
    priors = _graded([line.prior for line in lines])
    weights = {span.line: span.log_share + prior_weight * priors[span.line] for span in reading.spans}
    spans = sorted(reading.spans, key=lambda span: (-weights[span.line], span.line))
    best = spans[0]
    sentences = [sentence for line in lines for sentence in line.sentences]
    return ReadAnswers(
        answers=tuple(_answer(lines[span.line], span, weights[span.line] - weights[best.line]) for span in spans),
        features=(
            max(-MOST_NATS, min(MOST_NATS, best.log_share - reading.log_none)),
            max(-MOST_NATS, min(MOST_NATS, best.log_share - best.log_none)),
            max(-MOST_NATS, min(MOST_NATS, best.log_odds)),
            float(_is_about_other(asked, lines, lines[best.line])),
            lines[best.line].prior,
            *word_support(asked, sentences, lines[best.line].sentence_at(best.start)),
        ),
    )


def _answer(line: Line, span: "AnswerSpan", lead: float) -> ReadAnswer:
    said = line.text[span.start : span.end].strip()
    start = span.start - len(line.opening) + line.start
    return ReadAnswer(said=said, sentence=line.sentence_at(span.start), start=start, share=math.exp(lead))


def _graded(scores: Sequence[float]) -> list[float]:
    low, high = min(scores), max(scores)
    return [(score - low) / (high - low) if high > low else 1.0 for score in scores]


def speakers_named(question: str, lines: Sequence[Line]) -> set[str]:
    """Return the speakers of the lines whom the question names."""
    asked = set(words(question))
    return {line.turn.speaker for line in lines if not asked.isdisjoint(words(line.turn.speaker))}


def _is_about_other(question: str, lines: Sequence[Line], best: Line) -> bool:
    """Tell whether the question names speakers and somebody else tells of himself or herself alone."""
    about = speakers_named(question, lines)
    if not about or best.turn.speaker in about:
        return False
    said = set(words(best.turn.text))
    names = {word for speaker in about for word in words(speaker)}
    return not said.isdisjoint(FIRST_PERSON) and said.isdisjoint(names)


def sigmoid(logit: float) -> float:
    """Return 1 / (1 + e^-logit)."""
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, logit))))
