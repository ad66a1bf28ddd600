"""Long conversations made of short ones, so that what is tuned on training sets meets pools of LoCoMo's size."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from ..memory.types import NewTurn
from .corpora import Conversation, Fact, Question, read_conversations
from .reply_questions import reply_questions

DAYS_APART = 9
MSC_CONVERSATIONS = 10
"""Conversations joined into one pool: about 500 turns, as LoCoMo's."""


def msc_pools(
    data: Path, split: str, count: int, drawn: random.Random, *, kinds: tuple[str, ...] = ("single", "group")
) -> list[Conversation]:
    """Return up to `count` pools of ten MSC conversations of a split, drawn at random, with questions of `kinds`.

    The kind "reply" adds questions that speakers asked each other (see `reply_questions`). A pool is between the
    two speakers of its first conversation.
    """
    corpus = [
        conversation
        for conversation in read_conversations(data / "msc", splits=(split,), kinds=kinds)
        if len(conversation.speakers) == 2
    ]
    if "reply" in kinds:
        corpus = [replace(one, questions=(*one.questions, *reply_questions(one.turns))) for one in corpus]
    most = min(count, len(corpus) // MSC_CONVERSATIONS) * MSC_CONVERSATIONS
    chosen = drawn.sample(corpus, most)
    joined = [chosen[start : start + MSC_CONVERSATIONS] for start in range(0, most, MSC_CONVERSATIONS)]
    return [concatenated(ten, names=first_two(ten)) for ten in joined]


def friends_episodes(data: Path, split: str, count: int, drawn: random.Random) -> list[Conversation]:
    """Return up to `count` FriendsQA episodes of a split, drawn at random, each with its scenes joined in order."""
    return [_in_a_row(name, scenes) for name, scenes in _drawn_episodes(data, split, count, drawn)]


def friends_pools(data: Path, split: str, count: int, drawn: random.Random, *, least: int) -> list[Conversation]:
    """Return up to `count` FriendsQA episodes, joined in the order drawn until a pool has at least `least` turns.

    The last pool may have fewer. The episodes that train have 56 turns on average, few of their scenes being in that
    split; those held out are whole, with 316.
    """
    pools: list[Conversation] = []
    names: list[str] = []
    waiting: list[Conversation] = []
    episodes = _drawn_episodes(data, split, count, drawn)
    for place, (name, scenes) in enumerate(episodes):
        names.append(name)
        waiting += scenes
        if sum(len(scene.turns) for scene in waiting) >= least or place == len(episodes) - 1:
            pools.append(_in_a_row("+".join(names), waiting))
            names, waiting = [], []
    return pools


def _drawn_episodes(data: Path, split: str, count: int, drawn: random.Random) -> list[tuple[str, list[Conversation]]]:
    episodes: dict[str, list[Conversation]] = {}
    for scene in read_conversations(data / "friendsqa", splits=(split,)):
        episodes.setdefault(scene.id.rsplit("_", 1)[0], []).append(scene)
    chosen = drawn.sample(sorted(episodes), min(count, len(episodes)))
    return [(name, sorted(episodes[name], key=lambda scene: scene.id)) for name in chosen]


def _in_a_row(name: str, scenes: Sequence[Conversation]) -> Conversation:
    questions = [
        replace(question, evidence=tuple(f"{number}:{ref}" for ref in question.evidence))
        for number, scene in enumerate(scenes)
        for question in scene.questions
    ]
    return Conversation(
        id=name,
        split=scenes[0].split,
        speakers=tuple(dict.fromkeys(speaker for scene in scenes for speaker in scene.speakers)),
        turns=tuple(
            replace(turn, ref=f"{number}:{turn.ref}", session=str(number))
            for number, scene in enumerate(scenes)
            for turn in scene.turns
        ),
        questions=tuple(_merged(questions)),
    )


def first_two(conversations: Sequence[Conversation]) -> tuple[str, str]:
    """Return who the first of several conversations is between: what is joined of them is between these."""
    one, other, *_ = conversations[0].speakers
    return one, other


def concatenated(
    conversations: Sequence[Conversation], *, names: tuple[str, str] = ("Robin", "Casey")
) -> Conversation:
    """Join two-person conversations into one between `names`, sessions nine days apart, refs kept unique.

    The two speakers of each are renamed, in texts and questions too, so that names do not give the source away.
    Questions whose text then is the same become one with the evidence of all: "What pets does Robin have?" has an
    answer in each of them.
    """
    turns: list[NewTurn] = []
    questions: list[Question] = []
    facts: list[Fact] = []
    begun = datetime(2022, 1, 3, 18, 0)
    sessions: dict[str, datetime] = {}
    for place, conversation in enumerate(conversations):
        rename = Renaming(conversation.speakers[:2], names)
        for turn in conversation.turns:
            session = f"{place + 1}.{turn.session}"
            said_at = sessions.setdefault(session, begun + timedelta(days=DAYS_APART * len(sessions)))
            turns.append(
                NewTurn(
                    speaker=rename(turn.speaker),
                    text=rename(turn.text),
                    said_at=said_at,
                    ref=f"{place}:{turn.ref}",
                    session=session,
                )
            )
        questions += [_placed(question, place, rename) for question in conversation.questions]
        facts += [
            Fact(text=rename(fact.text), evidence=tuple(f"{place}:{ref}" for ref in fact.evidence))
            for fact in conversation.facts
        ]
    return Conversation(
        id="+".join(conversation.id for conversation in conversations),
        split=conversations[0].split,
        speakers=names,
        turns=tuple(turns),
        questions=tuple(_merged(questions)),
        facts=tuple(facts),
    )


def _merged(questions: Sequence[Question]) -> Iterator[Question]:
    alike: dict[str, list[Question]] = {}
    for question in questions:
        alike.setdefault(question.text, []).append(question)
    for same in alike.values():
        yield replace(
            same[0],
            evidence=tuple(dict.fromkeys(ref for question in same for ref in question.evidence)),
            without=tuple(dict.fromkeys(ref for question in same for ref in question.without)),
            answers=tuple(dict.fromkeys(answer for question in same for answer in question.answers)),
            is_own=all(question.is_own for question in same),
        )


def _placed(question: Question, place: int, rename: "Renaming") -> Question:
    evidence = tuple(f"{place}:{ref}" for ref in question.evidence)
    without = tuple(f"{place}:{ref}" for ref in question.without)
    answers = tuple(map(rename, question.answers))
    return replace(question, text=rename(question.text), evidence=evidence, without=without, answers=answers)


class Renaming:
    """Replaces names by others, whole and first names, all at once, so that an exchange does not undo itself."""

    def __init__(self, names: Sequence[str], targets: Sequence[str]) -> None:
        whole = dict(zip(names, targets, strict=False))
        self._table = {name.split()[0]: target.split()[0] for name, target in whole.items()} | whole
        longest_first = sorted(self._table, key=len, reverse=True)
        self._pattern = re.compile(rf"\b(?:{'|'.join(re.escape(name) for name in longest_first)})\b")

    def __call__(self, text: str) -> str:
        """Return `text` with the names replaced."""
        return self._pattern.sub(lambda match: self._table[match.group()], text) if self._table else text
