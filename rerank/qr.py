"""`--rerank qr`: where a decoder looks when it reads the question after all candidates.

METHODS 5 to 7: QRHead (arXiv 2506.09944) and QRRanker (arXiv 2602.12192). Nothing is generated: a few heads are known
to look at what answers a question, and what they give to each candidate is its score.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..memory.errors import RerankError
from ..memory.types import NO_EFFORT, Candidate, Effort, EventSummary, ScoredMemory
from .base import Ranking, stages_of
from .decoder import Decoder, load_decoder, read_shape
from .events import EVENT_TOKENS, cover, event_line
from .heads import HeadSet, heads_for
from .layer_cost import Pass
from .pieces import pieces_of
from .prompt import NULL_QUESTION, FormName, Frame, Passage, Prompt, Rows, build, frame_of
from .prompt_tokens import PromptTokens, counter, marks_of, neutral, tokenised
from .qr_drawn import Drawn, add_up
from .qr_reading import attention_drawn, effort_of, passes_of
from .qr_windows import Piece, cut, deal
from .scoring import Aggregation, kept

WINDOW_TOKENS = 32_768
"""No prompt is longer, whatever the model can read: heads were found at this length, and memory is finite."""

_QRRANKER = "2602.12192"
"""The paper whose heads are read in its own prompt and without calibration; all others are read as QRHead does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QrOptions:
    """What is left to choose; None is what the publication of the heads does.

    `form` is the prompt, `rows` whose looks count, `calibrate` whether 'N/A' is subtracted and outliers are dropped,
    `aggregation` whether a candidate's tokens are added up or averaged. A prompt has at most `window_tokens`, or as
    many as the model reads, if those are fewer; `event_tokens` of them are summaries of events.
    """

    form: FormName | None = None
    rows: Rows = "to-the-end"
    calibrate: bool | None = None
    aggregation: Aggregation = "sum"
    window_tokens: int = WINDOW_TOKENS
    event_tokens: int = EVENT_TOKENS
    device: str | None = None
    dtype: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How a question is put to a loaded model: everything that is the same in all windows."""

    decoder: Decoder
    heads: HeadSet
    form: FormName
    frame: Frame
    rows: Rows
    calibrates: bool
    window: int
    question: str
    summaries: str

    def prompt(self, passages: Sequence[Passage], question: str) -> Prompt:
        """Return what is read of these passages and a question."""
        return build(question, passages, form=self.form, frame=self.frame, summaries=self.summaries)

    def tokens(self, prompt: Prompt) -> PromptTokens:
        """Return a prompt as the model's tokens."""
        return tokenised(prompt, self.decoder.tokenizer, rows=self.rows)

    def room(self) -> int:
        """Return how many tokens of a window are left for candidates."""
        around = max(len(self.tokens(self.prompt([], asked)).ids) for asked in (self.question, NULL_QUESTION))
        return self.window - around

    def read(self, pieces: Sequence[Piece], found: Sequence[Drawn]) -> list[Pass]:
        """Read one window and add what its pieces drew to their candidates; returns what was read."""
        passages = [piece.passage for piece in pieces]
        prompt = self.prompt(passages, self.question)
        tokens = self.tokens(prompt)
        null = self.tokens(self.prompt(passages, NULL_QUESTION)) if self.calibrates else None
        drawn = attention_drawn(self.decoder, self.heads.heads, tokens, null).sum(0)  # heads first (METHODS 5.2)
        self.credit(found, pieces, prompt, tokens, drawn)
        return passes_of(tokens, null)

    def credit(
        self, found: Sequence[Drawn], pieces: Sequence[Piece], prompt: Prompt, tokens: PromptTokens, drawn: Tensor
    ) -> None:
        """Add to the candidates what their pieces drew in one prompt, all heads together, (tokens,)."""
        if not drawn.isfinite().all():
            raise RerankError(f"{self.decoder.name} computes no numbers in {self.decoder.model.dtype}; use float32.")
        add_up(found, pieces, prompt, tokens, kept(drawn, tokens.passages) if self.calibrates else drawn)


