"""Chooses how the extractive generator weighs what the span reader finds, and when it does not remember.

On held-out questions put to a real memory (`span_questions`): first how much the order of the memories counts, by the
F1 of the short answers; then a logistic model over `read_answers.FEATURES` of whether an answer exists; then the
threshold, where the share of the F1 that is kept and that of the questions without an answer that are declined are
largest together (Youden's index), at the least as high as declines enough of these in every corpus.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..agent.evidence import is_when
from ..agent.read_answers import FEATURES, ReadAnswers, ReaderModel, Reads, read_answers, sigmoid
from ..agent.short_answers import short_answer
from ..agent.span_reader import SpanReading
from .answer_scores import best_f1
from .extractive import logistic
from .span_questions import ANSWERABLE, PutQuestion

if TYPE_CHECKING:
    from numpy.typing import NDArray

PRIOR_WEIGHTS = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 14.0, 20.0, 28.0)
FURTHER_SHARE = 0.3
_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was chosen and what it reaches on the questions it was chosen on (shares and F1 from 0 to 1).

    `f1` and `lost` are by corpus, of the answerable questions: before the threshold, and what it costs. `abstained`
    is by corpus and kind; `separation`, by corpus, is the share of pairs told apart (area under the ROC curve). All
    with confidences by logistic models fitted on four fifths of the questions and asked of the last.
    """

    prior_weight: float
    support_weights: dict[str, float]
    support_bias: float
    threshold: float
    further_share: float
    questions: dict[str, int]
    f1: dict[str, float]
    lost: dict[str, float]
    abstained: dict[str, float]
    separation: dict[str, float]

    def model(self) -> ReaderModel:
        """Return what the generator needs of it."""
        return ReaderModel(
            prior_weight=self.prior_weight,
            support_weights=tuple(self.support_weights[name] for name in FEATURES),
            support_bias=self.support_bias,
            threshold=self.threshold,
            further_share=self.further_share,
        )


class RememberingReader:
    """Reads every question once, whatever the prior counts."""

    def __init__(self, reader: Reads) -> None:
        self._reader = reader
        self._known: dict[tuple[str, ...], SpanReading] = {}

    def read(self, question: str, lines: Sequence[str], before: Sequence[str] = ()) -> SpanReading:
        """Return what the reader reads."""
        key = (question, *lines, *before)
        if key not in self._known:
            self._known[key] = self._reader.read(question, lines, before)
        return self._known[key]


def calibrate(asked: Sequence[PutQuestion], reader: Reads, *, declined: float, with_score: bool) -> Calibration:
    """Choose everything; `declined` is the least share of the questions without an answer to be declined, 0 to 1.

    What the order of the memories counts is chosen by the F1 that is left when so many are declined: an order that
    counts more finds better lines, and makes doubt harder. `with_score` lets the score of the memory speak, which
    means something for one ranker only.
    """
    tried = [_calibrated(asked, reader, weight, declined, with_score=with_score) for weight in PRIOR_WEIGHTS]
    return max(tried, key=lambda one: math.fsum(one.f1[corpus] - one.lost[corpus] for corpus in one.f1))


def _calibrated(
    asked: Sequence[PutQuestion], reader: Reads, prior_weight: float, declined: float, *, with_score: bool
) -> Calibration:
    found = [read_answers(one.question, one.context, reader, prior_weight=prior_weight) for one in asked]
    features = np.array([it.features for it in found], dtype=np.float32)
    if not with_score:
        features[:, FEATURES.index("score")] = 0.0
    is_answerable = np.array([one.kind == ANSWERABLE for one in asked])
    weights, bias = logistic(features, is_answerable)
    confidences = [sigmoid(float(logit)) for logit in _cross_fitted(features, is_answerable)]
    f1 = [_f1(one, it) for one, it in zip(asked, found, strict=True)]
    threshold = best_threshold(asked, confidences, f1, least=_threshold(asked, confidences, declined))
    kept = [score if sure >= threshold else 0.0 for score, sure in zip(f1, confidences, strict=True)]
    before, after = _by_corpus(asked, f1), _by_corpus(asked, kept)
    return Calibration(
        prior_weight=prior_weight,
        support_weights={name: round(float(one), 4) for name, one in zip(FEATURES, weights, strict=True)},
        support_bias=round(bias, 4),
        threshold=math.ceil(threshold * 10_000) / 10_000,
        further_share=FURTHER_SHARE,
        questions=_counted([f"{one.corpus} {one.kind}" for one in asked]),
        f1={name: round(one, 4) for name, one in before.items()},
        lost={name: round(before[name] - after[name], 4) for name in before},
        abstained=_abstained(asked, [sure < threshold for sure in confidences]),
        separation={corpus: _separation(asked, confidences, corpus) for corpus in before},
    )


