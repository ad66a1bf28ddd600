"""The span reader: rows beside the question, shares over all lines together, weights as a file."""

from pathlib import Path

import pytest
import torch

from recollect.agent.span_reader import MOST_ANSWER_TOKENS, SpanReader
from recollect.memory.embedder import MiniLmEmbedder
from recollect.memory.errors import GenerationError, WeightsCorrupt
from recollect.rerank.adapter import Adapter
from recollect.rerank.block_weights import BlockWeights
from recollect.rerank.block_weights import save_weights as save_ranker
from recollect.rerank.line_reader import LineReader
from recollect.rerank.span_logits import span_logits
from recollect.rerank.span_rows import (
    CLS,
    MOST_BEFORE_TOKENS,
    MOST_LINE_TOKENS,
    MOST_QUESTION_TOKENS,
    MOST_SHORT_TOKENS,
    OVERLAP,
    SEP,
    read_rows,
    rows_of,
)
from recollect.rerank.span_weights import SpanWeights, load_weights, save_weights

NOTHING = Adapter(down={}, up={})
LINES = ["Ann: I adopted a beagle.", "Ben: It rained all day, and then some more.", "Ann: Pasta tonight?"]


def head(seed: int = 3) -> torch.Tensor:
    return torch.randn(3, 385, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def encoder() -> MiniLmEmbedder:
    return MiniLmEmbedder(dtype=torch.float32)


@pytest.fixture(scope="module")
def reader(encoder: MiniLmEmbedder) -> SpanReader:
    return SpanReader(LineReader(encoder, SpanWeights(adapter=NOTHING, head=head())))


def test_a_row_is_the_question_and_a_line_and_an_answer_may_be_in_the_line_or_nowhere() -> None:
    (row,) = rows_of(([7, 8], [(0, 1), (2, 3)]), [([9, 10, 11], [(0, 2), (3, 5), (5, 6)])])
    assert row.ids == (CLS, 7, 8, SEP, 9, 10, 11, SEP)
    assert row.places == [0, 4, 5, 6]
    assert row.offsets == ((0, 2), (3, 5), (5, 6))


def test_a_long_line_is_read_in_windows_that_overlap_and_lose_nothing() -> None:
    length = 2 * MOST_LINE_TOKENS
    line = (list(range(1000, 1000 + length)), [(place, place + 1) for place in range(length)])
    rows = rows_of(([7], [(0, 1)]), [line, ([], []), ([5], [(0, 1)])])
    assert [row.line for row in rows] == [0, 0, 0, 2]  # a line without a token has no row
    assert {offset for row in rows[:3] for offset in row.offsets} == set(line[1])
    assert rows[0].offsets[-OVERLAP:] == rows[1].offsets[:OVERLAP]
    assert all(len(row.offsets) <= MOST_LINE_TOKENS for row in rows)


def test_a_short_line_is_read_beside_the_end_of_what_was_said_before() -> None:
    asked, ids, offsets = ([7], [(0, 1)]), [9] * MOST_SHORT_TOKENS, [(0, 1)] * MOST_SHORT_TOKENS
    short, other = rows_of(asked, [(ids, offsets), (ids, offsets)], {0: list(range(50, 150))})
    assert short.ids == (*other.ids, *range(150 - MOST_BEFORE_TOKENS, 150), SEP)
    assert short.places == other.places  # no answer lies in what was said before


def test_marks_blanks_and_long_lines_bring_nothing_of_what_was_said_before(encoder: MiniLmEmbedder) -> None:
    lines = ["Ben: Three of them.", "Ben: " + "very " * MOST_SHORT_TOKENS + "many.", "Ben: Three of them.", ""]
    before = ["Ann: How many [SEP] dogs have you?", "Ann: How many?", "", "Ann: Well?"]
    rows = read_rows(encoder, "How many dogs has Ben?", lines, before)
    alone = read_rows(encoder, "How many dogs has Ben?", lines)
    assert [row.ids for row in rows[1:]] == [row.ids for row in alone[1:]]
    assert rows[0].ids[: len(alone[0].ids)] == alone[0].ids
    more = rows[0].ids[len(alone[0].ids) :]
    assert more.count(SEP) == 1
    assert "how many" in encoder.tokenizer.decode(list(more))


def test_a_long_question_leaves_room_for_the_line() -> None:
    question = ([5] * 500, [(0, 1)] * 500)
    (row,) = rows_of(question, [([9], [(0, 1)])])
    assert len(row.ids) == MOST_QUESTION_TOKENS + 4


def test_the_logits_of_a_row_are_the_same_beside_others_of_any_length(encoder: MiniLmEmbedder) -> None:
    asked, *lines = encoder.tokens(["What did Ann adopt?", *LINES])
    rows = rows_of(asked, lines)
    together = span_logits(encoder.model, head(), rows)
    for number, row in enumerate(rows):
        alone = span_logits(encoder.model, head(), [row])
        mine = together.row == number
        assert torch.allclose(together.start[mine], alone.start, atol=1e-4)
        assert torch.allclose(together.end[mine], alone.end, atol=1e-4)
        assert int(together.begins[number]) == int(mine.nonzero()[0])


def test_shares_are_of_all_lines_together_and_of_no_answer(reader: SpanReader) -> None:
    reading = reader.read("What did Ann adopt?", LINES)
    assert sorted(span.line for span in reading.spans) == [0, 1, 2]
    assert [span.log_share for span in reading.spans] == sorted((s.log_share for s in reading.spans), reverse=True)
    assert all(max(span.log_share, span.log_none) <= 0 for span in reading.spans)
    apart = torch.tensor([span.log_none for span in reading.spans]).logsumexp(0)
    assert float(apart) <= reading.log_none  # the product of sums is at least the sum of products
    assert reading.lead == pytest.approx(reading.spans[0].log_share - reading.log_none)


def test_a_span_is_a_run_of_whole_tokens_of_its_line(reader: SpanReader) -> None:
    for span in reader.read("What did Ann adopt?", LINES).spans:
        words = LINES[span.line][span.start : span.end]
        assert words
        assert words == words.strip()
    long = "word " * 150
    (span,) = reader.read("Which?", [long]).spans
    assert len(long[span.start : span.end].split()) <= MOST_ANSWER_TOKENS


def test_the_best_pair_is_the_one_that_searching_all_pairs_finds(encoder: MiniLmEmbedder, reader: SpanReader) -> None:
    asked, *lines = encoder.tokens(["What did Ann adopt?", *LINES])
    rows = rows_of(asked, lines)
    logits = span_logits(encoder.model, head(), rows)
    start, end = logits.start.log_softmax(0), logits.end.log_softmax(0)
    for span in reader.read("What did Ann adopt?", LINES).spans:
        first, length = int(logits.begins[span.line]) + 1, len(rows[span.line].offsets)
        shares = {
            float(start[first + begun] + end[first + ended])
            for begun in range(length)
            for ended in range(begun, min(begun + MOST_ANSWER_TOKENS, length))
        }
        assert span.log_share == pytest.approx(max(shares), abs=1e-3)


def test_nothing_to_read_is_no_answer(reader: SpanReader) -> None:
    for lines in ([], [""], ["", " "]):
        reading = reader.read("What?", lines)
        assert reading.spans == ()
        assert reading.lead == -torch.inf


def test_marks_of_the_tokenizer_in_a_line_are_mere_words(reader: SpanReader) -> None:
    (span,) = reader.read("What [SEP] is it?", ["Ann: [CLS] [SEP] [PAD]"]).spans
    assert span.end <= len("Ann: [CLS] [SEP] [PAD]")


def test_weights_that_do_not_fit_the_encoder_are_told(encoder: MiniLmEmbedder) -> None:
    reader = SpanReader(LineReader(encoder, SpanWeights(adapter=NOTHING, head=torch.randn(3, 12))))
    with pytest.raises(GenerationError, match="generator"):
        reader.read("What?", LINES)


def test_weights_come_back_as_they_were_saved_and_are_checked(tmp_path: Path) -> None:
    adapter = Adapter(down={"0.up": torch.randn(2, 384)}, up={"0.up": torch.randn(1536, 2)})
    path = tmp_path / "reader.safetensors"
    sha256 = save_weights(SpanWeights(adapter=adapter, head=head()), path, told={"seed": 1})
    loaded = load_weights(path, sha256=sha256)
    assert torch.equal(loaded.head, head())
    assert torch.equal(loaded.adapter.up["0.up"], adapter.up["0.up"].to(torch.bfloat16))
    assert save_weights(loaded, path, told={"seed": 1}) == sha256
    with pytest.raises(WeightsCorrupt, match="SHA-256"):
        load_weights(path, sha256="0" * 64)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(WeightsCorrupt, match="Cannot read"):
        load_weights(path)


def test_weights_of_a_ranker_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ranker.safetensors"
    save_ranker(BlockWeights(adapter=NOTHING, reading=torch.ones(149)), path)
    with pytest.raises(WeightsCorrupt, match="no span reader"):
        load_weights(path)


def test_the_weights_that_ship_are_those_that_were_checked_and_find_an_answer(encoder: MiniLmEmbedder) -> None:
    lines = ["Ben: My sister is a nurse in Lisbon.", "Ann: I adopted a beagle called Biscuit.", "Ann: It rained."]
    shipped = SpanReader(LineReader(encoder))
    best = shipped.read("What did Ann adopt?", lines).spans[0]
    assert best.line == 1
    assert lines[1][best.start : best.end] in {"a beagle", "beagle", "a beagle called Biscuit", "Biscuit"}
    answerable = shipped.read("Where does Ben's sister live?", lines)
    elsewhere = shipped.read("Which instrument does Ann's uncle play?", lines)
    assert answerable.lead > 0 > elsewhere.lead
