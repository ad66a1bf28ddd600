"""The words of the house: frozen values that cross module borders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias

Granularity: TypeAlias = Literal["day", "weekend", "week", "month", "season", "year", "range"]
EventKind: TypeAlias = Literal["anchor", "ephemeral"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DateMention:
    """A date expression inside a turn, resolved against the time the turn was said.

    `start` and `end` are character offsets into `Turn.text` (`text[start:end] == DateMention.text`);
    `earliest` and `latest` are inclusive days; `label` is how a person would write the resolved
    date: "7 May 2023", "the week before 9 June 2023", "May 2023".
    """

    start: int
    end: int
    text: str
    earliest: date
    latest: date
    granularity: Granularity
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTurn:
    """One utterance as the caller hands it in, before it has an id.

    `said_at` is a datetime or an ISO 8601 text (now, if absent; naive times are local times).
    `session` groups turns; without one, a turn continues the session of the turn stored before it in its
    conversation, unless that session is closed or the two were said further apart than the session gap.
    `ref` is the caller's own id.
    """

    speaker: str
    text: str
    said_at: datetime | str | None = None
    ref: str | None = None
    session: str | int | None = None
    metadata: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One utterance, verbatim. `position` counts from 1 inside its session."""

    id: int
    user: str
    conversation: str
    session: str
    position: int
    speaker: str
    text: str
    said_at: datetime
    ref: str | None = None
    dates: tuple[DateMention, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSummary:
    """One event of a session; `turns` are the ids of the turns it came from, never empty."""

    id: int
    user: str
    conversation: str
    session: str
    text: str
    happened_at: datetime
    kind: EventKind
    turns: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """One event as a summariser found it, before it has an id; `turns` are ids of turns of one session."""

    text: str
    happened_at: datetime
    kind: EventKind
    turns: tuple[int, ...]


Memory: TypeAlias = Turn | EventSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One search result of an index: a memory's id and its score, higher is better."""

    id: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What recall offers and where it came from.

    `lexical` is the BM25 score (0.0 where no query term matched), `dense` the cosine similarity
    (None while the memory has no vector), `fused` what recall ordered by. `dense` is None and the
    order is lexical alone when the embedder failed. `preceding` is what was said right before, as
    "speaker: words": a reply is often understood by it alone.
    """

    memory: Memory
    lexical: float
    dense: float | None
    fused: float
    preceding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """How much attention the characters `start` to `end` of a memory's text drew, as a share of the memory's."""

    start: int
    end: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredMemory:
    """What reranking returns, best first; `stages` keeps every score on the way (lexical, dense, fused, …).

    `heat` says where in the text the question's attention went, token by token in order; empty where the reranker
    reads no attention. `preceding` is that of the candidate.
    """

    memory: Memory
    score: float
    stages: Mapping[str, float]
    heat: tuple[Heat, ...] = ()
    preceding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The small reranked context, chronological: `memories[n - 1]` is the line numbered `[n]` in `text`.

    `tokens` counts `text` as rendered, headers included, with the tokenizer of the reader; it is
    never above `budget`. `scores` runs parallel to `memories`, and so does `preceding`, what was said right before
    each as "speaker: words", "" where that is not known; () where it is known of none.
    """

    memories: tuple[Memory, ...]
    scores: tuple[float, ...]
    text: str
    tokens: int
    budget: int
    preceding: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which memories a search may see. Row ids come from the store; None means no restriction.

    `since_us` and `until_us` are inclusive UTC microseconds; `speakers` are compared case-folded;
    `without` are memory ids to leave out (the live window of a chat), `without_speakers` whose turns are left out.
    """

    user: int | None = None
    conversation: int | None = None
    since_us: int | None = None
    until_us: int | None = None
    speakers: tuple[str, ...] = ()
    without: frozenset[int] = frozenset()
    without_speakers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a model did to rank, None where that is not known: `tokens` it read, padding left out, and `flops`, a
    multiply and an add being two. `calls` went to hosted models, which wrote `written` tokens.
    """

    tokens: int | None = None
    flops: float | None = None
    calls: int = 0
    written: int | None = 0


NO_EFFORT = Effort(tokens=0, flops=0.0)
"""Where no model read anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """What one question brought back, from one run of the pipeline.

    `ranked` is what reranking returned, best first, up to the limit asked for; `context` is what was
    rendered from it within the budget; `timings` are milliseconds by stage (embed, lexical, dense, fuse,
    rerank, context); `problems` says in words what failed on the way without costing the result. `brevity`
    is what a place in the context cost a memory, in score by the logarithm of its tokens; `effort` what
    the reranker's model did.
    """

    ranked: tuple[ScoredMemory, ...]
    context: Context
    timings: Mapping[str, float]
    problems: tuple[str, ...] = ()
    brevity: float = 0.0
    effort: Effort = field(default_factory=Effort)
