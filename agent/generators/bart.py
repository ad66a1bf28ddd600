"""The local generator: a BART or another seq2seq model that answers from the memories by RAG or Re2G decoding."""

import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from ...memory.context import rendered
from ...memory.errors import GenerationError
from ...memory.timeline import format_day
from ...memory.types import Context, EventSummary, Memory, Turn
from ..citations import escape_marks
from ..ports import ABSTENTION, Told
from ..reader_card import ReaderCard, read_card

if TYPE_CHECKING:
    from torch import Tensor

    from ..marginal.beams import Limits
    from ..marginal.decoding import Decoded
    from ..marginal.document_decoder import DocumentDecoder
    from .seq2seq_model import LoadedReader

Decoding: TypeAlias = Literal["rag-sequence", "rag-sequence-fast", "rag-token", "re2g", "concat"]

RAG_CARD = ReaderCard(
    template="{context} // {question}", no_answer="", max_input_tokens=1024, max_new_tokens=48, beams=4
)
"""RAG's own input, without a title (METHODS 2.2), of models that have no card."""

DOCUMENTS = 5
LEAST_SHARE = 0.25
"""Of the posterior from which on a memory is cited; the one with the largest share always is."""
NO_DPR_VECTORS = (
    "{name} has a question encoder (DPR), which is not used: memories have no vectors of DPR. How probable each "
    "memory is comes from the scores of the reranker."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How answers are decoded; `documents` are the best memories of the context that are read.

    `beams` and `most_tokens` None are as the model's card says, 4 and 48 where it has none.
    """

    decoding: Decoding = "rag-token"
    beams: int | None = None
    most_tokens: int | None = None
    documents: int = DOCUMENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One question: decoders over the memories one by one, and the prior, (documents,)."""

    numbers: tuple[int, ...]
    documents: "DocumentDecoder"
    prior: "Tensor"
    together: "DocumentDecoder | None"


class BartGenerator:
    """Answers in the words of the model, and cites the memories that carried it: those of the largest p(z | x, y).

    The prior p(z | x) is the softmax of the reranker's scores; with `re2g` that of log p(relevant), which a
    cross-encoder's scores are or become (METHODS 3.1, 3.6). RAG's own prior, DPR's inner products, is not to be had:
    memories have no vectors of DPR, so the question encoder of a RAG model is not used, and the first answer tells so
    in `problems`. `concat` reads all memories at once; they are read one by one for their shares alone.

    The model is loaded when it is first used; one thread at a time computes with it. Tokens are streamed as soon as
    no other answer is possible, RAG-Sequence's at the end. Raises GenerationError when the model cannot be loaded or
    fails.
    """

    reads_history = False

    def __init__(self, model: str, *, settings: Settings | None = None, device: str | None = None) -> None:
        self._source = model
        self._settings = settings or Settings()
        self._device = device
        self._using = threading.Lock()
        self._has_told_problems = False

    @property
    def name(self) -> str:
        """The model's name or folder."""
        return self._source

    def stream(self, question: str, context: Context, history: Sequence[Turn]) -> Iterator[str]:
        """Yield the answer in pieces and its citations last; `ABSTENTION` where the model finds none."""
        yield from self.stream_told(question, context, history)

    def told(self, question: str, context: Context, history: Sequence[Turn]) -> Told:
        """Return what `stream_told` yields in pieces."""
        pieces = self.stream_told(question, context, history)
        while True:
            try:
                next(pieces)
            except StopIteration as end:
                told: Told = end.value
                return told

    def stream_told(self, question: str, context: Context, history: Sequence[Turn]) -> Generator[str, None, Told]:
        """Yield what `stream` yields; return it with p(z | x, y) as shares.

        The confidence is 1 - p(no answer | x), None where the model was taught no words for it.
        """
        if not context.memories:
            yield ABSTENTION
            return Told(text=ABSTENTION, confidence=0.0)
        import torch

        pieces = self._answer(question, context)
        while True:
            # held a step at a time: whoever takes the pieces may take their time, or never come back
            with self._using, torch.inference_mode():
                try:
                    piece = next(pieces)
                except StopIteration as end:
                    told: Told = end.value
                    return told
                except (RuntimeError, IndexError) as error:
                    raise GenerationError(f"{self._source} cannot answer: {error}") from error
            yield piece

    def _answer(self, question: str, context: Context) -> Generator[str, None, Told]:
        asked = self._asked(question, context)
        decoded, shown = yield from self._decoded(asked)
        text = escape_marks(self._reader.text(decoded.tokens))
        shares: dict[int, float] = {}
        if not text.strip() or self._is_no_answer(text):
            text, shown = ABSTENTION, ""
        else:
            shares = self._shares(asked, decoded)
            text += f" [{', '.join(str(number) for number in _cited(shares))}]"
        yield text[len(shown) :]
        problems, self._has_told_problems = self._problems, True
        return Told(text=text, confidence=self._confidence(asked), shares=shares, problems=problems)

    @property
    def _problems(self) -> tuple[str, ...]:
        if self._has_told_problems or self._reader.question_encoder is None:
            return ()
        return (NO_DPR_VECTORS.format(name=self._source),)

    def _asked(self, question: str, context: Context) -> _Question:
        import torch

        from ..marginal.prior import log_prior, relevance_of_scores

        best = sorted(range(len(context.memories)), key=lambda n: -context.scores[n])[: self._settings.documents]
        places = sorted(best)
        reader, card = self._reader, self._card or RAG_CARD
        passages = [_passage(context.memories[place], is_numbered=self._card is not None) for place in places]
        scores = torch.tensor([context.scores[place] for place in places], device=reader.device)
        if self._settings.decoding == "re2g":
            scores = relevance_of_scores(scores)

        def read(texts: Sequence[str]) -> "tuple[Tensor, Tensor]":
            plain = [" ".join(text.replace("[SEP]", " ").split()) for text in texts]
            return reader.inputs(question, plain, card.template, most_tokens=card.max_input_tokens)

        together = None
        if self._settings.decoding == "concat":
            together = self._decoder(*read([context.text]))
        return _Question(
            numbers=tuple(place + 1 for place in places),
            documents=self._decoder(*read(passages)),
            prior=log_prior(scores),
            together=together,
        )

    def _decoder(self, ids: "Tensor", mask: "Tensor") -> "DocumentDecoder":
        from ..marginal.document_decoder import DocumentDecoder, Forced

        reader = self._reader
        forced = Forced(first=reader.forced_first, last=reader.forced_last, most_tokens=self._limits.most_tokens)
        return DocumentDecoder(reader.model, ids, mask, forced=forced)

    @property
    def _limits(self) -> "Limits":
        from ..marginal.beams import Limits

        card, settings = self._card or RAG_CARD, self._settings
        return Limits(
            beams=settings.beams or card.beams,
            most_tokens=settings.most_tokens or card.max_new_tokens,
            end=self._reader.end,
        )

    def _decoded(self, asked: _Question) -> Generator[str, None, tuple["Decoded", str]]:
        """Yield what is certain of the answer; return it, and what was yielded."""
        from ..marginal.decoding import rag_sequence, rag_token

        limits, decoding = self._limits, self._settings.decoding
        if decoding in ("rag-sequence", "rag-sequence-fast"):
            is_thorough, silent = decoding == "rag-sequence", self._reader.silent
            return rag_sequence(asked.documents, asked.prior, limits, is_thorough=is_thorough, silent=silent), ""
        alone = asked.together
        searched = (
            rag_token(asked.documents, asked.prior, limits)
            if alone is None
            else rag_token(alone, asked.prior.new_zeros(1), limits)
        )
        shown = ""
        while True:
            try:
                certain = next(searched)
            except StopIteration as stop:
                return stop.value, shown
            piece = self._certain(certain)
            if len(piece) > len(shown):
                yield piece[len(shown) :]
                shown = piece

    def _certain(self, tokens: Sequence[int]) -> str:
        """Return what can be shown of a beginning: whole words, and no beginning of the words for no answer."""
        text = escape_marks(self._reader.text(tokens)).rpartition(" ")[0]
        if "[" in text or not text.strip():
            return ""
        return "" if self._no_answer and self._no_answer.casefold().startswith(text.strip().casefold()) else text

    def _shares(self, asked: _Question, decoded: "Decoded") -> dict[int, float]:
        """Return p(z | x, y) by number of a memory."""
        from ..marginal.decoding import posterior

        by_token = self._settings.decoding in ("rag-token", "re2g")
        carried = posterior(asked.documents, asked.prior, decoded.tokens, by_token=by_token)
        shares: list[float] = carried.tolist()  # pyright: ignore - torch types it loosely
        return dict(zip(asked.numbers, shares, strict=True))

    def _is_no_answer(self, text: str) -> bool:
        return self._card is not None and self._card.is_no_answer(text)

    def _confidence(self, asked: _Question) -> float | None:
        """Return 1 - p(no answer | x), None where the model was taught no words for it."""
        if not self._no_answer:
            return None
        import math

        from ..marginal.decoding import marginal

        tokens = self._reader.tokens(self._no_answer)
        if asked.together is not None:
            return 1.0 - math.exp(marginal(asked.together, asked.prior.new_zeros(1), tokens, by_token=False))
        by_token = self._settings.decoding in ("rag-token", "re2g")
        return 1.0 - math.exp(min(0.0, marginal(asked.documents, asked.prior, tokens, by_token=by_token)))

    @cached_property
    def _card(self) -> ReaderCard | None:
        return read_card(Path(self._source).expanduser())

    @property
    def _no_answer(self) -> str:
        return self._card.no_answer if self._card else ""

    @cached_property
    def _reader(self) -> "LoadedReader":
        from .seq2seq_model import load_reader

        return load_reader(self._source, self._device)


def _cited(shares: Mapping[int, float]) -> list[int]:
    """Return the numbers with a large share, the largest first; the largest of all always."""
    order = sorted(shares, key=lambda number: -shares[number])
    return [number for rank, number in enumerate(order) if not rank or shares[number] >= LEAST_SHARE]


def _passage(memory: Memory, *, is_numbered: bool) -> str:
    moment = memory.happened_at if isinstance(memory, EventSummary) else memory.said_at
    return f"{format_day(moment.date())} {'[1]' if is_numbered else '/'} {rendered(memory)}"
