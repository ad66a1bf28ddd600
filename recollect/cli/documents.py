"""The JSON documents commands write: stable names, times in ISO 8601, milliseconds as `_ms`."""

from collections.abc import Mapping
from typing import TypeAlias

from ..agent.heat import heated_words
from ..agent.types import Answer, Citation
from ..memory.endpoint_usage import Usage
from ..memory.types import Context, Memory, Retrieved, ScoredMemory, Turn

Document: TypeAlias = dict[str, object]


def memory_document(memory: Memory) -> Document:
    """Return a memory; `kind` is "turn" or "event"."""
    common: Document = {
        "id": memory.id,
        "user": memory.user,
        "conversation": memory.conversation,
        "session": memory.session,
        "text": memory.text,
    }
    if not isinstance(memory, Turn):
        return {"kind": "event", **common, "happened_at": memory.happened_at.isoformat(), "turns": list(memory.turns)}
    return {
        "kind": "turn",
        **common,
        "position": memory.position,
        "speaker": memory.speaker,
        "said_at": memory.said_at.isoformat(),
        "ref": memory.ref,
        "dates": [
            {"text": d.text, "label": d.label, "earliest": d.earliest.isoformat(), "latest": d.latest.isoformat()}
            for d in memory.dates
        ],
        "metadata": dict(memory.metadata),
    }


def scored_document(scored: ScoredMemory) -> Document:
    """Return a ranked memory with the scores of every stage."""
    return {**memory_document(scored.memory), "score": scored.score, "stages": dict(scored.stages)}


def heat_document(scored: ScoredMemory) -> Document:
    """Return what drew attention in a memory: `heat` by token, `attention` by word, shares of the memory's."""
    text = scored.memory.text
    return {
        "heat": [
            {"start": token.start, "end": token.end, "text": text[token.start : token.end], "share": token.share}
            for token in scored.heat
        ],
        "attention": [
            {"word": word.text, "share": word.share, "spans": [list(span) for span in word.spans]}
            for word in heated_words(text, scored.heat)
        ],
    }


def recall_document(question: str, found: Retrieved, *, explain: bool = False) -> Document:
    """Return what `recall --json` writes; `explain` adds what drew attention."""
    memories = [scored_document(scored) | (heat_document(scored) if explain else {}) for scored in found.ranked]
    return {
        "question": question,
        "memories": memories,
        "timings_ms": timings_document(found.timings),
        "problems": list(found.problems),
    }


def context_document(question: str, context: Context) -> Document:
    """Return what `context --json` writes; `memories[n - 1]` is line `[n]` of `text`."""
    return {
        "question": question,
        "text": context.text,
        "tokens": context.tokens,
        "budget": context.budget,
        "memories": [memory_document(memory) for memory in context.memories],
    }


def answer_document(question: str, answer: Answer) -> Document:
    """Return what `ask --json` writes."""
    return {
        "question": question,
        "answer": answer.text,
        "abstained": answer.abstained,
        "citations": [citation_document(one) for one in answer.citations],
        "nearest": None if answer.nearest is None else memory_document(answer.nearest),
        "dropped_citations": answer.dropped_citations,
        "context_tokens": answer.context.tokens,
        "usage": None if answer.usage is None else usage_document(answer.usage),
        "timings_ms": timings_document(answer.timings),
        "problems": list(answer.problems),
    }


def citation_document(citation: Citation) -> Document:
    """Return the turn behind a number; `share` of the answer is null where the generator does not tell it."""
    share = None if citation.share is None else round(citation.share, 4)
    return {"number": citation.number, "share": share, **memory_document(citation.turn)}


def usage_document(usage: Usage) -> Document:
    """Return what a hosted model took; the cost is null where no price is set."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": usage.cost_usd,
    }


def timings_document(timings: Mapping[str, float]) -> Document:
    """Return milliseconds by stage, rounded."""
    return {stage: round(taken, 3) for stage, taken in timings.items()}
