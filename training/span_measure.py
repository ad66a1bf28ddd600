"""Held-out questions put to the span reader: how well its words match, and how well its doubt tells."""

import random
from collections.abc import Mapping, Sequence

from ..agent.span_reader import SpanReader
from .answer_scores import best_f1, is_exact
from .reader_examples import Source
from .span_examples import Showing, line_of

LINES = Showing(without_evidence=0.0)
_DATES = "dates"


def measure(
    reader: SpanReader, sources: Mapping[str, Sequence[Source]], *, most: int, seed: int
) -> dict[str, dict[str, float]]:
    """Return the figures of each corpus, over its first `most` questions.

    f1, exact (0 to 100): of the best span, answered whatever the doubt, by SQuAD's rules; for dates the expression in
    the words is looked for. line: how often the best span is in a telling line. separation (0 to 1): of pairs of one
    of these and a question without an answer, how often the former's answer leads by more; only of corpora with
    answers.
    """
    drawn = random.Random(seed)
    leads: dict[str, list[float]] = {}
    found: dict[str, dict[str, float]] = {}
    for corpus, every in sources.items():
        scored: list[tuple[float, float, float]] = []
        for source in every[:most]:
            nearest = source.others[: 2 * LINES.most_others]
            others = drawn.sample(nearest, min(LINES.most_others, len(nearest)))
            shown = [*source.evidence, *others]
            lines = [line_of(one) for one in shown]
            reading = reader.read(source.question, lines, [one.before for one in shown])
            if not reading.spans:
                continue
            leads.setdefault(corpus if source.answers else "", []).append(reading.lead)
            if source.answers:
                best = reading.spans[0]
                said = lines[best.line][best.start : best.end]
                is_telling = best.line < len(source.evidence)
                scored.append(
                    (best_f1(said, source.answers), float(is_exact(said, source.answers)), float(is_telling))
                )
        if scored:
            f1, exact, line = (round(100 * sum(column) / len(scored), 1) for column in zip(*scored, strict=True))
            found[corpus] = {"questions": len(scored), "line": line}
            found[corpus] |= {} if corpus == _DATES else {"f1": f1, "exact": exact}
    for corpus, figures in found.items():
        figures["separation"] = _area(leads[corpus], leads.get("", []))
    return found


def _area(positive: Sequence[float], negative: Sequence[float]) -> float:
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    return round(sum(pairs) / max(1, len(pairs)), 4)
