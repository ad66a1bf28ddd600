"""Where the encoder sees an answer begin and end: logits over the tokens of every line (BERT, arXiv 1810.04805, 4.2).

Lines are read apart and normalised together ("shared norm", Clark and Gardner 2018, arXiv 1710.10723, section 3.2):
the softmax runs over all tokens of all lines, and over their `[CLS]`, which stand for "no answer here".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..memory.embedder import batches
from ..memory.minilm import MiniLm
from .span_rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Logits:
    """Of every place of every row in turn, float32 (places,): the row it is of, and where answers start and end.

    The first place of a row is its `[CLS]`; `begins` are the places of those, (rows,).
    """

    row: Tensor
    start: Tensor
    end: Tensor
    begins: Tensor


def span_logits(model: MiniLm, head: Tensor, rows: Sequence[Row]) -> Logits:
    """Return the logits of at least one row; `head` is float32 (2, hidden + 1), the last column its bias.

    Gradients flow where they are enabled.
    """
    found: list[Tensor | None] = [None] * len(rows)
    for batch in batches([len(row.ids) for row in rows]):
        longest = len(rows[batch[0]].ids)
        ids = torch.tensor([[*rows[place].ids, *[0] * (longest - len(rows[place].ids))] for place in batch])
        lengths = torch.tensor([len(rows[place].ids) for place in batch])
        mask = torch.arange(longest)[None, :] < lengths[:, None]  # (batch, length)
        states = model.forward(ids, None if bool(mask.all()) else mask).float()
        scored = states @ head[:, :-1].T + head[:, -1]  # (batch, length, 2)
        for number, place in enumerate(batch):
            found[place] = scored[number, torch.tensor(rows[place].places)]
    parts = [one for one in found if one is not None]
    lengths = torch.tensor([len(one) for one in parts])
    both = torch.cat(parts)
    return Logits(
        row=torch.repeat_interleave(torch.arange(len(rows)), lengths),
        start=both[:, 0],
        end=both[:, 1],
        begins=torch.cumsum(lengths, 0) - lengths,
    )
