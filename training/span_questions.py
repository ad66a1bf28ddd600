"""Held-out questions put to a real memory, to choose how the extractive generator weighs what it reads.

Answerable ones, and three kinds without an answer: traps, questions asked of somebody else, and questions of another
conversation.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..agent.long_term_memory import LongTermMemory
from ..memory.types import Context
from .corpora import Conversation, Question
from .pools import Renaming, concatenated, friends_episodes
from .written_questions import written_conversations, written_questions

ANSWERABLE, TRAP, EXCHANGED, ELSEWHERE = "answerable", "trap", "exchanged", "elsewhere"
_FRIENDS_QUESTIONS = 30
_POOL = 4
"""MSC conversations joined into one; with more of them somebody else often has an answer, too."""
_ELSEWHERE = 25
"""Questions of the pool before that are asked of a pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutQuestion:
    """A question with the context that the memory found; `evidence` are the refs of the turns that answer."""

    corpus: str
    kind: str
    question: str
    answers: tuple[str, ...]
    evidence: frozenset[str]
    context: Context


def put_questions(
    data: Path, split: str, open_memory: Callable[[str], LongTermMemory], *, episodes: int, seed: int
) -> list[PutQuestion]:
    """Ask the questions written about MSC's conversations and those of `episodes` FriendsQA episodes of a split.

    `open_memory(name)` gives an empty memory for one of them. Raises DataFormatError when a set is missing.
    """
    drawn = random.Random(f"{seed} {split}")
    written = written_conversations(data, split)
    order = drawn.sample(written, len(written))
    groups = [order[start : start + _POOL] for start in range(0, len(order), _POOL)]
    pools = [concatenated(group, names=_names(group)) for group in groups]
    episodes_asked = friends_episodes(data, split, episodes, drawn)
    found: list[PutQuestion] = []
    for place, (group, pool) in enumerate(zip(groups, pools, strict=True)):
        asked = [*_of_two(pool, drawn), *_traps(group), *_of_before(pools, place, drawn)]
        found += _put("written", pool, asked, open_memory)
    for place, episode in enumerate(episodes_asked):
        asked = [*_of_many(episode, drawn), *_of_before(episodes_asked, place, drawn)]
        found += _put("friendsqa", episode, asked, open_memory)
    return found


def _names(group: Sequence[Conversation]) -> tuple[str, str]:
    return group[0].speakers[0], group[0].speakers[1]


def _of_before(pools: Sequence[Conversation], place: int, drawn: random.Random) -> Iterator[tuple[str, Question]]:
    """Yield questions of the pool before, put to the speakers of this one where there are two."""
    before, here = pools[place - 1], pools[place]
    if before is here:
        return
    rename = Renaming(before.speakers[:2], here.speakers[:2]) if len(here.speakers) == 2 else None
    for question in drawn.sample(before.questions, min(_ELSEWHERE, len(before.questions))):
        yield ELSEWHERE, question if rename is None else replace(question, text=rename(question.text))


def _put(
    corpus: str,
    pool: Conversation,
    asked: Sequence[tuple[str, Question]],
    open_memory: Callable[[str], LongTermMemory],
) -> list[PutQuestion]:
    memory = open_memory(f"{corpus} {pool.id}")
    memory.add_many(pool.turns)
    return [
        PutQuestion(
            corpus=corpus,
            kind=kind,
            question=question.text,
            answers=question.answers if kind == ANSWERABLE else (),
            evidence=frozenset(question.evidence),
            context=memory.context(question.text),
        )
        for kind, question in asked
    ]


def _of_two(pool: Conversation, drawn: random.Random) -> Iterator[tuple[str, Question]]:
    names = pool.speakers[:2]
    exchange = Renaming(names, names[::-1])
    for question in drawn.sample(pool.questions, len(pool.questions)):
        yield ANSWERABLE, question
        asked = exchange(question.text)
        if sum(name.split()[0] in asked for name in names) == 1:
            yield EXCHANGED, replace(question, text=asked)


def _of_many(episode: Conversation, drawn: random.Random) -> Iterator[tuple[str, Question]]:
    said = {turn.ref: f"{turn.speaker} {turn.text}" for turn in episode.turns}
    for question in drawn.sample(episode.questions, min(_FRIENDS_QUESTIONS, len(episode.questions))):
        yield ANSWERABLE, question
        told = " ".join(said.get(ref, "") for ref in question.evidence)
        named = [name for name in episode.speakers if name.split()[0] in question.text.split()]
        free = [name for name in episode.speakers if name not in told and name not in named]
        if len(named) == 1 and free:
            other = drawn.choice(free)
            yield EXCHANGED, replace(question, text=Renaming(named, [other])(question.text))


def _traps(group: Sequence[Conversation]) -> Iterator[tuple[str, Question]]:
    for place, conversation in enumerate(group):
        rename = Renaming(conversation.speakers[:2], _names(group))
        for question in written_questions():
            if question.conversation == conversation.id and question.kind == "trap":
                evidence = tuple(f"{place}:{ref}" for ref in question.turns)
                yield TRAP, Question(text=rename(question.text), evidence=evidence, kind=TRAP)
