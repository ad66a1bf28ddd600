"""Reads a question beside every line of a context and says which words answer it, and whether any do."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..memory.errors import GenerationError
from ..rerank.line_reader import LineReader
from ..rerank.span_logits import Logits
from ..rerank.span_rows import Row

MOST_ANSWER_TOKENS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSpan:
    """The words of one line that answer best: `line[start:end]`.

    `log_share` is the logarithm of the product of the shares, among all lines, of where it starts and ends (at most
    0); `log_none` is the same of the `[CLS]` of its own row, "no answer in this line". `log_odds` are those that the
    row answers, whatever the other lines say.
    """

    line: int
    start: int
    end: int
    log_share: float
    log_none: float
    log_odds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanReading:
    """The best span of every line that has a token, best first, and the log share of "no answer here"."""

    spans: tuple[AnswerSpan, ...]
    log_none: float

    @property
    def lead(self) -> float:
        """How far the best answer is above none, in nats; -inf without lines."""
        return self.spans[0].log_share - self.log_none if self.spans else -torch.inf


class SpanReader:
    """An extractive reader over the offline encoder (BERT, arXiv 1810.04805, 4.2; shared normalisation over lines).

    What `reader` has read lately is not read again. Raises EmbedderError when the encoder cannot
    be loaded, WeightsCorrupt when the weights cannot be used, GenerationError when there is too little memory or the
    weights do not fit the encoder.
    """

    def __init__(self, reader: LineReader) -> None:
        self._reader = reader

    def read(self, question: str, lines: Sequence[str], before: Sequence[str] = ()) -> SpanReading:
        """Return what each line answers; offsets count characters of the line.

        `before` is what was said right before each, "" where that is not known; () where it is of none.
        """
        rows = self._reader.rows(question, lines, before)
        if not rows:
            return SpanReading(spans=(), log_none=0.0)
        try:
            logits = self._reader.read_again(rows)
        except (RuntimeError, IndexError) as error:  # no memory left, weights that do not fit the encoder
            raise GenerationError(
                f"The span reader failed on {len(lines)} lines: {error}. Free some memory, or use another generator: "
                "recollect config set generator.name hosted"
            ) from error
        return _reading(logits, rows)


def _reading(logits: Logits, rows: Sequence[Row]) -> SpanReading:
    start, end = logits.start.log_softmax(0), logits.end.log_softmax(0)
    none = start[logits.begins].logsumexp(0) + end[logits.begins].logsumexp(0)
    best: dict[int, AnswerSpan] = {}
    for number, row in enumerate(rows):
        mark = int(logits.begins[number])
        first, last = mark + 1, mark + 1 + len(row.offsets)
        begun, ended, share = _best_pair(start[first:last], end[first:last])
        if row.line not in best or share > best[row.line].log_share:
            best[row.line] = AnswerSpan(
                line=row.line,
                start=row.offsets[begun][0],
                end=row.offsets[ended][1],
                log_share=share,
                log_none=float(start[mark] + end[mark]),
                log_odds=float(logits.tells[number]),
            )
    spans = sorted(best.values(), key=lambda one: (-one.log_share, one.line))
    return SpanReading(spans=tuple(spans), log_none=float(none))


def _best_pair(start: Tensor, end: Tensor) -> tuple[int, int, float]:
    """Return where the best answer of a window of `start` (tokens,) and `end` (tokens,) lies, and its log share."""
    length = len(start)
    both = start[:, None] + end[None, :]  # (start, end)
    allowed = torch.ones(length, length, dtype=torch.bool).triu().tril(MOST_ANSWER_TOKENS - 1)
    place = int(both.masked_fill(~allowed, -torch.inf).argmax())
    return place // length, place % length, float(both.flatten()[place])
