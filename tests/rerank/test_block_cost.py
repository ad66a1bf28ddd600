"""What the block ranker says it did is what torch counts on the same pass."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from recollect.memory.embedder import MiniLmEmbedder
from recollect.memory.minilm import MiniLm
from recollect.rerank.block import BlockReranker
from recollect.rerank.block_attention import Block, attend_with_gradient
from recollect.rerank.block_cost import effort_of
from tests.rerank.candidates import candidate

QUESTION = [2054, 2003, 1996]
BLOCKS = [Block(own=[2000 + length] * length, context=[3000] * (length % 3)) for length in (1, 4, 7, 30, 31, 260)]


@pytest.fixture(scope="module")
def encoder() -> MiniLmEmbedder:
    return MiniLmEmbedder(dtype=torch.float32)


def counted(model: MiniLm, events: list[int], buckets: int) -> float:
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter, sdpa_kernel(SDPBackend.MATH):  # torch does not count the fused kernel
        attend_with_gradient(model, QUESTION, BLOCKS, events=events, buckets=buckets)
    return float(counter.get_total_flops())


@pytest.mark.parametrize("buckets", [1, 3, 8])
@pytest.mark.parametrize("events", [[], [2500] * 20])
def test_operations_are_those_that_torch_counts(encoder: MiniLmEmbedder, events: list[int], buckets: int) -> None:
    told = effort_of(encoder.model, QUESTION, BLOCKS, events=events, buckets=buckets)
    assert told.flops == counted(encoder.model, events, buckets)


def test_tokens_are_counted_without_padding_and_as_they_are_cut(encoder: MiniLmEmbedder) -> None:
    # [CLS] question [SEP]; then each with [SEP], contexts with their own: 1 and 1, 4 and 1, 7 and 1, 30, 31 and 1
    candidates = (2 + 2) + (5 + 2) + (8 + 2) + 31 + (32 + 2) + (201 + 3)
    assert effort_of(encoder.model, QUESTION, BLOCKS).tokens == 5 + candidates
    assert effort_of(encoder.model, QUESTION, BLOCKS, events=[2500] * 600).tokens == 5 + candidates + 511


def test_the_ranker_tells_what_it_did(encoder: MiniLmEmbedder) -> None:
    ranker = BlockReranker(encoder)
    both = [candidate(1, "In Ghent."), candidate(2, "We walked for hours.")]
    one, two = ranker.ranking("Where?", both[:1]), ranker.ranking("Where?", both)
    assert 0 < (one.effort.tokens or 0) < (two.effort.tokens or 0)
    assert 0 < (one.effort.flops or 0) < (two.effort.flops or 0)
    assert list(two.memories) == ranker.rank(
        "Where?", [candidate(1, "In Ghent."), candidate(2, "We walked for hours.")]
    )
    assert ranker.ranking("Where?", []).effort.tokens == 0
