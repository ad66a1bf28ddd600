"""train qr, train second-look: from lists to files that load, and on from these."""

from pathlib import Path
from typing import Any

import pytest
import torch

from recollect.rerank import block_weights, span_weights
from recollect.training.asked import AskedPool
from tests.training.test_second_look_training import a_list, a_pool

from .conftest import Run


@pytest.fixture
def few_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked: the lists are made up."""

    def lists_of(data: Path, split: str, *_: Any) -> list[AskedPool]:
        return [a_pool(*(a_list([place]) for place in ((1, 2, 3) if split == "train" else (5,))))]

    monkeypatch.setattr("recollect.training.block_corpora.lists_of", lists_of)


@pytest.mark.usefixtures("few_lists")
def test_the_second_look_is_trained_and_written(run: Run, tmp_path: Path) -> None:
    start, out = tmp_path / "start.safetensors", tmp_path / "out.safetensors"
    span_weights.save_weights(span_weights.shipped_weights(), start)
    command = ["train", "second-look", "--data", tmp_path, "--folder", tmp_path / "run", "--updates", 1]
    result = run(*map(str, [*command, "--start", start, "--mix", 0.5, "--out", out]))
    assert "msc second look" in result.stdout
    written, begun = span_weights.load_weights(out), span_weights.shipped_weights()
    assert not torch.equal(written.head, begun.head)
    torch.testing.assert_close(written.head, begun.head, atol=0.01, rtol=0.0)  # one small step, half of it


@pytest.mark.usefixtures("few_lists")
def test_the_heads_are_trained_on_and_mixed_with_what_they_were(run: Run, tmp_path: Path) -> None:
    start, out = tmp_path / "start.safetensors", tmp_path / "out.safetensors"
    shipped = block_weights.shipped_weights()
    block_weights.save_weights(shipped, start)
    command = ["train", "qr", "--data", tmp_path, "--folder", tmp_path / "run", "--updates", 1, "--out", out]
    result = run(*map(str, [*command, "--start", start, "--mix", 0]))
    assert "msc block" in result.stdout
    assert torch.equal(block_weights.load_weights(out).reading, shipped.reading)
    again = run(*map(str, [*command, "--start", start]))
    assert "msc block" in again.stdout
    assert not torch.equal(block_weights.load_weights(out).reading, shipped.reading)


@pytest.mark.usefixtures("few_lists")
def test_a_mix_with_nothing_is_refused(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    command = ["train", "qr", "--data", tmp_path, "--folder", tmp_path / "run", "--updates", 0, "--out", out]
    result = run(*command, "--mix", 0.5)
    assert result.exit_code == 2
    assert "--mix needs --start" in result.stderr
    assert not out.exists()
