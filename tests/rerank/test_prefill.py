"""Texts that stay read: the same scores as a full pass, never a stale one, and no more memory than allowed."""

import threading
from typing import Any

import pytest
import torch
from torch import Tensor

from recollect.memory.errors import RerankError
from recollect.rerank.attention import capture, prepare
from recollect.rerank.prefill import PrefilledTexts, Prefix, shared_length
from recollect.rerank.row_attention import QRSpec
from tests.tiny_models import FAMILIES, HEADS, tiny_model

TOP = max(HEADS)
ALL = [(layer, head) for layer, row in HEADS.items() for head in row]
LOTS = 2**30


def text(tokens: int, seed: int = 1) -> Tensor:
    return torch.randint(1, 600, (tokens,), generator=torch.Generator().manual_seed(seed))


QUESTION = text(20, seed=9)


@pytest.fixture(scope="module", params=FAMILIES)
def decoder(request: pytest.FixtureRequest) -> Any:
    return prepare(tiny_model(request.param))


@pytest.fixture(scope="module")
def qwen() -> Any:
    return prepare(tiny_model("qwen3"))


@torch.no_grad()
def asked(decoder: Any, whole: Tensor, prefix: Prefix | None = None) -> Tensor:
    """What the chosen heads give every token of the text when the question is read, (heads, tokens)."""
    ids = torch.cat([whole, QUESTION])[None]
    rows = torch.arange(len(whole), ids.shape[1])[None]
    spec = QRSpec(heads=HEADS, rows=rows, mode="tokens")
    if prefix is None:
        return capture(decoder, ids, spec).of(ALL)[0]
    return capture(decoder, ids[:, len(prefix.ids) :], spec, past=prefix.cache).of(ALL)[0]


def same(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)


def test_a_question_on_a_text_read_before_scores_as_a_full_pass(decoder: Any) -> None:
    texts = PrefilledTexts(decoder, top=TOP, budget_bytes=LOTS)
    whole = text(70)
    same(asked(decoder, whole, texts.read("a", whole)), asked(decoder, whole))


def test_a_text_that_grows_turn_by_turn_reads_only_what_is_new(decoder: Any) -> None:
    texts = PrefilledTexts(decoder, top=TOP, budget_bytes=LOTS)
    whole = text(90)
    computed = [texts.read("a", whole[:length]).computed for length in (10, 40, 41, 41, 90)]
    assert computed == [10, 30, 1, 1, 49]  # the second 41 is the very prefix of the first
    assert len(texts.keys) == 1
    same(asked(decoder, whole, texts.read("a", whole)), asked(decoder, whole))


@pytest.mark.parametrize(
    ("edited", "computed"),
    [
        (torch.cat([text(90)[:30], text(5, seed=2), text(90)[35:]]), 60),  # a turn was edited
        (torch.cat([text(90)[:30], text(90)[50:]]), 40),  # a turn was deleted
        (text(90)[:60], 0),  # the last turns were deleted
        (text(90)[:1], 0),
        (text(40, seed=3), 40),  # nothing in common
    ],
)
def test_after_an_edit_the_rest_is_read_again_and_the_old_text_is_never_used(
    decoder: Any, edited: Tensor, computed: int
) -> None:
    texts = PrefilledTexts(decoder, top=TOP, budget_bytes=LOTS)
    texts.read("a", text(90))
    found = texts.read("a", edited)
    assert found.computed == computed
    same(asked(decoder, edited, found), asked(decoder, edited))
    assert texts.bytes == found.bytes == exact_bytes(len(edited))


def exact_bytes(tokens: int) -> int:
    """Two key heads of width 16 in fp32: keys and values of three layers, keys of the top one, and the ids."""
    return tokens * (2 * 16 * 4 * (2 * TOP + 1) + 8)


def test_what_is_kept_is_bit_identical_after_a_question(decoder: Any) -> None:
    texts = PrefilledTexts(decoder, top=TOP, budget_bytes=LOTS)
    whole = text(50)
    prefix = texts.read("a", whole)
    before = [(layer.keys.clone(), layer.values.clone()) for layer in prefix.cache.layers]
    first = asked(decoder, whole, prefix)
    texts.read("a", text(60))  # another text under the same key, on top of the same tensors
    assert torch.equal(asked(decoder, whole, prefix), first)
    for layer, (keys, values) in zip(prefix.cache.layers, before, strict=True):
        assert torch.equal(layer.keys, keys)
        assert torch.equal(layer.values, values)


