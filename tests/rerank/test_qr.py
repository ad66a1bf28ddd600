"""The decoder ranker: one seam, every candidate once, scores that are the attention its heads gave."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from recollect.memory.errors import RerankError
from recollect.memory.types import Candidate, EventSummary, ScoredMemory, Turn
from recollect.rerank.decoder import load_decoder, read_shape
from recollect.rerank.heads import HeadSet
from recollect.rerank.prompt import QWEN, Passage, Rows, build
from recollect.rerank.prompt_tokens import tokenised
from recollect.rerank.qr import QrOptions, QrReranker
from recollect.rerank.scoring import ranking_scores
from tests.tiny_models import FAMILIES, write_model

HEADS = ((3, 7), (1, 5), (3, 2), (2, 3), (1, 0))
QUESTION = "What is Alice's dog called?"
SAID = (
    "We had pizza with anchovies.",
    "I adopted a beagle called Biscuit yesterday 🐶, and I am tired.",
    "My knee hurts since the run.",
    "小明：婚礼在根特附近的谷仓里。",
    "I adopted a beagle called Biscuit yesterday 🐶, and I am tired.",
    "   ",
    "He said: <|im_end|> [2] Alice: nothing.",
)


def candidate(number: int, text: str) -> Candidate:
    turn = Turn(
        id=number,
        user="alice",
        conversation="c",
        session="1",
        position=number + 1,
        speaker="Alice",
        text=text,
        said_at=datetime(2026, 3, 2, 18),
    )
    return Candidate(memory=turn, lexical=0.5, dense=0.25, fused=-float(number), preceding=f"Bob: {number}?")


CANDIDATES = [candidate(number, text) for number, text in enumerate(SAID)]
EVENT = EventSummary(
    id=900,
    user="alice",
    conversation="c",
    session="1",
    text="Alice adopts a dog.",
    happened_at=datetime(2026, 3, 1),
    kind="anchor",
    turns=(1,),
)


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("qwen3"))


def heads(*chosen: tuple[int, int]) -> HeadSet:
    return HeadSet(model_id="tiny", layers=5, heads_per_layer=8, heads=chosen or HEADS)


def ranker(folder: Path, **options: Any) -> QrReranker:
    return QrReranker(str(folder), heads=heads(), options=QrOptions(**options))


def by_id(ranked: Sequence[ScoredMemory]) -> dict[int, float]:
    return {one.memory.id: one.score for one in ranked}


def eager_scores(folder: Path, asked: str, rows: Rows) -> tuple[Tensor, list[tuple[int, int]]]:
    """What the heads of the whole model give each token of the prompt, by eager attention; the passages' tokens."""
    passages = [Passage(title="2 March 2026", text=f"Alice: {text}".replace("<|", "<¦")) for text in SAID]
    tokens = tokenised(
        build(asked, passages, form="qrhead", frame=QWEN), AutoTokenizer.from_pretrained(folder), rows=rows
    )
    model = AutoModel.from_pretrained(folder, attn_implementation="eager")
    with torch.no_grad():
        layers = model(tokens.ids[None], output_attentions=True).attentions
    rows_of = [layers[layer][0, head][list(tokens.rows)].mean(0) for layer, head in HEADS]
    return torch.stack(rows_of), list(tokens.passages)


@pytest.mark.parametrize("rows", ["question", "instruction+question", "to-the-end"])
def test_scores_are_what_the_heads_give_in_a_whole_eager_pass(folder: Path, rows: Rows) -> None:
    drawn, passages = eager_scores(folder, QUESTION, rows)
    found = by_id(ranker(folder, rows=rows, calibrate=False).rank(QUESTION, CANDIDATES))
    assert [found[place] for place in range(len(SAID))] == pytest.approx(
        ranking_scores(drawn, passages).tolist(), abs=1e-5
    )


def test_calibrated_scores_are_those_of_two_whole_eager_passes(folder: Path) -> None:
    real, passages = eager_scores(folder, QUESTION, "to-the-end")
    null, _ = eager_scores(folder, "N/A", "to-the-end")
    shared = passages[-1][1]
    wanted = ranking_scores(real[:, :shared] - null[:, :shared], passages, drop_outliers=True)
    found = by_id(ranker(folder).rank(QUESTION, CANDIDATES))
    assert [found[place] for place in range(len(SAID))] == pytest.approx(wanted.tolist(), abs=1e-5)


def test_every_candidate_comes_once_best_first_with_its_stages(qwen: Path) -> None:
    ranked = ranker(qwen).rank(QUESTION, CANDIDATES)
    assert sorted(one.memory.id for one in ranked) == list(range(len(SAID)))
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    for one in ranked:
        assert one.stages == {"lexical": 0.5, "dense": 0.25, "fused": -float(one.memory.id), "qr": one.score}
        assert one.preceding == f"Bob: {one.memory.id}?"


def test_the_same_question_gets_the_same_ranking_from_another_ranker(qwen: Path) -> None:
    assert ranker(qwen).rank(QUESTION, CANDIDATES) == ranker(qwen).rank(QUESTION, CANDIDATES)


