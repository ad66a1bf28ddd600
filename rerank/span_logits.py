"""Where the encoder sees an answer begin and end: logits over the tokens of every line (BERT, arXiv 1810.04805, 4.2).

Lines are read apart and normalised together ("shared norm", Clark and Gardner 2018, arXiv 1710.10723, 3.2):
the softmax runs over all tokens of all lines, and over their `[CLS]`, which stand for "no answer here". Beside it,
the `[CLS]` of each row says by itself whether the line answers (a cross-encoder: Nogueira and Cho, arXiv 1901.04085).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..memory.embedder import BATCH_TOKENS, batches
from ..memory.minilm import MiniLm
from .block_products import forward
from .span_rows import Row

START, END, TELLS = range(3)
"""The rows of the head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logits:
    """Of every place of every row in turn, float32 (places,): the row it is of, and where answers start and end.

    The first place of a row is its `[CLS]`; `begins` are the places of those, (rows,), and `tells` the log-odds that
    the row's line answers, (rows,).
    """

    row: Tensor
    start: Tensor
    end: Tensor
    begins: Tensor
    tells: Tensor


def span_logits(model: MiniLm, head: Tensor, rows: Sequence[Row]) -> Logits:
    """Return the logits of at least one row; `head` is float32 (3, hidden + 1), the last column its bias.

    Gradients flow where they are enabled.
    """
    return joined(row_logits(model, head, rows))


def row_logits(model: MiniLm, head: Tensor, rows: Sequence[Row], *, batch_tokens: int = BATCH_TOKENS) -> list[Tensor]:
    """Return the logits of each row at its places, float32 (places, 3) each; batches hold up to `batch_tokens`."""
    found: dict[int, Tensor] = {}
    for batch in batches([len(row.ids) for row in rows], tokens=batch_tokens):
        longest = max(len(rows[place].ids) for place in batch)
        ids = torch.tensor([[*rows[place].ids, *[0] * (longest - len(rows[place].ids))] for place in batch])
        lengths = torch.tensor([len(rows[place].ids) for place in batch])
        mask = torch.arange(longest)[None, :] < lengths[:, None]  # (batch, length)
        states = forward(model, ids, None if bool(mask.all()) else mask).float()
        scored = states @ head[:, :-1].T + head[:, -1]  # (batch, length, 3)
        found |= {place: scored[number, torch.tensor(rows[place].places)] for number, place in enumerate(batch)}
    return [found[place] for place in range(len(rows))]


def joined(parts: Sequence[Tensor]) -> Logits:
    """Return the logits of rows, (places, 3) each, one after another."""
    lengths = torch.tensor([len(one) for one in parts])
    every = torch.cat(list(parts))
    begins = torch.cumsum(lengths, 0) - lengths
    return Logits(
        row=torch.repeat_interleave(torch.arange(len(parts)), lengths),
        start=every[:, START],
        end=every[:, END],
        begins=begins,
        tells=every[begins, TELLS],
    )
