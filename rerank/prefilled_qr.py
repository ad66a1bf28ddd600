"""`--rerank qr` over conversations that stay read: a question costs its own tokens, whatever there are candidates.

METHODS 7.4, "prefill-once memory": the prompt holds every turn of the conversation, oldest first, and the candidates
are scored where they stand in it. What comes before the question is kept by `PrefilledTexts`; turns that are new
since the last question are read once. Summaries of events would differ from question to question and are left out.
"""

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor

from ..memory.types import NO_EFFORT, Candidate, EventSummary, Memory, ScoredMemory, Turn
from .attention import fork
from .base import Ranking
from .layer_cost import Pass
from .prefill import DEFAULT_BUDGET_BYTES, PrefilledTexts, Prefix, shared_length
from .prompt import NULL_QUESTION, Prompt
from .prompt_tokens import PromptTokens, marks_of
from .qr import Asking, QrReranker
from .qr_drawn import Drawn
from .qr_reading import effort_of, read_after
from .qr_windows import Piece, cut
from .scoring import calibrated

TurnsOf: TypeAlias = Callable[[str, str], Sequence[Turn]]
"""Returns every turn of a conversation, oldest first: (user, conversation)."""

_log = logging.getLogger(__name__)


class _Unfit(Exception):
    """These candidates cannot be scored inside a conversation; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """A conversation as a prompt: the pieces are its memories, and what is kept of it are the first `kept` tokens."""

    key: tuple[str, str]
    memories: Sequence[Memory]
    pieces: Sequence[Piece]
    prompt: Prompt
    tokens: PromptTokens
    kept: int

    @property
    def is_kept_whole(self) -> bool:
        """Whether nothing stands between what is kept and the question."""
        return self.kept == self.tokens.passages[-1][1]

    def of(self, places: Sequence[int]) -> "_Whole":
        """Return the same prompt with the pieces and spans of these places alone."""
        prompt, tokens = self.prompt, self.tokens
        return replace(
            self,
            pieces=[self.pieces[place] for place in places],
            prompt=replace(
                prompt,
                passages=tuple(prompt.passages[place] for place in places),
                bodies=tuple(prompt.bodies[place] for place in places),
            ),
            tokens=replace(tokens, passages=tuple(tokens.passages[place] for place in places)),
        )


class PrefilledQr:
    """Scores candidates where they stand in their whole conversation, which is read once and then kept.

    Turns that `turns_of` does not tell stand after those it does, by the time they were said; event summaries stand
    last and are not kept. Where candidates are of several conversations, or where theirs does not fit the model's
    window or the machine's memory, `qr` ranks them by themselves and `ranking` says so. `budget_bytes` is what all
    kept conversations may take together; the least recently asked ones are dropped. A turn that is forgotten is in no
    score any more; its keys and values stay in this process until its conversation is asked again or dropped.
    Scores are those of a full pass over the same prompt. Safe to use from several threads. Raises what `qr` raises.
    """

    def __init__(self, qr: QrReranker, turns_of: TurnsOf, *, budget_bytes: int = DEFAULT_BUDGET_BYTES) -> None:
        self._qr = qr
        self._turns_of = turns_of
        self._budget_bytes = budget_bytes
        self._texts: PrefilledTexts | None = None
        self._making = threading.Lock()
        self._nulls: WeakKeyDictionary[Prefix, Tensor] = WeakKeyDictionary()
        self._used: WeakSet[Prefix] = WeakSet()

    @property
    def name(self) -> str:
        """That of the reranker that is kept read."""
        return self._qr.name

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return every candidate once, best first, with what its words drew."""
        return list(self.ranking(question, candidates, events=events).memories)

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        """Return what `rank` does, and why the conversation was not used if it was not."""
        if not candidates:
            return Ranking(memories=(), effort=NO_EFFORT)
        try:
            return self._inside(question, candidates)
        except (_Unfit, torch.OutOfMemoryError) as error:
            reason = error if isinstance(error, _Unfit) else self._made_room()
            problem = f"{reason} The candidates were read by themselves, which takes longer."
            _log.info("%s", problem)
        return replace(self._qr.ranking(question, candidates, events=events), problems=(problem,))

    def read_ahead(self, user: str, conversation: str) -> None:
        """Read what is new in a conversation now, so that its next question does not wait for it.

        Does nothing for a conversation that is empty, or fits neither the window nor the memory.
        """
        asking = self._qr.asking("")
        try:
            self._read(asking, self._laid_out(asking, (user, conversation), ()))
        except (_Unfit, torch.OutOfMemoryError) as error:
            reason = error if isinstance(error, _Unfit) else self._made_room()
            _log.info("%s Nothing is read ahead.", reason)

    def _inside(self, question: str, candidates: Sequence[Candidate]) -> Ranking:
        """Return the candidates as they score inside their conversation; raises _Unfit.

        What is read of the conversation itself counts for the question that was the first to need it.
        """
        keys = {(candidate.memory.user, candidate.memory.conversation) for candidate in candidates}
        if len(keys) > 1:
            raise _Unfit(f"The candidates are of {len(keys)} conversations, and one at a time is kept read.")
        asking = self._qr.asking(question)
        whole = self._laid_out(asking, keys.pop(), [candidate.memory for candidate in candidates])
        prefix = self._read(asking, whole)
        passes = [*self._first_use(prefix), Pass(tokens=len(whole.tokens.ids) - whole.kept, past=whole.kept)]
        real = read_after(asking.decoder, asking.heads.heads, whole.tokens, shared=whole.kept, past=prefix.cache)
        drawn = real.sum(0)  # heads first (METHODS 5.2)
        if asking.calibrates:
            drawn = calibrated(drawn, self._null(asking, whole, prefix, passes))
        found = [Drawn() for _ in whole.memories]
        places = {memory.id: place for place, memory in enumerate(whole.memories)}
        asked_for = [places[candidate.memory.id] for candidate in candidates]
        offered = whole.of(sorted(set(asked_for)))
        asking.credit(found, offered.pieces, offered.prompt, offered.tokens, drawn)
        ranked = self._qr.ordered(candidates, [found[place] for place in asked_for])
        return Ranking(memories=tuple(ranked), effort=effort_of(asking.decoder, passes))

    def _first_use(self, prefix: Prefix) -> list[Pass]:
        """Return what was read to make what is kept, the first time that a question uses it."""
        if prefix in self._used:
            return []
        self._used.add(prefix)
        return [Pass(tokens=prefix.computed, past=len(prefix.ids) - prefix.computed)] if prefix.computed else []

    def _laid_out(self, asking: Asking, key: tuple[str, str], asked_for: Sequence[Memory]) -> _Whole:
        """Return the conversation, and what is asked for and not in it, as a prompt; raises _Unfit."""
        turns = list(self._turns_of(*key))
        known = {turn.id for turn in turns}
        strange = list({memory.id: memory for memory in asked_for if memory.id not in known}.values())
        new = [memory for memory in strange if isinstance(memory, Turn)]
        turns += sorted(new, key=lambda turn: (turn.said_at.timestamp(), turn.id))
        if not turns:
            raise _Unfit(f"Conversation {key[1]!r} has no turns.")
        memories: list[Memory] = [*turns, *(memory for memory in strange if not isinstance(memory, Turn))]
        offered = [Candidate(memory=memory, lexical=0.0, dense=None, fused=0.0) for memory in memories]
        marks = marks_of(asking.decoder.tokenizer)
        pieces = cut(offered, room=sys.maxsize, count=lambda texts: [len(text) for text in texts], marks=marks)
        prompt = asking.prompt([piece.passage for piece in pieces], asking.question)
        tokens, room = asking.tokens(prompt), asking.room()
        if (length := tokens.passages[-1][1]) > room:
            raise _Unfit(
                f"Conversation {key[1]!r} has {length:,} tokens and {asking.decoder.name} reads {room:,} beside a "
                "question."
            )
        kept = tokens.passages[len(turns) - 1][1]
        return _Whole(key=key, memories=memories, pieces=pieces, prompt=prompt, tokens=tokens, kept=kept)

    def _read(self, asking: Asking, whole: _Whole) -> Prefix:
        """Return what is kept of the conversation, up to date."""
        with self._making:
            if self._texts is None:
                top = asking.heads.top
                self._texts = PrefilledTexts(asking.decoder.model, top=top, budget_bytes=self._budget_bytes)
            texts = self._texts
        return texts.read(whole.key, whole.tokens.ids[: whole.kept])

    def _made_room(self) -> str:
        """Drop all that is kept, and return why."""
        if self._texts is not None:
            self._texts.clear()
        return "There was too little memory, so every conversation that was kept read is dropped."

    def _null(self, asking: Asking, whole: _Whole, prefix: Prefix, passes: list[Pass]) -> Tensor:
        """Return what 'N/A' drew, all heads together, (tokens,): once for each state of a conversation.

        What that reads is added to `passes`.
        """
        found = self._nulls.get(prefix) if whole.is_kept_whole else None
        if found is not None:
            return found
        null = asking.tokens(asking.prompt([piece.passage for piece in whole.pieces], NULL_QUESTION))
        shared = shared_length(null.ids, prefix.ids)
        passes.append(Pass(tokens=len(null.ids) - shared, past=shared))
        past = fork(prefix.cache, length=shared)
        found = read_after(asking.decoder, asking.heads.heads, null, shared=shared, past=past).sum(0)
        if whole.is_kept_whole:
            self._nulls[prefix] = found
        return found