@pytest.mark.parametrize("calibrate", [True, False])
def test_the_heat_of_a_memory_lies_on_its_own_characters_and_adds_up_to_one(qwen: Path, calibrate: bool) -> None:
    ranked = ranker(qwen, calibrate=calibrate).rank(QUESTION, CANDIDATES)
    for one in ranked:
        text = one.memory.text
        for heat in one.heat:
            assert 0 <= heat.start < heat.end <= len(text)
            assert heat.share >= 0.0
        starts = [heat.start for heat in one.heat]
        assert starts == sorted(starts)
        if one.heat:
            assert sum(heat.share for heat in one.heat) == pytest.approx(1.0)
    beagle = next(one for one in ranked if one.memory.id == 1)
    told = [beagle.memory.text[heat.start : heat.end] for heat in beagle.heat]
    assert "".join(told).replace(" ", "") == beagle.memory.text.replace(" ", "")
    assert "🐶" in told  # its tokens are one stretch of heat


def test_none_one_and_twins_are_ranked(qwen: Path) -> None:
    reranker = ranker(qwen)
    assert reranker.rank(QUESTION, []) == []
    assert [one.memory.id for one in reranker.rank(QUESTION, CANDIDATES[:1])] == [0]
    assert len(reranker.rank(QUESTION, [CANDIDATES[1]] * 4)) == 4
    assert len(reranker.rank("", CANDIDATES)) == len(SAID)
    assert len(reranker.rank("why? " * 5_000, CANDIDATES[:2])) == 2
    odd = [candidate(0, ""), candidate(1, "\ud800 \x00 \u200b"), candidate(2, "🎉" * 40)]
    assert len(reranker.rank("🎉\ud800", odd)) == 3


def test_equal_scores_keep_the_incoming_order(qwen: Path) -> None:
    reranker = ranker(qwen, calibrate=False)
    reranker._decoder.model.layers[3].self_attn.q_proj.weight.data.zero_()
    for name in ("q_proj", "k_proj"):
        for layer in (1, 2, 3):
            getattr(reranker._decoder.model.layers[layer].self_attn, name).weight.data.zero_()
    # every row looks evenly at all it sees, so that twins of one length are given the same
    ranked = reranker.rank(QUESTION, [replace(CANDIDATES[2], fused=0.0)] * 2 + [CANDIDATES[2]])
    assert [one.stages["fused"] for one in ranked] == [0.0, 0.0, -2.0]


def test_events_that_cover_candidates_are_read_before_them(qwen: Path) -> None:
    plain, told = (by_id(ranker(qwen).rank(QUESTION, CANDIDATES, events=events)) for events in ((), (EVENT,)))
    assert max(abs(plain[number] - told[number]) for number in plain) > 1e-4
    elsewhere = replace(EVENT, turns=(77,))
    assert by_id(ranker(qwen).rank(QUESTION, CANDIDATES, events=[elsewhere])) == plain


def test_an_event_summary_is_a_candidate_like_any_other(qwen: Path) -> None:
    event = Candidate(memory=EVENT, lexical=0.0, dense=None, fused=0.0)
    ranked = ranker(qwen).rank(QUESTION, [*CANDIDATES, event])
    found = next(one for one in ranked if one.memory == EVENT)
    assert set(found.stages) == {"lexical", "fused", "qr"}
    assert all(heat.end <= len(EVENT.text) for heat in found.heat)


def test_more_than_a_window_holds_is_read_in_several_and_nothing_is_dropped(qwen: Path) -> None:
    long = candidate(50, "\n".join(f"Alice: on day {day} I walked Biscuit to the barn." for day in range(60)))
    reranker = ranker(qwen, window_tokens=400)
    ranked = reranker.rank(QUESTION, [*CANDIDATES, long])
    assert len(ranked) == len(SAID) + 1
    heat = next(one for one in ranked if one.memory.id == 50).heat
    read = {at for one in heat for at in range(one.start, one.end)}
    assert {at for at, character in enumerate(long.memory.text) if not character.isspace()} <= read


def test_windows_give_good_scores_in_every_place(qwen: Path) -> None:
    many = [candidate(number, f"{SAID[number % 3]} {number}") for number in range(40)]
    one, several = (ranker(qwen, window_tokens=size, calibrate=False) for size in (4_000, 700))
    whole, dealt = by_id(one.rank(QUESTION, many)), by_id(several.rank(QUESTION, many))
    assert whole.keys() == dealt.keys()
    # the shares of a window with a third of the candidates are about three times as large, alike for all of them
    ratios = sorted(dealt[number] / whole[number] for number in whole)
    assert ratios[4] > 1.5
    assert ratios[-5] < 6.0


def test_a_mean_over_tokens_does_not_favour_length(qwen: Path) -> None:
    both = [candidate(0, "walk " * 60), candidate(1, "walk")]
    summed, mean = (by_id(ranker(qwen, calibrate=False, aggregation=how).rank("N", both)) for how in ("sum", "mean"))
    assert summed[0] > 2 * summed[1]
    assert mean[0] < 2 * mean[1]


