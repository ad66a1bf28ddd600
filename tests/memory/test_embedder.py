"""The offline embedder is the published model: transformers and sentence-transformers give the same vectors."""

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recollect.memory.embedder import (
    BATCH_TOKENS,
    MAX_TOKENS,
    MINILM_SHA256,
    MiniLmEmbedder,
    SentenceTransformerEmbedder,
    WordPieceCounter,
    batches,
    minilm_folder,
)
from recollect.memory.errors import EmbedderError
from recollect.memory.minilm import MiniLm

TEXTS = (
    "I adopted a beagle called Biscuit yesterday.",
    "",
    "x",
    "What is the dog called?",
    "日本語 и русский, emoji 👩‍👩‍👧 and cafe\u0301",
    "  many   blanks \n and lines\t",
    " ".join(f"number {n} of a long story" for n in range(12)),
    " ".join(f"number {n} of a story too long to be read whole" for n in range(200)),
)


@pytest.fixture(scope="module")
def fp32() -> MiniLmEmbedder:
    return MiniLmEmbedder(dtype=torch.float32)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """On a busy machine the threads of so small a model wait for each other longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_forward_pass_is_that_of_transformers() -> None:
    from transformers import AutoTokenizer, BertModel

    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    reference = BertModel.from_pretrained(minilm_folder(), dtype=torch.float32).eval()
    inputs = tokenizer(list(TEXTS), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    ids, mask = inputs["input_ids"], inputs["attention_mask"].bool()
    ours = MiniLm(minilm_folder(), sha256=MINILM_SHA256, dtype=torch.float32)
    with torch.inference_mode():
        expected = reference(**inputs).last_hidden_state
        padded = ours.forward(ids, mask)
        alone = ours.forward(ids[:1, : int(mask[0].sum())], None)
    real = mask[:, :, None]
    assert float(((padded - expected) * real).abs().max()) < 1e-5
    assert float((alone - expected[:1, : alone.shape[1]]).abs().max()) < 1e-5


def test_vectors_are_those_of_sentence_transformers_and_so_is_its_own_adapter(
    fp32: MiniLmEmbedder,
) -> None:
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(minilm_folder()), device="cpu")
    expected = reference.encode(list(TEXTS), normalize_embeddings=True)
    assert cosines(fp32.embed(TEXTS, kind="passage"), expected).min() > 0.9999
    adapter = SentenceTransformerEmbedder(str(minilm_folder()))
    assert adapter.dimensions == 384
    for kind in ("query", "passage"):
        np.testing.assert_allclose(adapter.embed(TEXTS, kind=kind), expected, atol=1e-6)
    assert adapter.embed([], kind="passage").shape == (0, 384)
    assert adapter.fingerprint == SentenceTransformerEmbedder(str(minilm_folder())).fingerprint


def test_a_model_that_is_not_there_is_an_embedder_error(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="Check the name or folder"):
        SentenceTransformerEmbedder(str(tmp_path / "nothing")).embed(["a"], kind="query")


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


def test_bf16_vectors_may_be_mixed_with_fp32(fp32: MiniLmEmbedder) -> None:
    half = MiniLmEmbedder(dtype=torch.bfloat16)
    assert cosines(half.embed(TEXTS, kind="passage"), fp32.embed(TEXTS, kind="passage")).min() >= 0.999
    assert half.fingerprint == fp32.fingerprint


def test_vectors_are_unit_float32_rows(fp32: MiniLmEmbedder) -> None:
    vectors = fp32.embed(TEXTS, kind="passage")
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), fp32.dimensions)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_no_texts_are_no_vectors(fp32: MiniLmEmbedder) -> None:
    assert fp32.embed([], kind="passage").shape == (0, 384)


def test_neither_order_nor_company_changes_a_vector(fp32: MiniLmEmbedder) -> None:
    texts = TEXTS[:-1]
    together = fp32.embed(texts, kind="passage")
    backwards = fp32.embed(texts[::-1], kind="passage")[::-1]
    np.testing.assert_allclose(together, backwards, atol=1e-5)
    alone = np.concatenate([fp32.embed([text], kind="query") for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_like_texts_are_near_and_others_far(fp32: MiniLmEmbedder) -> None:
    dog, question, other = fp32.embed([TEXTS[0], "Which pet did she get?", "Interest rates rose."], kind="passage")
    assert dog @ question > 0.3
    assert dog @ question > dog @ other + 0.2


def test_a_long_text_is_cut_where_the_model_ends(fp32: MiniLmEmbedder) -> None:
    head = "word " * (MAX_TOKENS - 2)  # two places are special tokens
    first, longer, shorter = fp32.embed([head, head + "tail " * 999, head[: -5 * 9]], kind="passage")
    assert first @ longer > 0.99999
    assert not np.array_equal(first, shorter)


def test_blanks_and_long_words_leave_room_for_all_the_model_reads(fp32: MiniLmEmbedder) -> None:
    plain, behind_blanks = fp32.embed(["I adopted a beagle", " \n" * 10_000 + "I adopted a beagle"], kind="passage")
    assert plain @ behind_blanks > 0.9999
    words = " ".join(["internationalization responsibilities"] * 150)
    (cut,) = fp32.embed([words], kind="passage")
    (whole,) = fp32.embed([words[:4_000]], kind="passage")  # more than 256 tokens
    assert cut @ whole > 0.9999


def test_a_huge_text_is_no_burden(fp32: MiniLmEmbedder) -> None:
    assert np.isfinite(fp32.embed(["a\x01 " * 400_000, "漢" * 1_000_000], kind="passage")).all()


def test_threads_share_one_model() -> None:
    embedder = MiniLmEmbedder(dtype=torch.float32)
    found: dict[int, np.ndarray] = {}

    def embed(number: int) -> None:
        found[number] = embedder.embed(["hello there"], kind="query")

    threads = [threading.Thread(target=embed, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for vectors in found.values():
        np.testing.assert_allclose(vectors, found[0], atol=1e-6)


# -- batches -------------------------------------------------------------------------------------


@given(lengths=st.lists(st.integers(1, MAX_TOKENS), max_size=300), tokens=st.integers(MAX_TOKENS, 2_000))
def test_batches_cover_every_place_once_within_the_limit(lengths: list[int], tokens: int) -> None:
    found = list(batches(lengths, tokens=tokens))
    assert sorted(place for batch in found for place in batch) == list(range(len(lengths)))
    for batch in found:
        assert max(lengths[place] for place in batch) * len(batch) <= tokens
    ends = [(lengths[batch[0]], lengths[batch[-1]]) for batch in found]
    assert all(shortest >= longest for (_, shortest), (longest, _) in pairwise(ends))


def test_a_text_longer_than_a_batch_is_a_batch() -> None:
    assert list(batches([5, 99, 5], tokens=10)) == [[1], [0, 2]]


def test_short_texts_share_a_batch() -> None:
    assert len(list(batches([8] * (BATCH_TOKENS // 8)))) == 1


# -- counting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), (" \n ", 0), ("hello world", 2), ("Biscuit's", 4), ("[12] Alice: yes", 6), ("日本", 2)],
)
def test_the_counter_counts_word_pieces_without_special_tokens(text: str, tokens: int) -> None:
    assert WordPieceCounter()(text) == tokens


def test_the_counter_counts_beyond_the_embedders_limit(fp32: MiniLmEmbedder) -> None:
    fp32.embed(["a"], kind="query")
    assert WordPieceCounter()("word " * 5_000) == 5_000
