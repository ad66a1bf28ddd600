"""The questions that the span reader learns from: those of the reader, and those written about MSC conversations.

Among these are questions without an answer: traps, and questions asked of the other speaker.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..memory.ports import Embedder
from .corpora import Conversation
from .pools import Renaming
from .reader_examples import Said, Source
from .reader_sets import held_out, teaching
from .written_questions import WrittenQuestion, written_conversations, written_questions

SHARES = {
    "squad": 0.26,
    "unanswerable": 0.08,
    "friendsqa": 0.13,
    "written": 0.25,
    "exchanged": 0.12,
    "msc": 0.06,
    "dates": 0.07,
    "multihop": 0.03,
}
"""How often a question of each set is drawn."""

DATES = 6_000
_NEAREST = 14
_EXCHANGED_FRIENDS = 4


def span_sources(data: Path, split: str, embedder: Embedder, seed: int) -> dict[str, list[Source]]:
    """Return the questions of a split ("train" teaches, "dev" measures), by corpus.

    Raises DataFormatError when a set is missing.
    """
    drawn = random.Random(f"spans {seed} {split}")
    found = dict(teaching(data, seed, dates=DATES) if split == "train" else held_out(data, seed))
    written = list(_written(data, split, embedder))
    found["written"] = [one for one in written if one.corpus == "written"]
    asked = found["friendsqa"]
    friends = [exchanged for one in asked[::_EXCHANGED_FRIENDS] if (exchanged := _of_another(one, drawn)) is not None]
    found["exchanged"] = [*(one for one in written if one.corpus == "exchanged"), *friends]
    for sources in found.values():
        drawn.shuffle(sources)
    return found


def _written(data: Path, split: str, embedder: Embedder) -> Iterator[Source]:
    by_conversation: dict[str, list[WrittenQuestion]] = defaultdict(list)
    for question in written_questions():
        by_conversation[question.conversation].append(question)
    for conversation in written_conversations(data, split):
        asked = by_conversation[conversation.id]
        vectors = embedder.embed([f"{turn.speaker}: {turn.text}" for turn in conversation.turns], kind="passage")
        for question, vector in zip(asked, embedder.embed([one.text for one in asked], kind="query"), strict=True):
            yield from _sources(conversation, question, np.argsort(-(vectors @ vector)).tolist())


def _sources(conversation: Conversation, question: WrittenQuestion, nearest: Sequence[int]) -> Iterator[Source]:
    """Yield the question as it is and, where nothing then answers it, asked of the other speaker."""
    turns = conversation.turns
    told = {place for place, turn in enumerate(turns) if turn.ref in question.turns}
    near = tuple(_said(conversation, place) for place in nearest[:_NEAREST] if place not in told)
    evidence = tuple(_said(conversation, place) for place in sorted(told))
    if question.kind == "trap":
        yield Source(corpus="exchanged", question=question.text, answers=(), evidence=(), others=(*evidence, *near))
        return
    yield Source(corpus="written", question=question.text, answers=question.answers, evidence=evidence, others=near)
    names = conversation.speakers[:2]
    if question.is_own:
        asked = Renaming(names, names[::-1])(question.text)
        yield Source(corpus="exchanged", question=asked, answers=(), evidence=(), others=(*evidence, *near))


def _of_another(source: Source, drawn: random.Random) -> Source | None:
    """Return the question asked of somebody else in the scene who neither tells nor is told of in the evidence."""
    every = (*source.evidence, *source.others)
    named = [one for one in {said.speaker for said in every} if re.search(rf"\b{re.escape(one)}\b", source.question)]
    told = " ".join(f"{said.speaker} {said.text}" for said in source.evidence)
    free = sorted({said.speaker for said in every if said.speaker not in told and said.speaker not in named})
    if len(named) != 1 or not free:
        return None
    asked = re.sub(rf"\b{re.escape(named[0])}\b", drawn.choice(free), source.question)
    return replace(source, corpus="exchanged", question=asked, answers=(), evidence=(), others=every)


def _said(conversation: Conversation, place: int) -> Said:
    turn = conversation.turns[place]
    return Said(speaker=turn.speaker, text=turn.text, at=place + 1)