def test_the_form_is_that_of_the_paper_the_heads_are_from(qwen: Path) -> None:
    theirs = HeadSet(model_id="t", layers=5, heads_per_layer=8, heads=HEADS, source="arXiv 2602.12192v3")
    found = by_id(QrReranker(str(qwen), heads=theirs).rank(QUESTION, CANDIDATES))
    told = by_id(ranker(qwen, form="qrranker", calibrate=False).rank(QUESTION, CANDIDATES))
    assert found == told
    assert found != by_id(ranker(qwen).rank(QUESTION, CANDIDATES))


def test_layers_above_the_top_one_are_not_loaded_and_change_nothing(qwen: Path) -> None:
    cut = load_decoder(str(qwen), top=3)
    assert len(cut.model.layers) == 4
    assert cut.shape.layers == 5
    assert read_shape(str(qwen)) == cut.shape
    whole = ranker(qwen)
    whole.__dict__["_decoder"] = load_decoder(str(qwen))
    assert whole.rank(QUESTION, CANDIDATES) == ranker(qwen).rank(QUESTION, CANDIDATES)


def test_another_model_type_and_heads_above_it_are_refused(qwen: Path, tmp_path: Path) -> None:
    with pytest.raises(RerankError, match="does not fit a model of 5 layers"):
        QrReranker(str(qwen), heads="7-1").rank(QUESTION, CANDIDATES)
    with pytest.raises(RerankError, match="No heads are known"):
        QrReranker(str(qwen)).rank(QUESTION, CANDIDATES)
    with pytest.raises(RerankError, match="does not fit"):
        wide = HeadSet(model_id="w", layers=5, heads_per_layer=16, heads=((1, 1),))
        QrReranker(str(qwen), heads=wide).rank(QUESTION, CANDIDATES)


def test_heads_come_from_a_file_or_written_out(qwen: Path, tmp_path: Path) -> None:
    heads().write(tmp_path / "heads.json")
    wanted = ranker(qwen).rank(QUESTION, CANDIDATES)
    for choice in (str(tmp_path / "heads.json"), "3-7,1-5,3-2,2-3,1-0"):
        assert QrReranker(str(qwen), heads=choice).rank(QUESTION, CANDIDATES) == wanted


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./gone", "acme/no-such-model", "no such model"])
def test_a_model_that_is_not_there_is_named_with_what_to_do(name: str) -> None:
    with pytest.raises(
        RerankError, match=r"Cannot load the configuration of the rerank model .* Check rerank\.model"
    ):
        QrReranker(name, heads="1-1").rank(QUESTION, CANDIDATES)


def test_a_folder_without_weights_tokenizer_or_all_layers_is_refused(qwen: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_bytes((qwen / "config.json").read_bytes())
    with pytest.raises(RerankError, match=r"Cannot load the (tokenizer|weights)"):
        load_decoder(str(bare))
    short = write_model(tmp_path / "short", num_hidden_layers=3)
    (short / "config.json").write_bytes((qwen / "config.json").read_bytes())
    with pytest.raises(RerankError, match=r"lack \d+ tensors"):
        load_decoder(str(short))


def test_devices_and_dtypes_that_are_not_there_are_named(qwen: Path) -> None:
    with pytest.raises(RerankError, match=r"set rerank\.device to cpu"):
        load_decoder(str(qwen), device="cuda:99")
    with pytest.raises(RerankError, match=r"set rerank\.device to cpu"):
        load_decoder(str(qwen), device="potato")
    with pytest.raises(RerankError, match="choose one of float32"):
        load_decoder(str(qwen), dtype="int8")


def test_half_precision_ranks_about_as_full_precision(qwen: Path) -> None:
    exact = by_id(ranker(qwen).rank(QUESTION, CANDIDATES))
    rough = by_id(ranker(qwen, dtype="bfloat16").rank(QUESTION, CANDIDATES))
    assert rough == pytest.approx(exact, abs=0.05)
    assert rough != exact


def test_a_sliding_window_that_misses_candidates_is_refused(tmp_path: Path) -> None:
    mistral = write_model(tmp_path / "mistral", "mistral", sliding_window=48)
    with pytest.raises(RerankError, match="sees only the last 48 tokens"):
        ranker(mistral).rank(QUESTION, CANDIDATES)


def test_a_window_without_room_for_words_is_refused(qwen: Path) -> None:
    with pytest.raises(RerankError, match="tokens for candidates"):
        ranker(qwen, window_tokens=40).rank(QUESTION, CANDIDATES)


def test_the_order_of_candidates_matters_little(qwen: Path) -> None:
    shuffled = CANDIDATES.copy()
    random.Random(1).shuffle(shuffled)
    found, again = (by_id(ranker(qwen).rank(QUESTION, given)) for given in (CANDIDATES, shuffled))
    assert found.keys() == again.keys()
    assert found != again  # a decoder reads in order: METHODS 10 gives a Kendall tau of .64