class QrReranker:
    """The QR heads of any causal language model of transformers, by hub name or folder.

    The model is loaded with the first question; `heads` is as in `heads_for`, or a set. Scores are comparable within
    one call; they depend on the order of the candidates, as what a decoder reads does. Deterministic; equal scores
    keep the incoming order. Safe to use from several threads. Raises RerankError for a model that cannot be loaded
    or read, and for heads that are unknown or not the model's.
    """

    name = "qr"

    def __init__(self, model: str, *, heads: str | HeadSet | None = None, options: QrOptions | None = None) -> None:
        self._model = model
        self._choice = heads
        self._options = options or QrOptions()
        self._loading = threading.Lock()

    @cached_property
    def _heads(self) -> HeadSet:
        shape = read_shape(self._model)
        if isinstance(self._choice, HeadSet):
            self._choice.check_fits(layers=shape.layers, heads_per_layer=shape.heads_per_layer)
            return self._choice
        return heads_for(self._model, self._choice, layers=shape.layers, heads_per_layer=shape.heads_per_layer)

    @cached_property
    def _decoder(self) -> Decoder:
        return load_decoder(self._model, top=self._heads.top, device=self._options.device, dtype=self._options.dtype)

    def _loaded(self) -> Decoder:
        with self._loading:
            return self._decoder

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return every candidate once, best first, with what its words drew."""
        return list(self.ranking(question, candidates, events=events).memories)

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        """Return what `rank` does, and what the model read for it."""
        if not candidates:
            return Ranking(memories=(), effort=NO_EFFORT)
        try:
            drawn, effort = self._drawn(question, candidates, events)
        except torch.OutOfMemoryError as error:
            raise RerankError(
                f"There is too little memory to rank {len(candidates)} candidates with {self._model}; ask for fewer, "
                "choose a smaller model, or set rerank.device to cpu."
            ) from error
        return Ranking(memories=tuple(self.ordered(candidates, drawn)), effort=effort)

    def ordered(self, candidates: Sequence[Candidate], drawn: Sequence[Drawn]) -> list[ScoredMemory]:
        """Return the candidates by what they drew, best first; equal scores keep the incoming order."""
        scores = [one.score(self._options.aggregation) for one in drawn]
        order = sorted(range(len(candidates)), key=lambda place: -scores[place])
        return [
            ScoredMemory(
                memory=candidates[place].memory,
                score=scores[place],
                stages={**stages_of(candidates[place]), "qr": scores[place]},
                heat=drawn[place].heat(),
                preceding=candidates[place].preceding,
            )
            for place in order
        ]

    def _drawn(
        self, question: str, candidates: Sequence[Candidate], events: Sequence[EventSummary]
    ) -> tuple[list[Drawn], Effort]:
        """Return what each candidate drew, in the incoming order, and what reading them took."""
        asking = self.asking(question, candidates, events)
        marks, room = marks_of(asking.decoder.tokenizer), asking.room()
        pieces = cut(candidates, room=room, count=counter(asking.decoder.tokenizer), marks=marks)
        found = [Drawn() for _ in candidates]
        passes = [one for window in deal(pieces, room=room) for one in asking.read(window, found)]
        return found, effort_of(asking.decoder, passes)

    def asking(
        self, question: str, candidates: Sequence[Candidate] = (), events: Sequence[EventSummary] = ()
    ) -> Asking:
        """Return how a question is put to the model, which is loaded if need be.

        The question is cut to a quarter of the window, and summaries are chosen that take an eighth of it at most.
        """
        decoder, options = self._loaded(), self._options
        window = min(options.window_tokens, decoder.shape.window)
        count, marks = counter(decoder.tokenizer), marks_of(decoder.tokenizer)
        asked = neutral(question, marks)
        start, end = pieces_of(asked, room=max(1, window // 4), count=count)[0] if asked else (0, 0)
        budget = min(options.event_tokens, window // 8)
        covering = cover(events, candidates, budget=budget, count=lambda text: count([text])[0])
        is_qrranker = _QRRANKER in self._heads.source
        return Asking(
            decoder=decoder,
            heads=self._heads,
            form=options.form or ("qrranker" if is_qrranker else "qrhead"),
            frame=frame_of(marks),
            rows=options.rows,
            calibrates=not is_qrranker if options.calibrate is None else options.calibrate,
            window=window,
            question=asked[start:end],
            summaries="\n".join(neutral(event_line(event), marks) for event in covering),
        )
