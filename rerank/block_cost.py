"""What one pass of the block ranker costs: tokens it reads and floating-point operations, from shapes alone."""

from collections.abc import Sequence

from ..memory.minilm import MiniLm
from ..memory.types import Effort
from .block_attention import BUCKETS, MAX_EVENT_TOKENS, MAX_QUESTION_TOKENS, Block, like_lengths, read_of, text_of


def effort_of(
    model: MiniLm,
    question: Sequence[int],
    blocks: Sequence[Block],
    *,
    events: Sequence[int] = (),
    buckets: int = BUCKETS,
) -> Effort:
    """Return what `attend` costs with the same arguments: tokens without padding, operations with it.

    Only matrix products are counted, a multiply and an add being two; norms, softmax and GELU are some percent more.
    With Q tokens asked, E of events, S = Q + E of both, buckets of n candidates padded to L, T = S + sum(n L) tokens
    in all, hidden size h and feed-forward size f, each layer but the last takes 6 T h^2 for queries, keys and values,
    4 Q T h for the question's attention, 4 E^2 h for that of the events, 4 h sum(n L (S + L)) for that of the
    candidates and 2 T h^2 + 4 T h f behind it. The last one takes 6 S h^2 + 2 (T - S) h^2 + 2 Q T h.
    """
    hidden, wide = model.shape.hidden, model.layers[-1].up[0].shape[0]
    asked = len(question[:MAX_QUESTION_TOKENS]) + 2
    told = len(events[:MAX_EVENT_TOKENS]) + 1 if events else 0
    shared = asked + told
    cut = [read_of(block) for block in blocks]
    lengths = [[len(text_of(*cut[place])) for place in places] for places in like_lengths(cut, buckets)]
    padded = [(len(group), max(group)) for group in lengths]
    tokens = shared + sum(count * longest for count, longest in padded)
    candidates = sum(count * longest * (shared + longest) for count, longest in padded)
    layer = 8 * tokens * hidden**2 + 4 * tokens * hidden * wide
    layer += 4 * hidden * (asked * tokens + told**2 + candidates)
    last = 6 * shared * hidden**2 + 2 * (tokens - shared) * hidden**2 + 2 * asked * tokens * hidden
    return Effort(tokens=shared + sum(map(sum, lengths)), flops=float(layer * (len(model.layers) - 1) + last))
