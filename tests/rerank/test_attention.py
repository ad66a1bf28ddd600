"""Captured attention against eager `output_attentions`, in every family, mode and case (METHODS Q8 to Q10)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

from recollect.memory.errors import RerankError
from recollect.rerank.attention import IMPLEMENTATION, capture, fork, prefill, prepare
from recollect.rerank.row_attention import STREAM_KEYS, Mode, QRSpec
from tests.tiny_models import FAMILIES, HEADS, Prompt, prompt, tiny_model

MODES: tuple[Mode, ...] = ("rows", "tokens", "docs", "docs_sdpa", "docs_stream")
ALL = [(layer, head) for layer, row in HEADS.items() for head in row]
PROMPT = prompt()


def spec(asked: Prompt, mode: Mode = "docs", heads: Mapping[int, Sequence[int]] = HEADS, **more: Any) -> QRSpec:
    return QRSpec(heads=heads, rows=asked.rows, member=asked.member, mode=mode, **more)


def eager(model: Any, asked: Prompt) -> Tensor:
    """Attention of the chosen heads and rows as transformers returns it, (1, heads, rows, keys)."""
    model.set_attn_implementation("eager")
    layers = model(asked.ids, output_attentions=True).attentions
    return torch.stack([layers[layer][0, head][asked.rows[0]] for layer, head in ALL])[None]


def expected(rows: Tensor, mode: Mode, member: Tensor) -> Tensor:
    if mode == "rows":
        return rows
    return rows.mean(2) if mode == "tokens" else rows.mean(2) @ member


def near(found: Tensor, wanted: Tensor, within: float = 1e-5) -> None:
    torch.testing.assert_close(found, wanted, atol=within, rtol=0)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Any:
    return tiny_model(request.param)


@pytest.mark.parametrize("mode", MODES)
@torch.no_grad()
def test_what_is_captured_is_what_eager_attention_returns(model: Any, mode: Mode) -> None:
    wanted = expected(eager(model, PROMPT), mode, PROMPT.member)
    assert 0.03 < float(wanted.max()) < 0.99  # neither even nor all on one key
    near(capture(prepare(model), PROMPT.ids, spec(PROMPT, mode)).of(ALL), wanted)


@pytest.mark.parametrize("mode", MODES)
@torch.no_grad()
def test_stopping_after_the_top_layer_changes_no_bit(model: Any, mode: Mode) -> None:
    decoder = prepare(model)
    whole = capture(decoder, PROMPT.ids, spec(PROMPT, mode, early_exit=False)).of(ALL)
    assert torch.equal(capture(decoder, PROMPT.ids, spec(PROMPT, mode)).of(ALL), whole)
    assert torch.equal(capture(decoder, PROMPT.ids, spec(PROMPT, mode, early_exit=False)).of(ALL), whole)


@torch.no_grad()
def test_stopping_leaves_out_what_is_above(model: Any) -> None:
    decoder, ran = prepare(model), list[int]()
    for number, layer in enumerate(decoder.layers):
        layer.mlp.register_forward_pre_hook(lambda *_, number=number: ran.append(number))
    capture(decoder, PROMPT.ids, spec(PROMPT))
    assert ran == [0, 1, 2]  # of layer 3 only queries and keys are needed
    ran.clear()
    capture(decoder, PROMPT.ids, spec(PROMPT, early_exit=False))
    assert ran == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_a_model_cut_above_the_top_layer_gives_the_same_bits(family: str) -> None:
    decoder = prepare(tiny_model(family))
    whole = capture(decoder, PROMPT.ids, spec(PROMPT)).of(ALL)
    decoder.config.num_hidden_layers = 4
    assert torch.equal(capture(decoder, PROMPT.ids, spec(PROMPT, early_exit=False)).of(ALL), whole)


@pytest.mark.parametrize("mode", MODES)
@torch.no_grad()
def test_after_a_prefix_that_was_read_once_the_scores_are_those_of_a_full_pass(model: Any, mode: Mode) -> None:
    decoder = prepare(model)
    whole = capture(decoder, PROMPT.ids, spec(PROMPT, mode)).of(ALL)
    past = prefill(decoder, PROMPT.ids[:, :30], top=3)
    past = prefill(decoder, PROMPT.ids[:, 30:55], top=3, past=past)
    assert len(past.layers) == 4
    near(capture(decoder, PROMPT.ids[:, 55:], spec(PROMPT, mode), past=past).of(ALL), whole)


@torch.no_grad()
def test_one_token_after_a_prefix_sees_all_of_it(model: Any) -> None:
    decoder = prepare(model)
    asked = Prompt(ids=PROMPT.ids, rows=torch.tensor([[74]]), member=PROMPT.member)
    past = prefill(decoder, PROMPT.ids[:, :74], top=3)
    found = capture(decoder, PROMPT.ids[:, 74:], spec(asked), past=past).of(ALL)
    near(found, capture(decoder, PROMPT.ids, spec(asked)).of(ALL))


@torch.no_grad()
def test_a_fork_copies_nothing_and_leaves_the_cache_bit_identical(model: Any) -> None:
    decoder = prepare(model)
    past = prefill(decoder, PROMPT.ids[:, :40], top=3)
    before = [(layer.keys.clone(), layer.values.clone()) for layer in past.layers]
    twin = fork(past)
    assert [layer.keys.data_ptr() for layer in twin.layers] == [layer.keys.data_ptr() for layer in past.layers]
    first = capture(decoder, PROMPT.ids[:, 40:], spec(PROMPT), past=past).of(ALL)
    prefill(decoder, PROMPT.ids[:, 40:], top=3, past=past)
    assert torch.equal(capture(decoder, PROMPT.ids[:, 40:], spec(PROMPT), past=past).of(ALL), first)
    for layer, (keys, values) in zip(past.layers, before, strict=True):
        assert torch.equal(layer.keys, keys)
        assert torch.equal(layer.values, values)


@torch.no_grad()
def test_a_fork_can_be_shorter_than_the_cache(model: Any) -> None:
    decoder = prepare(model)
    past = fork(prefill(decoder, PROMPT.ids[:, :60], top=3), length=40)
    found = capture(decoder, PROMPT.ids[:, 40:], spec(PROMPT), past=past).of(ALL)
    near(found, capture(decoder, PROMPT.ids, spec(PROMPT)).of(ALL))


def padded(short: Prompt, tokens: int, side: str) -> tuple[Prompt, Tensor]:
    """The prompt with padding up to `tokens`, and its attention mask."""
    missing = tokens - short.ids.shape[1]
    before = missing if side == "left" else 0
    ids, mask = torch.zeros(1, tokens, dtype=torch.long), torch.zeros(1, tokens, dtype=torch.long)
    member = torch.zeros(1, tokens, 2)
    place = slice(before, tokens - missing + before)
    ids[:, place], member[:, place], mask[:, place] = short.ids, short.member, 1
    return Prompt(ids=ids, rows=short.rows + before, member=member), mask


@pytest.mark.parametrize("mode", ["docs", "docs_sdpa", "docs_stream"])
@pytest.mark.parametrize("side", ["left", "right"])
@torch.no_grad()
def test_padding_on_either_side_changes_nothing(model: Any, side: str, mode: Mode) -> None:
    decoder = prepare(model)
    long, short = prompt(90, seed=4), prompt(61, seed=5)
    filled, mask = padded(short, 90, side)
    both = QRSpec(
        heads=HEADS,
        rows=torch.cat([long.rows, filled.rows]),
        member=torch.cat([long.member, filled.member]),
        mode=mode,
    )
    masks = torch.cat([torch.ones_like(mask), mask])
    found = capture(decoder, torch.cat([long.ids, filled.ids]), both, attention_mask=masks).of(ALL)
    near(found[:1], capture(decoder, long.ids, spec(long)).of(ALL))
    near(found[1:], capture(decoder, short.ids, spec(short)).of(ALL))


@torch.no_grad()
def test_without_our_mask_function_padding_would_draw_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = prepare(tiny_model("qwen3"))
    filled, mask = padded(PROMPT, 120, "left")
    right = capture(decoder, filled.ids, spec(filled), attention_mask=mask).of(ALL)
    monkeypatch.delitem(ALL_MASK_ATTENTION_FUNCTIONS._global_mapping, IMPLEMENTATION)
    wrong = capture(decoder, filled.ids, spec(filled), attention_mask=mask).of(ALL)
    near(right, capture(decoder, PROMPT.ids, spec(PROMPT)).of(ALL))
    assert float((wrong - right).abs().max()) > 0.05


@torch.no_grad()
def test_rows_that_only_fill_up_do_not_count(model: Any) -> None:
    decoder = prepare(model)
    rows = torch.cat([PROMPT.rows, torch.zeros(1, 4, dtype=torch.long)], 1)
    row_mask = torch.tensor([[True] * PROMPT.rows.shape[1] + [False] * 4])
    filled = QRSpec(heads=HEADS, rows=rows, row_mask=row_mask, member=PROMPT.member)
    found = capture(decoder, PROMPT.ids, filled).of(ALL)
    near(found, capture(decoder, PROMPT.ids, spec(PROMPT)).of(ALL), within=1e-6)


@torch.no_grad()
def test_a_padding_row_that_sees_nothing_is_no_nan() -> None:
    filled, mask = padded(PROMPT, 90, "left")
    rows = torch.cat([torch.zeros(1, 1, dtype=torch.long), filled.rows], 1)
    row_mask = torch.tensor([[False] + [True] * filled.rows.shape[1]])
    asked = QRSpec(heads=HEADS, rows=rows, row_mask=row_mask, member=filled.member)
    assert capture(prepare(tiny_model("qwen3")), filled.ids, asked, attention_mask=mask).of(ALL).isfinite().all()


@torch.no_grad()
def test_streaming_over_several_blocks_of_keys_is_the_full_softmax() -> None:
    decoder, long = prepare(tiny_model("qwen3")), prompt(2 * STREAM_KEYS + 77)
    near(
        capture(decoder, long.ids, spec(long, "docs_stream")).of(ALL),
        capture(decoder, long.ids, spec(long)).of(ALL),
        within=1e-6,
    )


@torch.no_grad()
def test_documents_and_everything_else_get_all_the_attention(model: Any) -> None:
    else_ = 1.0 - PROMPT.member.sum(2, keepdim=True)
    asked = Prompt(ids=PROMPT.ids, rows=PROMPT.rows, member=torch.cat([PROMPT.member, else_], 2))
    for mode in ("docs", "docs_sdpa", "docs_stream"):
        near(capture(prepare(model), asked.ids, spec(asked, mode)).of(ALL).sum(2), torch.ones(1, len(ALL)), 1e-6)


@torch.no_grad()
def test_all_heads_of_all_layers_can_be_read_at_once(model: Any) -> None:
    everything = {layer: tuple(range(8)) for layer in range(5)}
    found = capture(prepare(model), PROMPT.ids, spec(PROMPT, heads=everything))
    assert [found.layers[layer].shape for layer in range(5)] == [(1, 8, 2)] * 5
    near(found.of(ALL), capture(prepare(model), PROMPT.ids, spec(PROMPT)).of(ALL), within=1e-6)


@torch.no_grad()
def test_the_order_of_heads_in_the_list_changes_nothing(model: Any) -> None:
    turned = {layer: tuple(reversed(row)) for layer, row in reversed(HEADS.items())}
    found = capture(prepare(model), PROMPT.ids, spec(PROMPT, heads=turned)).of(ALL)
    near(found, capture(prepare(model), PROMPT.ids, spec(PROMPT)).of(ALL), within=1e-6)


@pytest.mark.parametrize("mode", ["docs", "docs_sdpa", "docs_stream"])
@pytest.mark.parametrize(
    ("early_exit", "checkpointing"), [(True, False), (False, False), (True, True), (False, True)]
)
def test_gradients_are_those_of_eager_attention(mode: Mode, early_exit: bool, checkpointing: bool) -> None:
    def gradients(model: Any, scores: Tensor) -> dict[str, Tensor]:
        (scores[0, :, 1].sum() / scores.sum()).log().backward()
        found = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
        return {name: grad for name, grad in found.items() if float(grad.abs().max()) > 0}

    reference = tiny_model("qwen3")
    wanted = gradients(reference, eager(reference, PROMPT).mean(2) @ PROMPT.member)
    model = tiny_model("qwen3")
    if checkpointing:
        model.train().gradient_checkpointing_enable({"use_reentrant": False})
    found = gradients(model, capture(prepare(model), PROMPT.ids, spec(PROMPT, mode, early_exit=early_exit)).of(ALL))
    assert found.keys() == wanted.keys()
    assert "layers.3.self_attn.q_norm.weight" in found
    assert not any(name.startswith(("layers.3.mlp", "layers.3.self_attn.v_proj", "layers.4")) for name in found)
    for name, grad in found.items():
        near(grad, wanted[name], within=1e-5 * float(wanted[name].abs().max()) + 1e-8)


@torch.no_grad()
def test_half_precision_models_are_summed_in_fp32(model: Any) -> None:
    exact = capture(prepare(model), PROMPT.ids, spec(PROMPT)).of(ALL)
    family = model.config.model_type
    for dtype in (torch.bfloat16, torch.float16):
        rough = capture(prepare(tiny_model(family).to(dtype)), PROMPT.ids, spec(PROMPT)).of(ALL)
        assert rough.dtype == torch.float32
        near(rough, exact, within=0.05)


@pytest.mark.parametrize("mode", ["rows", "tokens", "docs", "docs_stream"])
@torch.no_grad()
def test_capped_logits_are_captured_as_eager_attention_caps_them(mode: Mode) -> None:
    changes = {"attn_logit_softcapping": 2.0, "sliding_window": 4096, "query_pre_attn_scalar": 16}
    gemma = tiny_model("gemma2", **changes)
    wanted = expected(eager(gemma, PROMPT), mode, PROMPT.member)
    near(capture(prepare(gemma), PROMPT.ids, spec(PROMPT, mode)).of(ALL), wanted)
    past = prefill(gemma, PROMPT.ids[:, :50], top=3)
    near(capture(gemma, PROMPT.ids[:, 50:], spec(PROMPT, mode), past=past).of(ALL), wanted)
    with pytest.raises(RerankError, match="docs_sdpa cannot cap"):
        capture(gemma, PROMPT.ids, spec(PROMPT, "docs_sdpa"))


@torch.no_grad()
def test_heads_in_a_sliding_window_that_misses_candidates_are_refused() -> None:
    mistral = prepare(tiny_model("mistral", sliding_window=64))
    with pytest.raises(RerankError, match=r"Layer 1 sees only the last 64 tokens and the prompt has 75"):
        capture(mistral, PROMPT.ids, spec(PROMPT))
    past = prefill(mistral, PROMPT.ids[:, :60], top=3)
    with pytest.raises(RerankError, match="last 64 tokens"):
        capture(mistral, PROMPT.ids[:, 60:], spec(PROMPT), past=past)


@torch.no_grad()
def test_a_window_that_covers_the_prompt_and_windows_of_other_layers_do_no_harm() -> None:
    wide = tiny_model("mistral", sliding_window=75)
    near(
        capture(prepare(wide), PROMPT.ids, spec(PROMPT)).of(ALL), expected(eager(wide, PROMPT), "docs", PROMPT.member)
    )
    kinds = ["sliding_attention", "full_attention", "full_attention", "full_attention", "sliding_attention"]
    mixed = tiny_model("qwen3", layer_types=kinds, sliding_window=24, use_sliding_window=True)
    wanted = expected(eager(mixed, PROMPT), "docs", PROMPT.member)
    near(capture(prepare(mixed), PROMPT.ids, spec(PROMPT)).of(ALL), wanted)
    past = prefill(mixed, PROMPT.ids[:, :50], top=3)
    near(capture(mixed, PROMPT.ids[:, 50:], spec(PROMPT), past=past).of(ALL), wanted)


def test_heads_rows_and_layers_that_are_not_there_are_named() -> None:
    decoder = prepare(tiny_model("qwen3"))
    with pytest.raises(RerankError, match="heads 0 to 7"):
        capture(decoder, PROMPT.ids, spec(PROMPT, heads={1: (8,)}))
    with pytest.raises(RerankError, match=r"has 5 layers; nothing was read in \[9\]"):
        capture(decoder, PROMPT.ids, spec(PROMPT, heads={1: (1,), 9: (0,)}))
    outside = Prompt(ids=PROMPT.ids, rows=torch.tensor([[75]]), member=PROMPT.member)
    with pytest.raises(RerankError, match="places 0 to 74"):
        capture(decoder, PROMPT.ids, spec(outside))
    with pytest.raises(RerankError, match="at least one head"):
        spec(PROMPT, heads={1: ()})
    with pytest.raises(RerankError, match="needs `member`"):
        QRSpec(heads=HEADS, rows=PROMPT.rows)


def test_an_encoder_is_refused() -> None:
    shape = {"hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 600}
    bert = AutoModel.from_config(AutoConfig.for_model("bert", **shape))
    with pytest.raises(RerankError, match="only decoders are read"):
        capture(prepare(bert), PROMPT.ids, spec(PROMPT, heads={1: (0,)}, early_exit=False))


def test_a_prefix_read_up_to_a_layer_is_not_continued_above_it() -> None:
    decoder = prepare(tiny_model("qwen3"))
    past = prefill(decoder, PROMPT.ids[:, :40], top=3)
    with pytest.raises(RerankError, match="use early_exit"):
        capture(decoder, PROMPT.ids[:, 40:], spec(PROMPT, early_exit=False), past=past)


@torch.no_grad()
def test_a_prepared_model_computes_what_it_did_before() -> None:
    model = tiny_model("llama")
    before = model(PROMPT.ids).last_hidden_state
    near(prepare(model)(PROMPT.ids).last_hidden_state, before, within=1e-6)