def test_what_the_caller_does_to_its_ids_afterwards_changes_nothing(qwen: Any) -> None:
    texts = PrefilledTexts(qwen, top=TOP, budget_bytes=LOTS)
    ids = text(30)
    texts.read("a", ids)
    ids[3] += 1
    assert texts.read("a", ids).computed == 27


def test_the_least_recently_used_text_is_dropped_first(qwen: Any) -> None:
    texts = PrefilledTexts(qwen, top=TOP, budget_bytes=exact_bytes(100))
    for name in ("a", "b"):
        texts.read(name, text(40, seed=ord(name)))
    texts.read("a", text(40, seed=ord("a")))
    texts.read("c", text(40, seed=ord("c")))
    assert texts.keys == ("a", "c")
    assert texts.bytes == exact_bytes(80)
    texts.read("d", text(100, seed=4))
    assert texts.keys == ("d",)


def test_a_text_above_the_budget_is_served_and_not_kept(qwen: Any) -> None:
    texts = PrefilledTexts(qwen, top=TOP, budget_bytes=exact_bytes(50))
    texts.read("a", text(30))
    texts.read("b", text(20, seed=2))
    whole = text(51)
    same(asked(qwen, whole, texts.read("a", whole)), asked(qwen, whole))
    assert texts.keys == ("b",)
    nothing = PrefilledTexts(qwen, top=TOP, budget_bytes=0)
    same(asked(qwen, whole, nothing.read("a", whole)), asked(qwen, whole))
    assert (nothing.keys, nothing.bytes) == ((), 0)


def test_texts_can_be_forgotten(qwen: Any) -> None:
    texts = PrefilledTexts(qwen, top=TOP, budget_bytes=LOTS)
    for name in ("a", "b", "c"):
        texts.read(name, text(10, seed=ord(name)))
    texts.forget("b")
    texts.forget("never kept")
    assert texts.keys == ("a", "c")
    texts.clear()
    assert (texts.keys, texts.bytes) == ((), 0)


def test_a_model_in_bf16_keeps_half_the_bytes() -> None:
    half = prepare(tiny_model("qwen3").to(torch.bfloat16))
    prefix = PrefilledTexts(half, top=TOP, budget_bytes=LOTS).read("a", text(40))
    assert prefix.bytes == 40 * (2 * 16 * 2 * (2 * TOP + 1) + 8)


def test_threads_that_ask_at_once_get_their_own_texts_right(qwen: Any) -> None:
    texts = PrefilledTexts(qwen, top=TOP, budget_bytes=exact_bytes(130))  # not all of them at once
    wholes = {(name, length): text(length, seed=ord(name)) for name in "abc" for length in (30, 45, 60)}
    wanted = {which: asked(qwen, whole) for which, whole in wholes.items()}
    wrong: list[object] = []

    def ask(offset: int) -> None:
        order = list(wholes.items())
        for (name, length), whole in order[offset:] + order[:offset]:
            found = asked(qwen, whole, texts.read(name, whole))
            if (found - wanted[name, length]).abs().max() > 1e-6:
                wrong.append((name, length))

    threads = [threading.Thread(target=ask, args=(offset,)) for offset in (0, 2, 4, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert texts.bytes <= exact_bytes(130)


def test_nothing_to_read_and_a_negative_budget_are_errors(qwen: Any) -> None:
    with pytest.raises(RerankError, match="at least one"):
        PrefilledTexts(qwen, top=TOP).read("a", text(0))
    with pytest.raises(RerankError, match="give 0 to keep nothing"):
        PrefilledTexts(qwen, top=TOP, budget_bytes=-1)


def test_texts_begin_alike_up_to_the_first_token_that_differs() -> None:
    one = torch.tensor([1, 2, 3, 4])
    assert shared_length(one, one) == 4
    assert shared_length(one, one[:2]) == 2
    assert shared_length(one, torch.tensor([1, 2, 9, 4])) == 2
    assert shared_length(one, torch.tensor([9])) == 0
