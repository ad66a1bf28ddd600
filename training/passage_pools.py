"""Pools of the other training sets: SQuAD articles, QMSum meetings, CRD3 episodes in windows, multi-hop passages."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ..memory.types import NewTurn
from .corpora import Conversation, Question, read_conversations, read_jsonl

T = TypeVar("T")

WINDOW = 400
"""Turns of an episode or meeting that one question chooses from."""
LONGEST_SPAN = 30
LONGEST_SUMMARY_SPAN = 10
LEAST_ALIGNMENT = 1.0


def squad_articles(data: Path, split: str, count: int, drawn: random.Random) -> list[Conversation]:
    """Return up to `count` SQuAD 1.1 articles of a split, drawn at random; a turn is a sentence."""
    return _sample(
        [one for one in read_conversations(data / "squad1", splits=(split,)) if one.questions], count, drawn
    )


def qmsum_meetings(data: Path, split: str, count: int, drawn: random.Random) -> list[Conversation]:
    """Return up to `count` windows of QMSum meetings of a split with the questions whose span is at most 30 turns."""
    meetings = read_conversations(data / "qmsum", splits=(split,), kinds=("specific",))
    return _sample([window for one in meetings for window in _windows(one, LONGEST_SPAN)], count, drawn)


def crd3_episodes(data: Path, split: str, count: int, drawn: random.Random) -> list[Conversation]:
    """Return up to `count` windows of CRD3 episodes of a split; the questions are well-aligned summary lines."""
    aligned = {
        (record["doc_id"], record["question"])
        for record in read_jsonl(data / "crd3" / "qa.jsonl.xz", needs=("doc_id", "question", "alignment_score"))
        if record["alignment_score"] >= LEAST_ALIGNMENT
    }
    episodes = [
        replace(one, questions=tuple(question for question in one.questions if (one.id, question.text) in aligned))
        for one in read_conversations(data / "crd3", splits=(split,))
    ]
    return _sample([window for one in episodes for window in _windows(one, LONGEST_SUMMARY_SPAN)], count, drawn)


def multihop_sets(data: Path, split: str, count: int, drawn: random.Random) -> list[Conversation]:
    """Return up to `count` multi-hop questions of a split, each a pool of its own passages.

    HotpotQA, 2WikiMultihopQA and MuSiQue; a turn is a passage, said by its title.
    """
    every = read_jsonl(data / "multihop" / "qa.jsonl.xz", needs=("qid", "split", "question", "evidence", "passages"))
    records = [record for record in every if record["split"] == split and record["evidence"]]
    pools: list[Conversation] = []
    for record in _sample(records, count, drawn):
        turns = tuple(
            NewTurn(
                speaker=one["title"], text=one["text"], said_at="2022-01-01T12:00", ref=str(one["id"]), session="1"
            )
            for one in record["passages"]
            if one["text"].strip() and one["title"].strip()
        )
        question = Question(text=record["question"], evidence=tuple(map(str, record["evidence"])), kind="multihop")
        if {turn.ref for turn in turns}.issuperset(question.evidence):
            pools.append(Conversation(id=record["qid"], split=split, speakers=(), turns=turns, questions=(question,)))
    return pools


def _windows(conversation: Conversation, longest_span: int) -> Iterator[Conversation]:
    """Yield windows of 400 turns with the questions that fall inside one."""
    refs = {turn.ref: place for place, turn in enumerate(conversation.turns)}
    for start in range(0, len(conversation.turns), WINDOW):
        inside = tuple(
            question
            for question in conversation.questions
            if len(question.evidence) <= longest_span
            and all(start <= refs[ref] < start + WINDOW for ref in question.evidence)
        )
        if inside:
            turns = conversation.turns[start : start + WINDOW]
            yield replace(conversation, id=f"{conversation.id}@{start}", turns=turns, questions=inside)


def _sample(pools: list[T], count: int, drawn: random.Random) -> list[T]:
    return drawn.sample(pools, min(count, len(pools)))
