"""Asks pools of MSC conversations the written questions, so that the extractive generator learns how people ask.

Besides answerable questions these have two kinds without an answer: traps, written so, and answerable ones asked of
the other speaker. LoCoMo's category 5 asks of the wrong speaker, too.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..agent.evidence import evidence
from ..agent.long_term_memory import LongTermMemory
from ..agent.sentences import sentences_of
from .corpora import Conversation
from .extractive import Asked, RememberingEmbedder
from .pools import MSC_CONVERSATIONS, Renaming, concatenated, first_two
from .written_questions import WrittenQuestion, written_conversations, written_questions

QUESTIONS_EACH = 70
"""Answerable questions asked of a pool; all its traps are asked."""
_EVERY_THIRD = 3


def ask_written(
    data: Path, split: str, open_memory: Callable[[str], LongTermMemory], seed: int, *, file: Path | None = None
) -> list[Asked]:
    """Ask `data`/msc's conversations of a split, joined by tens, what was written about them (`file`, or what ships).

    `open_memory(user)` gives an empty memory for one pool. An answerable question whose context lacks the evidence is
    left out.
    """
    drawn = random.Random(f"{seed} {split}")
    every = written_conversations(data, split, file=file)
    order = drawn.sample(every, len(every))
    written = written_questions(file)
    asked: list[Asked] = []
    for start in range(0, len(order), MSC_CONVERSATIONS):
        ten = order[start : start + MSC_CONVERSATIONS]
        names = first_two(ten)
        pool = concatenated(ten, names=names)
        memory = open_memory(f"written {pool.id}")
        memory.add_many(pool.turns)
        embedder = RememberingEmbedder(memory.archive.embedder)
        for kind, text, refs in _questions(ten, names, written, drawn):
            sentences = sentences_of(memory.context(text), question=text)
            is_evidence = np.array([sentence.turn.ref in refs for sentence in sentences], dtype=np.bool_)
            if sentences and (kind != "answerable" or is_evidence.any()):
                asked.append(Asked(kind=kind, found=evidence(text, sentences, embedder), is_evidence=is_evidence))
    return asked


def _questions(
    ten: Sequence[Conversation], names: tuple[str, str], written: Sequence[WrittenQuestion], drawn: random.Random
) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield kind, text and the refs of the turns: the traps, some answerable ones, a third of these exchanged."""
    answerable: list[tuple[str, frozenset[str], bool]] = []
    for place, conversation in enumerate(ten):
        rename = Renaming(conversation.speakers[:2], names)
        for question in written:
            if question.conversation != conversation.id:
                continue
            text, refs = rename(question.text), frozenset(f"{place}:{ref}" for ref in question.turns)
            if question.kind == "trap":
                yield "other_speaker", text, refs
            else:
                answerable.append((text, refs, question.is_own))
    exchange = Renaming(names, names[::-1])
    for number, (text, refs, is_own) in enumerate(drawn.sample(answerable, min(QUESTIONS_EACH, len(answerable)))):
        yield "answerable", text, refs
        if number % _EVERY_THIRD == 0 and is_own:
            yield "other_speaker", exchange(text), refs
