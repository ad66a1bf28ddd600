"""eval locomo, eval run and eval resume: systems side by side, in a folder that can be gone on with."""

import json
from pathlib import Path

import pytest

from recollect.config_keys import RERANKERS
from tests.openai_server import running, says
from tests.tiny_cross_encoders import write_cross_encoder
from tests.tiny_models import write_model

from .conftest import Run, parsed
from .test_import import locomo_conversation


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "locomo.json"
    made.write_text(json.dumps([locomo_conversation("conv-1"), locomo_conversation("conv-2")]))
    return made


def test_tables_are_printed_and_figures_written(run: Run, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    result = run("eval", "locomo", file, "--retrieval", "--rerank", "none", "--budget", "100", "--json", out)
    assert result.exit_code == 0, result.stderr
    for part in ("p50 / p95", "2 questions asked", "contexts of 100 tokens", "By category"):
        assert part in result.stdout
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert list(figures["systems"]) == ["none"]
    assert figures["systems"]["none"]["n"]["recall@100"] == 2
    assert figures["systems"]["none"]["metrics"]["recall@100"] == 100.0
    options = figures["protocol"]["systems"][0]["options"]
    assert options == {"reranker": "none", "first stage": "z, dense weight 0.75"}


def test_settings_given_as_flags_belong_to_the_run(run: Run, file: Path) -> None:
    figures = parsed(run("eval", "locomo", file, "--retrieval", "--fusion", "rrf", "--json", "-"))
    assert figures["protocol"]["systems"][0]["options"]["first stage"] == "rrf, dense weight 0.75"
    assert figures["protocol"]["systems"][0]["options"]["reranker"] == "block"


def test_rerankers_stand_in_one_table(run: Run, file: Path) -> None:
    both = ["--rerank", "none", "--rerank", "block", "--rerank", "none"]
    result = run("eval", "locomo", file, "--retrieval", *both)
    assert result.exit_code == 0, result.stderr
    assert "Difference to none" in result.stdout
    figures = parsed(run("eval", "locomo", file, "--retrieval", *both, "--json", "-"))
    assert list(figures["systems"]) == ["none", "block"]
    assert figures["systems"]["block"]["metrics"]["recall@854"] == 100.0
    assert figures["systems"]["block"]["difference"]["R@1"]["n"] == 2


def test_a_reranker_that_fails_is_told_and_the_others_go_on(run: Run, file: Path, tmp_path: Path) -> None:
    options = ["--rerank", "cross_encoder", "--rerank", "none", "--rerank-model", tmp_path / "absent"]
    result = run("eval", "locomo", file, "--retrieval", *options)
    assert result.exit_code == 0, result.stderr
    assert "cross_encoder (2 failed, as 0)" in result.stdout
    assert "cross_encoder failed on 2 questions" in result.stderr
    alone = run("eval", "locomo", file, "--retrieval", *options[:2], *options[4:])
    assert (alone.exit_code, str(tmp_path / "absent") in alone.stderr) == (1, True)


def test_rerankers_of_every_family_are_compared(
    run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {
        "qr": write_model(tmp_path / "decoder", "qwen3"),
        "cross_encoder": write_cross_encoder(tmp_path / "encoder", "bert"),
    }
    options = [word for name in RERANKERS for word in ("--rerank", name)]
    options += [word for name, folder in folders.items() for word in ("--rerank-model", f"{name}={folder}")]
    with running(says("[1]", usage=(100, 5))) as server:
        monkeypatch.setenv("RECOLLECT_HOSTED_BASE_URL", server.url)
        monkeypatch.setenv("RECOLLECT_HOSTED_MODEL", "tiny")
        monkeypatch.setenv("OPENAI_API_KEY", "not needed")
        command = ["eval", "locomo", file, "--retrieval", "--rerank-heads", "1-0,2-3", *options, "--json", "-"]
        figures = parsed(run(*command))
    assert list(figures["systems"]) == list(RERANKERS)
    assert {figures["systems"][name]["failed"] for name in RERANKERS} == {0}
    costs = {name: figures["systems"][name]["cost"] for name in RERANKERS}
    assert (costs["none"]["reranker_tokens"], costs["none"]["reranker_gflops"]) == (0.0, 0.0)
    for name in ("block", "block_heads", "qr", "cross_encoder"):
        assert costs[name]["reranker_tokens"] > 0
        assert costs[name]["reranker_gflops"] is not None
    assert costs["block"]["reranker_tokens"] > costs["block_heads"]["reranker_tokens"]  # a second look
    hosted = costs["listwise_llm"]
    assert (hosted["reranker_tokens"], hosted["reranker_gflops"], hosted["llm_calls"]) == (100.0, None, 1.0)
    assert (hosted["prompt_tokens"], hosted["completion_tokens"]) == (100.0, 5.0)
    models = {one["name"]: one["options"].get("model") for one in figures["protocol"]["systems"]}
    assert models == {
        "none": None,
        "block": None,
        "block_heads": None,
        "qr": str(folders["qr"]),
        "cross_encoder": str(folders["cross_encoder"]),
        "listwise_llm": "tiny",
    }
    assert {figures["systems"][name]["metrics"]["recall@854"] for name in RERANKERS} == {100.0}


def test_chunks_are_ranked_beside_bm25(run: Run, file: Path) -> None:
    figures = parsed(run("eval", "locomo", file, "--retrieval", "--unit", "chunk", "--json", "-"))
    assert list(figures["systems"]) == ["block, chunk", "BM25, chunk"]
    assert figures["protocol"]["units"]["chunk"].startswith("chunk of at most 325 tokens (")
    assert figures["protocol"]["ks"] == [1, 3, 5, 10]
    assert figures["systems"]["block, chunk"]["metrics"]["R@3"] == 100.0


def test_all_baselines_and_units_run_together(run: Run, file: Path) -> None:
    units = [word for name in ("turn", "window", "session") for word in ("--unit", name)]
    command = ["eval", "locomo", file, "--retrieval", "--rerank", "none", "--baselines", *units, "--json", "-"]
    figures = parsed(run(*command))
    assert len(figures["systems"]) == 3 * 9
    assert figures["systems"]["oracle, session"]["metrics"]["R@1"] == 100.0
    assert figures["baselines"]["window"] == "none, window"


def test_every_system_and_unit_stands_in_one_run_with_events(run: Run, file: Path, tmp_path: Path) -> None:
    names = ("turn", "window", "chunk", "session")
    units = [word for name in names for word in ("--unit", name)]
    rerankers = [word for name in ("none", "block", "qr", "cross_encoder") for word in ("--rerank", name)]
    models = [
        *("--rerank-model", f"qr={write_model(tmp_path / 'decoder', 'qwen3')}", "--rerank-heads", "1-0,2-3"),
        *("--rerank-model", f"cross_encoder={write_cross_encoder(tmp_path / 'encoder', 'bert')}"),
    ]
    command = ["eval", "locomo", file, "--retrieval", *rerankers, *models, "--events", "--baselines", *units]
    figures = parsed(run(*command, "--out", tmp_path / "run", "--json", "-"))
    own = ["none", "block", "block + events", "qr", "qr + events", "cross_encoder"]
    assert [one["name"] for one in figures["protocol"]["systems"][:6]] == own
    assert len(figures["systems"]) == 4 * (6 + 8)
    assert {one["failed"] for one in figures["systems"].values()} == {0}
    options = {one["name"]: one["options"] for one in figures["protocol"]["systems"]}
    assert options["block + events"]["events"] == "extractive"
    assert "events" not in options["block"]
    events = figures["systems"]["block + events"]["cost"]
    assert events["reranker_tokens"] > figures["systems"]["block"]["cost"]["reranker_tokens"]
    assert events["ingest_turns_per_second"] is not None
    assert figures["systems"]["recency"]["cost"]["ingest_turns_per_second"] is None
    alone = parsed(run("eval", "locomo", file, "--retrieval", "--rerank", "none", "--rerank", "block", "--json", "-"))
    for name in ("none", "block"):  # events are nobody else's
        assert alone["systems"][name]["metrics"] == figures["systems"][name]["metrics"]
        assert alone["systems"][name]["cost"]["context_tokens"] == figures["systems"][name]["cost"]["context_tokens"]


def test_a_plan_names_systems_with_events(run: Run, file: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    systems = (
        '["none", "block", "block + events", { name = "events, unread", reranker = "none", events = true }, "RRF"]'
    )
    plan.write_text(f'data = ["locomo.json"]\nsystems = {systems}\nunits = ["turn", "chunk"]\n')
    figures = parsed(run("eval", "run", plan, "--json", "-"))
    names = ["none", "block", "block + events", "events, unread", "RRF"]
    assert list(figures["systems"]) == [*names, *(f"{name}, chunk" for name in names)]
    assert {one["failed"] for one in figures["systems"].values()} == {0}


def test_answers_are_scored_judged_and_audited(
    run: Run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = json.loads(file.read_text())[0]
    question = conversation["qa"][0]
    audit = tmp_path / "audit.json"
    audit.write_text(json.dumps([{"question": question["question"], "answers": ["something else entirely"]}]))
    with running(says("CORRECT")) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "not needed")
        judge = ["--judge-model", "judge-1", "--judge-base-url", server.url, "--audit", audit]
        command = ["eval", "locomo", file, "--answer", "--rerank", "none", "--system", "oracle", *judge]
        figures = parsed(run(*command, "--json", "-"))
    assert figures["protocol"]["answers"]["judge"] == "judge-1"
    assert "Accepted answers" in figures["protocol"]["answers"]["judge_prompt"]
    for name in ("none", "oracle"):
        system = figures["systems"][name]
        assert system["metrics"]["judge"] == 100.0
        assert {"F1", "EM", "F1 audited"} <= set(system["metrics"])
        assert system["cost"]["llm_calls"] == 0  # the judge's calls are not the system's
        assert system["latency_ms"]["generate"]["p50"] > 0


def test_a_run_in_a_folder_goes_on_and_is_reported(run: Run, file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    options = ["--retrieval", "--rerank", "none", "--out", folder]
    first = run("eval", "locomo", file, *options, "--json", "-")
    assert f"recollect eval report {folder}" in first.stderr
    records = (folder / "records.jsonl").read_text().splitlines()
    resumed = run("eval", "resume", folder, "--json", "-")
    assert json.loads(resumed.stdout)["systems"] == json.loads(first.stdout)["systems"]
    assert (folder / "records.jsonl").read_text().splitlines() == records  # nothing was asked again
    added = run("eval", "locomo", file, *options, "--system", "BM25", "--json", "-")
    assert list(json.loads(added.stdout)["systems"]) == ["none", "BM25"]
    assert (folder / "records.jsonl").read_text().splitlines()[: len(records)] == records
    other = run("eval", "locomo", file, *options, "--seed", "7")
    assert (other.exit_code, "seed = 7, not 0" in other.stderr) == (1, True)
    assert run("eval", "report", folder).exit_code == 0
    assert (folder / "report.html").exists()


def test_a_plan_is_run_from_a_file(run: Run, file: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'data = ["locomo.json"]\nsystems = ["none", "BM25"]\nsample = 1\n[settings]\nrecall.fusion = "rrf"\n'
    )
    figures = parsed(run("eval", "run", plan, "--json", "-"))
    assert figures["protocol"]["sample"] == 1
    assert figures["protocol"]["systems"][0]["options"]["first stage"] == "rrf, dense weight 0.75"
    plan.write_text('data = ["locomo.json"]\nsystems = ["bm26"]\n')
    wrong = run("eval", "run", plan)
    assert (wrong.exit_code, "did you mean 'BM25'?" in wrong.stderr) == (1, True)


def test_several_files_are_one_run(run: Run, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "more.json"
    other.write_text(file.read_text())
    figures = parsed(run("eval", "run", file, other, "--rerank", "none", "--json", "-"))
    assert list(figures["protocol"]["data"]) == ["locomo.json", "more.json"]
    assert figures["protocol"]["asked"] == 4


def test_what_cannot_be_measured_is_refused_before_it_begins(run: Run, file: Path, tmp_path: Path) -> None:
    assert run("eval", "locomo", file).exit_code == 2
    assert run("eval", "locomo", file, "--retrieval", "--rerank", "magic").exit_code == 2
    assert run("eval", "locomo", file, "--retrieval", "--json", tmp_path / "no" / "out.json").exit_code == 2
    assert run("eval", "locomo", file, "--retrieval", "--category", "tempural").exit_code == 1
    file.write_text("{}")
    assert run("eval", "locomo", file, "--retrieval").exit_code == 1