def _by_corpus(asked: Sequence[PutQuestion], scores: Sequence[float]) -> dict[str, float]:
    """Return the mean score of each corpus over the questions whose answers are compared."""
    return {
        corpus: _mean([s for s, one in zip(scores, asked, strict=True) if one.corpus == corpus and _counts(one)])
        for corpus in sorted({one.corpus for one in asked})
    }


def write(block: Calibration, others: Calibration, path: Path) -> None:
    """Write what ships, figures included: for contexts ranked by the block ranker, and for others."""
    both = {"block": asdict(block), "any": asdict(others)}
    path.write_text(json.dumps(both, indent=2) + "\n", encoding="utf-8")


def _counts(one: PutQuestion) -> bool:
    """Tell whether the short answer's words are to be compared: dates are told in other words."""
    return one.kind == ANSWERABLE and not is_when(one.question)


def _f1(one: PutQuestion, found: ReadAnswers) -> float:
    if not found.answers or not _counts(one):
        return 0.0
    best = found.answers[0]
    return best_f1(short_answer(one.question, best.sentence, best.said), one.answers)


def _threshold(asked: Sequence[PutQuestion], confidences: Sequence[float], declined: float) -> float:
    """Return the lowest confidence at which that share of the questions without an answer is declined everywhere."""
    found = 0.0
    for corpus in {one.corpus for one in asked}:
        sure = sorted(
            confidence
            for one, confidence in zip(asked, confidences, strict=True)
            if one.corpus == corpus and one.kind != ANSWERABLE
        )
        if sure and declined > 0:
            last = sure[min(len(sure) - 1, math.ceil(declined * len(sure)) - 1)]
            found = max(found, math.nextafter(last, 1.0))
    return found


def best_threshold(
    asked: Sequence[PutQuestion], confidences: Sequence[float], f1: Sequence[float], *, least: float
) -> float:
    """Return the threshold from `least` on with the largest mean, over corpora, of F1 kept and questions declined."""

    def index(threshold: float) -> float:
        kept = _by_corpus(
            asked, [score if sure >= threshold else 0.0 for score, sure in zip(f1, confidences, strict=True)]
        )
        total = 0.0
        for corpus, before in _by_corpus(asked, f1).items():
            declined = [
                float(sure < threshold)
                for one, sure in zip(asked, confidences, strict=True)
                if one.corpus == corpus and one.kind != ANSWERABLE
            ]
            total += kept[corpus] / max(before, 1e-9) + _mean(declined)
        return total

    return max((least, *(sure for sure in sorted(set(confidences)) if sure > least)), key=index)


def _cross_fitted(features: "NDArray[np.float32]", is_answerable: "NDArray[np.bool_]") -> "NDArray[np.float64]":
    """Return the logit of each question by a model fitted on four fifths of the others, (questions,)."""
    logits = np.zeros(len(features))
    folds = np.arange(len(features)) % _FOLDS
    for fold in range(_FOLDS):
        weights, bias = logistic(features[folds != fold], is_answerable[folds != fold])
        logits[folds == fold] = features[folds == fold] @ weights + bias
    return logits


def _separation(asked: Sequence[PutQuestion], confidences: Sequence[float], corpus: str) -> float:
    mine = [
        (sure, one.kind == ANSWERABLE) for one, sure in zip(asked, confidences, strict=True) if one.corpus == corpus
    ]
    answerable = np.array([sure for sure, is_one in mine if is_one])
    others = np.array([sure for sure, is_one in mine if not is_one])
    pairs = answerable[:, None] - others[None, :]
    return round(float(((pairs > 0) + 0.5 * (pairs == 0)).mean()), 4) if pairs.size else 0.0


def _abstained(asked: Sequence[PutQuestion], abstains: Sequence[bool]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for one, abstained in zip(asked, abstains, strict=True):
        found.setdefault(f"{one.corpus} {one.kind}", []).append(float(abstained))
    return {name: round(_mean(values), 4) for name, values in sorted(found.items())}


def _counted(names: Sequence[str]) -> dict[str, int]:
    return {name: names.count(name) for name in sorted(set(names))}


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / max(1, len(values))
