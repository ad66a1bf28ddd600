"""The reader of lines: what was read lately is not read again, and everything else is."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from recollect.memory.embedder import MiniLmEmbedder
from recollect.memory.minilm import MiniLm
from recollect.rerank import line_reader
from recollect.rerank.adapter import Adapter
from recollect.rerank.line_reader import LineReader
from recollect.rerank.span_logits import Logits, span_logits
from recollect.rerank.span_rows import Row
from recollect.rerank.span_weights import SpanWeights, second_look_weights

HEAD = torch.randn(3, 385, generator=torch.Generator().manual_seed(5))
LINES = ["Ann: I adopted a beagle.", "Ben: It rained all day, and then some more.", "Ann: Pasta tonight?"]


@pytest.fixture(scope="module")
def encoder() -> MiniLmEmbedder:
    return MiniLmEmbedder(dtype=torch.float32)


class Counting(LineReader):
    """Counts the rows that are read."""

    def __init__(self, encoder: MiniLmEmbedder) -> None:
        super().__init__(encoder, SpanWeights(adapter=Adapter(down={}, up={}), head=HEAD))
        self.count = 0

    def read(self, rows: Sequence[Row]) -> Logits:
        self.count += len(rows)
        return super().read(rows)


def same(one: Logits, other: Logits) -> bool:
    pairs: list[tuple[Tensor, Tensor]] = [
        (one.start, other.start),
        (one.end, other.end),
        (one.tells, other.tells),
        (one.row.float(), other.row.float()),
    ]
    return all(torch.allclose(a, b, atol=1e-4) for a, b in pairs)


def test_what_was_read_lately_is_not_read_again(encoder: MiniLmEmbedder) -> None:
    reader = Counting(encoder)
    rows = reader.rows("What did Ann adopt?", LINES)
    first = reader.read(rows[:2])
    assert reader.count == 2
    again = reader.read_again([rows[1], rows[2], rows[0], rows[2]])
    assert reader.count == 3
    assert torch.equal(again.start[again.row == 2], first.start[first.row == 0])
    model: MiniLm = encoder.model
    assert same(again, span_logits(model, HEAD, [rows[1], rows[2], rows[0], rows[2]]))


def test_reading_reads_whatever_was_read_before(encoder: MiniLmEmbedder) -> None:
    reader = Counting(encoder)
    rows = reader.rows("What did Ann adopt?", LINES)
    assert torch.equal(reader.read(rows).tells, reader.read(rows).tells)
    assert reader.count == 2 * len(rows)


def test_another_question_is_read(encoder: MiniLmEmbedder) -> None:
    reader = Counting(encoder)
    reader.read_again(reader.rows("What did Ann adopt?", LINES))
    reader.read_again(reader.rows("What did Ben adopt?", LINES))
    assert reader.count == 2 * len(LINES)


def test_more_rows_than_are_kept_are_read_all_the_same(
    encoder: MiniLmEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_reader, "ROWS_KEPT", 2)
    reader = Counting(encoder)
    rows = reader.rows("What did Ann adopt?", [*LINES, "Ann: Four.", "Ben: Five."])
    assert same(reader.read_again(rows), span_logits(encoder.model, HEAD, rows))
    assert len(reader.read_again(rows).tells) == len(rows)


def test_the_second_look_has_weights_of_its_own_and_both_are_read_at_first_use(encoder: MiniLmEmbedder) -> None:
    asked: list[str] = []

    def told() -> SpanWeights:
        asked.append("second look")
        return second_look_weights()

    reader = LineReader(encoder, shipped=told)
    assert asked == []
    rows = reader.rows("What is the cat called?", ["Ann: My cat is called Tom.", "Bo: It rained."])
    other = LineReader(encoder).read(rows).tells
    own = reader.read(rows).tells
    assert asked == ["second look"]
    assert own[0] > own[1]
    assert not torch.allclose(own, other, atol=0.05)
