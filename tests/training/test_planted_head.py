"""Detection finds a head of which it is known what it looks at: one made to look at the question's own words."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from recollect.rerank.decoder import Decoder, load_decoder
from recollect.training.decoder_scorer import DecoderScorer
from recollect.training.qr_detection import Recipe, Score, detect
from recollect.training.qr_samples import SampleSource
from tests.tiny_models import write_model

PLANTED = (0, 3)
WORDS = ("beagle", "Biscuit", "pizza", "anchovies", "wedding", "barn", "Ghent", "chunks", "paragraphs", "adopted")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    """A random model whose planted head compares embeddings, in the dimensions that turn least with distance."""
    found = load_decoder(str(write_model(tmp_path_factory.mktemp("planted"), "llama")))
    attention: Any = found.model.layers[PLANTED[0]].self_attn
    torch.manual_seed(1)
    same = torch.zeros(16, 64)
    slow = [4, 5, 6, 7, 12, 13, 14, 15]
    same[slow] = torch.linalg.qr(torch.randn(64, 8))[0].T * 3
    with torch.no_grad():
        attention.q_proj.weight[PLANTED[1] * 16 : (PLANTED[1] + 1) * 16] = same
        attention.k_proj.weight[:16] = same
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> SampleSource:
    """Twenty questions for one word each, over passages of random words of which one has it."""
    file = tmp_path_factory.mktemp("words") / "words.jsonl"
    drawn = random.Random(1)
    lines: list[str] = []
    for _ in range(20):
        wanted, *others = drawn.sample(WORDS, len(WORDS))
        passages = [{"id": place, "text": " ".join(drawn.choices(others, k=12))} for place in range(6)]
        gold = drawn.randrange(6)
        passages[gold]["text"] = " ".join(drawn.choices(others, k=6) + [wanted] * 2 + drawn.choices(others, k=4))
        lines.append(json.dumps({"question": f" {wanted}" * 6, "passages": passages, "evidence": [gold]}))
    file.write_text("\n".join(lines), encoding="utf-8")
    return SampleSource(file)


@pytest.mark.parametrize(("score", "calibrate"), [("qr", True), ("ndcg", True), ("ndcg", False)])
def test_the_planted_head_is_the_best(
    decoder: Decoder, source: SampleSource, tmp_path: Path, score: Score, calibrate: bool
) -> None:
    # not with the plain QR score: other heads look evenly at all passages, and more than the planted one at its own
    recipe = Recipe(top=3, score=score, calibrate=calibrate)
    found = detect(DecoderScorer(decoder, calibrate=calibrate), source, recipe, state=tmp_path / "state.npz")
    assert found.heads[0] == PLANTED
