"""stats, reembed and forget."""

from pathlib import Path

import pytest

from tests.openai_server import embeds, running

from .conftest import Run, parsed


def test_stats_counts_and_looks_at_the_indexes(run: Run, talk_store: Path) -> None:
    found = parsed(run("--store", talk_store, "stats", "--json"))
    assert (found["turns"], found["sessions"], found["users"]) == (4, 2, 1)
    assert found["turns_by_user"] == {"default": 4}
    assert (found["embedder"], found["vectors_missing"]) == ("all-MiniLM-L6-v2", 0)
    assert found["bytes_on_disk"] > 0
    assert "all-MiniLM-L6-v2" in run("--store", talk_store, "stats").stdout


def test_sessions_are_listed_with_their_turns(run: Run, talk_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    assert run("--store", store, "import", talk_file).exit_code == 0
    assert run("--store", store, "add", "Bye", "--session", "3", "--said-at", "2026-05-01").exit_code == 0
    lines = run("--store", store, "sessions").stdout.splitlines()
    assert sorted(lines) == ["default\t3\t1 turn", "talk\t1\t2 turns", "talk\t2\t2 turns"]


def test_a_store_of_another_embedder_is_refused_until_it_is_embedded_again(
    run: Run, talk_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "a.db"
    assert run("--store", store, "import", talk_file).exit_code == 0
    monkeypatch.setenv("RECOLLECT_EMBEDDER_NAME", "endpoint")
    monkeypatch.setenv("RECOLLECT_EMBEDDER_MODEL", "tiny")
    with running(embeds(lambda text: [float(len(text)), 1.0, 2.0])) as server:
        monkeypatch.setenv("RECOLLECT_EMBEDDER_BASE_URL", server.url)
        refused = run("--store", store, "recall", "dog")
        assert (refused.exit_code, f"recollect reembed --store {store}" in refused.stderr) == (1, True)
        assert parsed(run("--store", store, "stats", "--json"))["embedder"] == "all-MiniLM-L6-v2"
        made = run("reembed", "--store", store)
        assert (made.exit_code, made.stdout.startswith("Made 4 vectors with ")) == (0, True)
        assert run("--store", store, "recall", "dog").exit_code == 0
        assert run("reembed", "--store", store).stdout.startswith("Made 0 vectors")


def test_forgetting_asks_first_and_keeps_to_the_user(run: Run, talk_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    assert run("--store", store, "import", talk_file).exit_code == 0
    assert "Nothing was forgotten." in run("--store", store, "forget", "1", stdin="n\n").stdout
    assert run("--store", store, "forget", "1", stdin="").exit_code == 130
    assert run("--store", store, "--user", "eve", "forget", "1", "--yes").exit_code == 1
    assert run("--store", store, "forget", "1", "99", "--yes").exit_code == 1
    assert parsed(run("--store", store, "stats", "--json"))["turns"] == 4
    result = run("--store", store, "forget", "1", stdin="y\n")
    assert (result.exit_code, "1: I adopted a beagle" in result.stdout) == (0, True)
    assert "Forget this for good?" in result.stdout  # "Forget 1" would look like the id
    assert "Forgot 1 memory." in result.stdout
    found = parsed(run("--store", store, "recall", "beagle Biscuit", "--json"))["memories"]
    assert "a1" not in [one["ref"] for one in found]
