"""The block ranker's weights as a file: there and back, checked, refused when they are not what they should be."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from recollect.memory.embedder import MINILM_SHA256
from recollect.memory.errors import WeightsCorrupt
from recollect.rerank.adapter import Adapter
from recollect.rerank.block_weights import (
    FORMAT,
    SHIPPED,
    SHIPPED_SHA256,
    BlockWeights,
    load_weights,
    save_weights,
    shipped_weights,
)

NOTHING = Adapter(down={}, up={})


def test_weights_come_back_as_they_were_saved_factors_in_bf16(tmp_path: Path) -> None:
    adapter = Adapter(down={"2.qkv": torch.randn(2, 384)}, up={"2.qkv": torch.randn(1152, 2)})
    saved = BlockWeights(adapter=adapter, reading=torch.randn(149))
    sha256 = save_weights(saved, tmp_path / "ranker.safetensors", told={"seed": 1})
    loaded = load_weights(tmp_path / "ranker.safetensors", sha256=sha256)
    assert torch.equal(loaded.reading, saved.reading)
    assert loaded.adapter.up.keys() == loaded.adapter.down.keys() == {"2.qkv"}
    assert torch.equal(loaded.adapter.up["2.qkv"], adapter.up["2.qkv"].to(torch.bfloat16))
    assert torch.equal(loaded.adapter.down["2.qkv"], adapter.down["2.qkv"].to(torch.bfloat16))
    with safe_open(tmp_path / "ranker.safetensors", framework="pt") as file:
        assert file.metadata()["encoder"] == MINILM_SHA256


def test_the_same_weights_are_the_same_file(tmp_path: Path) -> None:
    weights = BlockWeights(adapter=NOTHING, reading=torch.ones(149))
    told = ({"seed": 1, "rank": 2}, {"rank": 2, "seed": 1})
    found = {save_weights(weights, tmp_path / "ranker.safetensors", told=told[turn % 2]) for turn in range(8)}
    assert len(found) == 1  # safetensors writes metadata in any order
    with safe_open(tmp_path / "ranker.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["told"]) == told[0]


def test_weights_of_another_encoder_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ranker.safetensors"
    save_file({"reading": torch.ones(149)}, path, metadata={"format": FORMAT, "encoder": "0" * 64})
    with pytest.raises(WeightsCorrupt, match=r"no block ranker of this version .*; install Recollect again"):
        load_weights(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ranker.safetensors"
    ours = {"format": FORMAT, "encoder": MINILM_SHA256}
    up, down = torch.ones(3, 2), torch.ones(2, 3)
    for tensors, metadata in (
        ({"reading": torch.ones(149)}, None),
        ({"reading": torch.ones(149)}, ours | {"format": "0"}),
        ({"up.2.qkv": up, "down.2.qkv": down}, ours),
        ({"reading": torch.ones(149), "up.2.qkv": up}, ours),
        ({"reading": torch.ones(149), "up.2.qkv": up, "down.3.qkv": down}, ours),
    ):
        save_file(tensors, path, metadata=metadata)
        with pytest.raises(WeightsCorrupt, match=r"ranker\.safetensors holds no block ranker of this version"):
            load_weights(path)


def test_a_damaged_file_is_refused_and_it_is_said_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "ranker.safetensors"
    sha256 = save_weights(BlockWeights(adapter=NOTHING, reading=torch.ones(149)), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # one bit, in a number
    with pytest.raises(WeightsCorrupt, match=rf"expected {sha256}; install Recollect again: pip install"):
        load_weights(path, sha256=sha256)
    path.write_bytes(whole[:50])
    with pytest.raises(WeightsCorrupt, match=r"Cannot read .*ranker\.safetensors.*; install Recollect again"):
        load_weights(path)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    for sha256 in (None, "0" * 64):
        with pytest.raises(WeightsCorrupt, match=r"Cannot read .*absent.*; install Recollect again"):
            load_weights(tmp_path / "absent", sha256=sha256)


def test_what_ships_is_small_checked_and_fits_the_encoder() -> None:
    shipped = Path(str(files("recollect.rerank").joinpath(SHIPPED)))
    assert shipped.stat().st_size < 8_000_000
    weights = load_weights(shipped, sha256=SHIPPED_SHA256)
    assert torch.equal(shipped_weights().reading, weights.reading)
    assert weights.reading.shape == (2 * 72 + 5,)
    assert all(bool(torch.isfinite(one).all()) for one in [weights.reading, *weights.adapter.up.values()])
    for name, down in weights.adapter.down.items():
        assert name.split(".")[1] in {"qkv", "attended", "up", "down"}
        assert down.shape[0] == weights.adapter.up[name].shape[1]
