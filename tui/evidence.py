"""What the memory pane shows of an answer: its memories, scores to draw as bars, words that drew attention."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..agent.heat import HeatedWord, heated_words
from ..agent.types import Answer, Citation
from ..memory.types import Context, Heat, Memory, Retrieved, ScoredMemory, Turn

NO_BARS = frozenset({"fused"})
"""Stages that say nothing the others do not."""

LEAST_REACH = 0.005
"""Scores that differ by less read as 0.00: in a store of three turns, no word is rare."""

WORDS_HEATED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One score of a memory: `share` of the best among the memories shown, from 0.0 to 1.0."""

    stage: str
    score: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMemory:
    """A memory beside an answer; `number` is its citation's, None where the answer was not given it."""

    memory: Memory
    number: int | None = None
    bars: tuple[Bar, ...] = ()
    heat: tuple[HeatedWord, ...] = ()
    is_cited: bool = False

    @property
    def who(self) -> str:
        """Who said it."""
        return self.memory.speaker if isinstance(self.memory, Turn) else "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The memories of one answer, or of one recall, as listed: `title` says which."""

    title: str
    memories: tuple[ShownMemory, ...] = ()
    tokens: int = 0
    budget: int = 0

    def numbered(self, number: int) -> int | None:
        """Return the place in the list of the memory with this citation number."""
        places = (place for place, shown in enumerate(self.memories) if shown.number == number)
        return next(places, None)

    def without(self, ids: frozenset[int]) -> "Evidence":
        """Return the evidence without memories that were forgotten."""
        return replace(self, memories=tuple(shown for shown in self.memories if shown.memory.id not in ids))

    def corrected(self, turn: Turn) -> "Evidence":
        """Return the evidence with the new words of a turn, which drew no attention yet."""
        return replace(
            self,
            memories=tuple(
                replace(shown, memory=turn, heat=()) if shown.memory.id == turn.id else shown
                for shown in self.memories
            ),
        )


def of_answer(answer: Answer, title: str) -> Evidence:
    """Return what an answer was given to read, the cited memories first, then by score; shares of it are bars too."""
    cited = {citation.number: citation.share for citation in answer.citations}
    evidence = _of_context(answer.context, answer.ranked, title, set(cited))
    return replace(evidence, memories=tuple(_with_share(shown, cited) for shown in evidence.memories))


def _with_share(shown: ShownMemory, shares: Mapping[int, float | None]) -> ShownMemory:
    share = None if shown.number is None else shares.get(shown.number)
    if share is None:
        return shown
    return replace(shown, bars=(*shown.bars, Bar(stage="of the answer", score=share, share=share)))


def of_recall(found: Retrieved, title: str) -> Evidence:
    """Return what was recalled for a question, in the order of its scores."""
    return _of_context(found.context, found.ranked, title, set())


def of_citations(citations: Iterable[Citation], title: str) -> Evidence:
    """Return the cited turns of a reply of earlier; its scores are not kept."""
    shown = tuple(ShownMemory(memory=one.turn, number=one.number, is_cited=True) for one in citations)
    return Evidence(title=title, memories=shown)


def of_search(ranked: Sequence[ScoredMemory], title: str) -> Evidence:
    """Return ranked memories, best first, numbered by rank."""
    bars = bars_of(ranked)
    return Evidence(
        title=title,
        memories=tuple(
            ShownMemory(memory=one.memory, number=rank, bars=bars[one.memory.id], heat=_heat(one.memory, one.heat))
            for rank, one in enumerate(ranked, 1)
        ),
    )


def _of_context(context: Context, ranked: Sequence[ScoredMemory], title: str, cited: set[int]) -> Evidence:
    scored = {one.memory.id: one for one in ranked}
    numbers = {memory.id: number for number, memory in enumerate(context.memories, 1)}
    bars = bars_of([scored[memory_id] for memory_id in numbers if memory_id in scored])
    shown = [
        ShownMemory(
            memory=memory,
            number=numbers[memory.id],
            bars=bars.get(memory.id, ()),
            heat=_heat(memory, scored[memory.id].heat if memory.id in scored else ()),
            is_cited=numbers[memory.id] in cited,
        )
        for memory in context.memories
    ]
    score = dict(zip((memory.id for memory in context.memories), context.scores, strict=False))
    shown.sort(key=lambda one: (not one.is_cited, -score.get(one.memory.id, 0.0)))
    return Evidence(title=title, memories=tuple(shown), tokens=context.tokens, budget=context.budget)


def bars_of(ranked: Sequence[ScoredMemory]) -> Mapping[int, tuple[Bar, ...]]:
    """Return the bars of each memory by its id; a stage is drawn between its lowest score, or 0, and its highest."""
    stages = dict.fromkeys(stage for one in ranked for stage in one.stages if stage not in NO_BARS)
    drawn: dict[int, list[Bar]] = {one.memory.id: [] for one in ranked}
    for stage in stages:
        scores = {one.memory.id: one.stages[stage] for one in ranked if stage in one.stages}
        lowest, highest = min(0.0, *scores.values()), max(scores.values())
        reach = highest - lowest
        for memory_id, score in scores.items():
            share = (score - lowest) / reach if reach >= LEAST_REACH else 0.0
            drawn[memory_id].append(Bar(stage=stage, score=score, share=share))
    return {memory_id: tuple(bars) for memory_id, bars in drawn.items()}


def _heat(memory: Memory, heat: Sequence[Heat]) -> tuple[HeatedWord, ...]:
    return tuple(heated_words(memory.text, heat, limit=WORDS_HEATED))
