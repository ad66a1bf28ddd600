"""Reads questions beside lines with a reader's weights, and keeps the rows it has read last.

The ranker's second look and the offline generator have one each; a question asked again finds its lines already read.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from threading import Lock

import torch
from torch import Tensor

from ..memory.embedder import MiniLmEmbedder
from ..memory.minilm import MiniLm
from .adapter import adapted
from .block_products import packed
from .span_logits import Logits, joined, row_logits
from .span_rows import Row, read_rows
from .span_weights import SpanWeights, shipped_weights

BATCH_TOKENS = 512
"""Rows of like length are read together; larger batches are padded more."""
ROWS_KEPT = 256
"""Some 100 kB; what was read for one question is looked for at once or never."""


class LineReader:
    """The offline encoder with a reader's change and head; safe to use from several threads.

    `weights` None takes what `shipped` gives at first use. Reading raises EmbedderError when the encoder cannot be
    loaded, WeightsCorrupt when the weights cannot be used, RuntimeError or IndexError when there is too little memory
    or the weights do not fit the encoder.
    """

    def __init__(
        self,
        encoder: MiniLmEmbedder,
        weights: SpanWeights | None = None,
        *,
        shipped: Callable[[], SpanWeights] = shipped_weights,
    ) -> None:
        self._encoder = encoder
        self._given = weights
        self._shipped = shipped
        self._kept: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()
        self._keeping = Lock()

    @cached_property
    def _weights(self) -> SpanWeights:
        return self._given or self._shipped()

    @cached_property
    def model(self) -> MiniLm:
        """The changed encoder, laid out for inference."""
        return packed(adapted(self._encoder.model, self._weights.adapter))

    def rows(self, question: str, lines: Sequence[str], before: Sequence[str] = ()) -> list[Row]:
        """Return what is read of each line, see `read_rows`."""
        return read_rows(self._encoder, question, lines, before)

    def read(self, rows: Sequence[Row]) -> Logits:
        """Return the logits of at least one row, all of them read now: the same rows give the same bits."""
        with torch.inference_mode():
            parts = row_logits(self.model, self._weights.head, rows, batch_tokens=BATCH_TOKENS)
        with self._keeping:
            for row, part in zip(rows, parts, strict=True):
                self._kept[row.ids] = part
                self._kept.move_to_end(row.ids)
            while len(self._kept) > ROWS_KEPT:
                self._kept.popitem(last=False)
        return joined(parts)

    def read_again(self, rows: Sequence[Row]) -> Logits:
        """Return what `read` does, up to rounding, without reading again what was read lately."""
        with self._keeping:
            known = {row.ids: self._kept[row.ids] for row in rows if row.ids in self._kept}
        if unknown := list({row.ids: row for row in rows if row.ids not in known}.values()):
            self.read(unknown)
            with self._keeping:
                known |= {row.ids: self._kept[row.ids] for row in unknown if row.ids in self._kept}
        if any(row.ids not in known for row in rows):  # more rows than are kept
            return self.read(rows)
        return joined([known[row.ids] for row in rows])
