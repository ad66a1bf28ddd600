"""Questions beside the lines that our own memory finds for them: what the span reader learns from in the end.

Here the lines compete that it will see in use: those the ranker thinks best. Some of the answerable questions come a
second time with a word exchanged, without an answer (`altered_questions`).
"""

import random
from collections.abc import Mapping, Sequence

from ..agent.answer_lines import lines_of
from .altered_questions import Alterations
from .reader_examples import Said, Source
from .span_examples import Showing
from .span_questions import ANSWERABLE, ELSEWHERE, PutQuestion

WRITTEN, FRIENDS, GATHERED, INVENTED, MEETINGS, FACTS, EXCHANGED, OTHERS, ALTERED = (
    "context written",
    "context friendsqa",
    "context gathered",
    "context invented",
    "context qmsum",
    "context msc",
    "context exchanged",
    "context elsewhere",
    "context altered",
)
SHARES = {
    WRITTEN: 0.16,
    FRIENDS: 0.08,
    GATHERED: 0.17,
    INVENTED: 0.24,
    MEETINGS: 0.05,
    FACTS: 0.06,
    EXCHANGED: 0.14,
    OTHERS: 0.04,
    ALTERED: 0.06,
}
"""How often a question of each kind is drawn."""
SHOWING = Showing(most_others=15, without_evidence=0.0)
_CORPORA = {
    "written": WRITTEN,
    "friendsqa": FRIENDS,
    "gathered": GATHERED,
    "invented": INVENTED,
    "qmsum": MEETINGS,
    "msc": FACTS,
}


def context_sources(
    asked: Sequence[PutQuestion], others: Mapping[str, Sequence[Source]], *, seed: int
) -> dict[str, list[Source]]:
    """Return the questions with the lines of their contexts, best first, by corpus.

    Questions whose evidence the context lacks are left out. What may be exchanged is learnt from these questions and
    from those of `others`.
    """
    drawn = random.Random(f"contexts {seed}")
    found: dict[str, list[Source]] = {name: [] for name in SHARES}
    for one in asked:
        if (source := _source(one)) is not None:
            found[_corpus(one)].append(source)
    questions = [source.question for every in others.values() for source in every]
    alterations = Alterations(
        [*questions, *(one.question for one in asked if one.kind == ANSWERABLE)],
        (memory.text for one in asked for memory in one.context.memories),
    )
    for source in (*found[WRITTEN], *found[FRIENDS]):
        told = " ".join(said.text for said in source.evidence)
        every = " ".join(said.text for said in source.others)
        question = alterations.altered(source.question, told, f"{told} {every}", drawn)
        if question is not None:
            lines = (*source.evidence, *source.others)
            found[ALTERED].append(Source(corpus=ALTERED, question=question, answers=(), evidence=(), others=lines))
    return found


def _corpus(one: PutQuestion) -> str:
    if one.kind == ANSWERABLE:
        return _CORPORA[one.corpus]
    return OTHERS if one.kind == ELSEWHERE else EXCHANGED


def _source(one: PutQuestion) -> Source | None:
    lines = lines_of(one.context, question=one.question)
    said = [
        Said(
            speaker=line.turn.speaker,
            text=line.turn.text[line.start : line.end],
            at=place,
            before=line.before,
        )
        for place, line in enumerate(lines, 1)
    ]
    best_first = sorted(range(len(lines)), key=lambda place: -lines[place].prior)
    told = [place for place in best_first if one.kind == ANSWERABLE and lines[place].turn.ref in one.evidence]
    if one.kind == ANSWERABLE and not told:
        return None
    return Source(
        corpus=_corpus(one),
        question=one.question,
        answers=one.answers,
        evidence=tuple(said[place] for place in told),
        others=tuple(said[place] for place in best_first if place not in told),
    )
