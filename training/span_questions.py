"""Held-out questions put to a real memory, to choose how the extractive generator weighs what it reads.

Answerable ones, and three kinds without an answer: traps, questions asked of somebody else, and questions of another
conversation.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from ..agent.long_term_memory import LongTermMemory
from ..memory.types import Context
from .corpora import Conversation, Question
from .gathered_questions import GATHERED, gathered_pools
from .invented_conversations import INVENTED, invented_conversations
from .passage_pools import qmsum_meetings
from .pools import Renaming, concatenated, first_two, friends_episodes, msc_pools
from .written_questions import written_conversations, written_questions

MEETINGS, FACTS, FEW = "qmsum", "msc", "few"
ANSWERABLE, TRAP, EXCHANGED, ELSEWHERE = "answerable", "trap", "exchanged", "elsewhere"
FEW_TURNS = range(2, 13)
"""Of a memory that has just begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How much is asked. `pool` MSC conversations are joined into one; in large ones often somebody else answers.

    Of each pool at most `answerable` questions and `exchanged` ones; of `episodes` FriendsQA episodes `friends`
    each; `elsewhere` of the pool or episode before. `more`: also the questions that several sessions answer, and
    those of the invented conversations, these asked of the other friend too where nothing then answers. Of so many
    `meetings` of QMSum and `facts` pools of MSC's questions made by rule at most `ruled` each, their wording of the
    answer left out: only which lines tell is learnt from them. `few` questions of each pool and episode are also put
    to a memory that has just begun: some turns of one session, the evidence among them.
    """

    pool: int = 4
    answerable: int | None = None
    exchanged: int | None = None
    episodes: int = 7
    friends: int = 30
    elsewhere: int = 25
    more: bool = False
    meetings: int = 0
    facts: int = 0
    ruled: int = 40
    few: int = 0


_Asked: TypeAlias = Sequence[tuple[str, Question]]
"""Kind and question."""

HELD_OUT = Asking(few=12)
TAUGHT = Asking(
    pool=2, answerable=26, exchanged=16, episodes=40, friends=12, elsewhere=3, more=True, meetings=60, facts=8
)
"""For training: smaller pools, so that fewer of the questions asked of the other person have an answer after all."""


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
    data: Path, split: str, open_memory: Callable[[str], LongTermMemory], *, asking: Asking, seed: int
) -> list[PutQuestion]:
    """Ask the questions written about MSC's conversations and those of FriendsQA's episodes of a split.

    `open_memory(name)` gives an empty memory for one of them. Raises DataFormatError when a set is missing.
    """
    drawn = random.Random(f"{seed} {split}")
    written = written_conversations(data, split)
    order = drawn.sample(written, len(written))
    groups = [order[start : start + asking.pool] for start in range(0, len(order), asking.pool)]
    pools = [concatenated(group, names=first_two(group)) for group in groups]
    episodes_asked = friends_episodes(data, split, asking.episodes, drawn)
    found: list[PutQuestion] = []
    for place, (group, pool) in enumerate(zip(groups, pools, strict=True)):
        asked = [*_few(_of_two(pool, drawn), asking), *_traps(group), *_of_before(pools, place, asking, drawn)]
        found += _put("written", pool, asked, open_memory)
    for place, episode in enumerate(episodes_asked):
        asked = [*_of_many(episode, asking, drawn), *_of_before(episodes_asked, place, asking, drawn)]
        found += _put("friendsqa", episode, asked, open_memory)
    for corpus, pool, more in _more(data, split, asking, drawn):
        found += _put(corpus, pool, more, open_memory)
    for every in (pools, episodes_asked):
        for place, pool in enumerate(every):
            for begun, few in _just_begun(pool, every[place - 1], asking.few, drawn):
                found += _put(FEW, begun, few, open_memory)
    return found


def _more(data: Path, split: str, asking: Asking, drawn: random.Random) -> Iterator[tuple[str, Conversation, _Asked]]:
    """Yield what `asking` wants besides: corpus, conversation, and what is asked about it."""
    for pool in gathered_pools(data, split) if asking.more else ():
        yield GATHERED, pool, [(ANSWERABLE, question) for question in pool.questions]
    for pool in invented_conversations(split) if asking.more else ():
        yield INVENTED, pool, list(_few(_of_two(pool, drawn), asking))
    meetings = qmsum_meetings(data, split, asking.meetings, drawn) if asking.meetings else ()
    facts = msc_pools(data, split, asking.facts, drawn) if asking.facts else ()
    for corpus, pools in ((MEETINGS, meetings), (FACTS, facts)):
        for pool in pools:
            few = drawn.sample(pool.questions, min(asking.ruled, len(pool.questions)))
            yield corpus, pool, [(ANSWERABLE, replace(question, answers=())) for question in few]


def _few(asked: Iterable[tuple[str, Question]], asking: Asking) -> Iterator[tuple[str, Question]]:
    """Yield the first of either kind, as many as are wanted."""
    wanted = {ANSWERABLE: asking.answerable, EXCHANGED: asking.exchanged}
    count = dict.fromkeys(wanted, 0)
    for kind, question in asked:
        most = wanted[kind]
        count[kind] += 1
        if most is None or count[kind] <= most:
            yield kind, question


def _of_before(
    pools: Sequence[Conversation], place: int, asking: Asking, drawn: random.Random
) -> Iterator[tuple[str, Question]]:
    """Yield questions of the pool before, put to the speakers of this one where there are two."""
    before, here = pools[place - 1], pools[place]
    if before is here:
        return
    rename = Renaming(before.speakers[:2], here.speakers[:2]) if len(here.speakers) == 2 else None
    for question in drawn.sample(before.questions, min(asking.elsewhere, len(before.questions))):
        yield ELSEWHERE, question if rename is None else replace(question, text=rename(question.text))


def _just_begun(
    pool: Conversation, before: Conversation, count: int, drawn: random.Random
) -> Iterator[tuple[Conversation, _Asked]]:
    """Yield up to `count` parts of one session of a pool, each with a question about it.

    It is also asked of the other speaker where the pool is between two and does not answer that, else a question of
    the pool before is put.
    """
    places = {turn.ref: place for place, turn in enumerate(pool.turns)}
    rename = Renaming(before.speakers[:2], pool.speakers[:2]) if len(pool.speakers) == 2 else None
    exchange = Renaming(pool.speakers[:2], pool.speakers[1::-1])
    for question in drawn.sample(pool.questions, len(pool.questions)):
        told, size = sorted(places[ref] for ref in question.evidence), drawn.choice(FEW_TURNS)
        session = pool.turns[told[0]].session
        if count == 0 or before is pool:
            return
        if told[-1] - told[0] >= size or pool.turns[told[-1]].session != session:
            continue
        count -= 1
        start = drawn.randint(max(0, told[-1] - size + 1), told[0])
        turns = tuple(turn for turn in pool.turns[start : start + size] if turn.session == session)
        if question.is_own and rename is not None:
            without = (EXCHANGED, replace(question, text=exchange(question.text)))
        else:
            other = drawn.choice(before.questions)
            without = (ELSEWHERE, other if rename is None else replace(other, text=rename(other.text)))
        yield replace(pool, id=f"{pool.id} {start} {size}", turns=turns), [(ANSWERABLE, question), without]


def _put(
    corpus: str,
    pool: Conversation,
    asked: _Asked,
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
        if question.is_own:
            yield EXCHANGED, replace(question, text=exchange(question.text))


def _of_many(episode: Conversation, asking: Asking, drawn: random.Random) -> Iterator[tuple[str, Question]]:
    said = {turn.ref: f"{turn.speaker} {turn.text}" for turn in episode.turns}
    for question in drawn.sample(episode.questions, min(asking.friends, len(episode.questions))):
        yield ANSWERABLE, question
        told = " ".join(said.get(ref, "") for ref in question.evidence)
        named = [name for name in episode.speakers if name.split()[0] in question.text.split()]
        free = [name for name in episode.speakers if name not in told and name not in named]
        if len(named) == 1 and free:
            other = drawn.choice(free)
            yield EXCHANGED, replace(question, text=Renaming(named, [other])(question.text))


def _traps(group: Sequence[Conversation]) -> Iterator[tuple[str, Question]]:
    written = written_questions()
    for place, conversation in enumerate(group):
        rename = Renaming(conversation.speakers[:2], first_two(group))
        for question in written:
            if question.conversation == conversation.id and question.kind == "trap":
                evidence = tuple(f"{place}:{ref}" for ref in question.turns)
                yield TRAP, Question(text=rename(question.text), evidence=evidence, kind=TRAP)
