"""Detection of QR heads: the scores of a head, and a run that may be killed at any moment."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recollect.memory.errors import DataFormatError, InvalidInput
from recollect.training.qr_detection import best_heads, detect, ndcg, usual_top
from recollect.training.qr_samples import SampleSource
from recollect.training.qr_state import RunningSums, read_state, write_state
from tests.training.detection_run import RECIPE, FakeScorer, run

ROOT = Path(__file__).parents[2]


def record(number: int, *, endless: bool = False) -> str:
    passages = [{"id": place, "text": f"passage {place} says word{number}x{place}"} for place in range(15)]
    question = f"who says word{number}x{number % 15}" + " endless" * endless
    return json.dumps({"question": question, "passages": passages, "evidence": [number % 15]})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "data.jsonl"
    file.write_text("\n".join(record(number) for number in range(30)) + "\n", encoding="utf-8")
    return file


def test_ndcg_is_1_for_gold_first_and_discounts_lower_ranks() -> None:
    scores = torch.tensor([[[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [2.0, 3.0, 1.0]]])
    found = ndcg(scores, [0])
    assert found.tolist() == [[1.0, pytest.approx(0.5), pytest.approx(1 / math.log2(3))]]


def test_ndcg_counts_the_first_ten_ranks_and_keeps_the_order_of_ties() -> None:
    flat = torch.zeros(1, 1, 12)
    assert ndcg(flat, [10]).item() == 0.0
    assert ndcg(flat, [9]).item() == pytest.approx(1 / math.log2(11))
    assert ndcg(flat, [0, 1]).item() == 1.0


def test_the_heads_that_look_at_evidence_are_found_by_both_scores(data: Path, tmp_path: Path) -> None:
    for score in ("qr", "ndcg"):
        recipe = replace(RECIPE, score=score, top=2)
        found = detect(FakeScorer(), SampleSource(data), recipe, state=tmp_path / f"{score}.npz")
        assert set(found.heads) == {(1, 2), (2, 0)}
        assert (found.samples, found.skipped, found.shared) == (12, 0, 2)
    assert found.scores[1, 2] == 1.0


def test_the_qr_score_is_the_mean_over_samples_of_the_sum_over_evidence(data: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, score="qr", samples=None)
    found = detect(FakeScorer(), SampleSource(data), recipe, state=tmp_path / "state.npz")
    total = np.zeros((3, 4))
    for sample in SampleSource(data).draw(None, seed=0):
        scores = FakeScorer().scores(sample.question, sample.passages)
        total += scores[..., sorted(sample.evidence)].double().sum(-1).numpy()
    assert found.scores == pytest.approx(total / 30, abs=1e-12)


def test_of_equal_heads_the_lower_one_comes_first() -> None:
    scores = np.array([[0.0, 2.0], [2.0, 1.0]])
    assert best_heads(scores, 3) == ((0, 1), (1, 0), (1, 1))


def test_samples_that_do_not_fit_the_window_are_counted_and_skipped(tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_text("\n".join(record(n, endless=n % 3 == 0) for n in range(12)), encoding="utf-8")
    found = run(FakeScorer(), file, tmp_path / "state.npz")
    assert (found.samples, found.skipped) == (8, 4)
    file.write_text(record(1, endless=True), encoding="utf-8")
    with pytest.raises(DataFormatError, match="fits the model's window"):
        run(FakeScorer(), file, tmp_path / "other.npz")


def test_one_half_alone_says_nothing_about_robustness(tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_text(record(1), encoding="utf-8")
    assert run(FakeScorer(), file, tmp_path / "state.npz").shared is None


def test_progress_counts_samples_also_when_a_run_goes_on(data: Path, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    detect(
        FakeScorer(),
        SampleSource(data),
        RECIPE,
        state=tmp_path / "state.npz",
        on_sample=lambda done, total: heard.append((done, total)),
    )
    assert heard == [(done, 12) for done in range(13)]
    again = FakeScorer()
    detect(again, SampleSource(data), replace(RECIPE, top=5), state=tmp_path / "state.npz")
    assert again.asked == []  # another number of heads costs nothing


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_not(data: Path, tmp_path: Path) -> None:
    state, log = tmp_path / "state.npz", tmp_path / "log"
    log.touch()
    kills, moments = 0, random.Random(5)
    for waits in (1, 3, 2, 5):
        process = start(data, state, log, pause_s=0.05)
        aim = len(log.read_text().splitlines()) + waits
        while process.poll() is None and len(log.read_text().splitlines()) < aim:
            time.sleep(0.002)
        time.sleep(moments.uniform(0.0, 0.06))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert start(data, state, log, pause_s=0.0).wait() == 0
    once = run(FakeScorer(), data, tmp_path / "once.npz")
    resumed = run(FakeScorer(), data, state)
    assert kills >= 2
    assert (resumed.scores == once.scores).all()
    assert (resumed.samples, resumed.heads) == (12, once.heads)
    assert 12 <= len(log.read_text().splitlines()) <= 12 + kills  # only what was in flight is asked again


def start(data: Path, state: Path, log: Path, *, pause_s: float) -> "subprocess.Popen[bytes]":
    arguments = [data, state, log, pause_s]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.detection_run", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )


def test_the_state_of_another_model_data_or_recipe_is_refused_by_name(data: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.npz"
    run(FakeScorer(), data, state)
    before = state.read_bytes()
    other = FakeScorer()
    other.fingerprint = "another"
    with pytest.raises(InvalidInput, match=r"model 'fake', now 'another'.*delete it"):
        run(other, data, state)
    for changed in (replace(RECIPE, seed=1), replace(RECIPE, calibrate=False), replace(RECIPE, samples=5)):
        with pytest.raises(InvalidInput, match="of another detection"):
            detect(FakeScorer(), SampleSource(data), changed, state=state)
    data.write_text(data.read_text() + record(99) + "\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="data '"):
        run(FakeScorer(), data, state)
    assert state.read_bytes() == before


def test_a_damaged_state_is_an_error_and_what_a_killed_writer_left_is_none(data: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.npz"
    (tmp_path / ".state.npz.tmp").write_bytes(b"half a")
    run(FakeScorer(), data, state)
    assert not (tmp_path / ".state.npz.tmp").exists()
    for cut in (0, 10, len(state.read_bytes()) // 2):
        (tmp_path / "cut.npz").write_bytes(state.read_bytes()[:cut])
        with pytest.raises(DataFormatError, match="delete it to begin again"):
            run(FakeScorer(), data, tmp_path / "cut.npz")


def test_a_state_gives_back_what_was_written(tmp_path: Path) -> None:
    sums = RunningSums.blank(2, 3).plus(np.full((2, 3), 0.1), 1).plus(None, 0)
    write_state(tmp_path / "state.npz", {"model": "m"}, sums)
    found = read_state(tmp_path / "state.npz", {"model": "m"})
    assert found is not None
    assert (found.totals == sums.totals).all()
    assert (list(found.counted), found.seen, found.skipped) == ([0, 1], 2, 1)
    assert read_state(tmp_path / "none.npz", {"model": "m"}) is None


def test_more_heads_than_there_are_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="the model has 12"):
        detect(FakeScorer(), SampleSource(data), replace(RECIPE, top=13), state=tmp_path / "state.npz")


def test_one_to_two_percent_of_the_heads_are_worth_reading() -> None:
    assert usual_top(36, 32) == (12, 24)
    assert usual_top(1, 4) == (1, 1)
