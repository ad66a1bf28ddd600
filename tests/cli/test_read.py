"""ask, recall and context on a small store."""

from pathlib import Path

import pytest

from recollect.agent.ports import ABSTENTION
from tests.openai_server import drops, refuses, running, says

from .conftest import Run, parsed


def test_recall_lists_the_memories_best_first(run: Run, talk_store: Path) -> None:
    lines = run("--store", talk_store, "recall", "What is Alice's dog called?").stdout.splitlines()
    assert lines[0].split() == ["#", "when", "who", "words", "score"]
    assert "I adopted a beagle called Biscuit yesterday." in lines[1]
    assert "2026-03-02 18:00" in lines[1]


def test_recall_explains_how_long_every_stage_took(run: Run, talk_store: Path) -> None:
    shown = run("--store", talk_store, "recall", "dog", "--explain").stdout
    assert all(f"{stage} " in shown.splitlines()[-1] for stage in ("ms:", "embed", "lexical", "dense", "fuse"))


def test_recall_writes_json_with_scores_refs_and_dates(run: Run, talk_store: Path) -> None:
    found = parsed(run("--store", talk_store, "recall", "beagle", "--limit", "1", "--json"))
    (memory,) = found["memories"]
    assert (memory["ref"], memory["session"], memory["position"]) == ("a1", "1", 1)
    assert memory["said_at"] == "2026-03-02T18:00:00"
    assert memory["dates"][0]["label"] == "1 March 2026"
    assert set(memory["stages"]) == {"lexical", "dense", "fused", "block", "beside", "reader"}
    assert set(found["timings_ms"]) >= {"embed", "lexical", "dense", "fuse", "rerank"}


def test_filters_restrict_what_is_seen(run: Run, talk_store: Path) -> None:
    def refs(*options: str) -> set[str]:
        found = parsed(run("--store", talk_store, "recall", "dog", "--json", *options))
        return {memory["ref"] for memory in found["memories"]}

    assert refs() == {"a1", "a2", "b1", "b2"}
    assert refs("--speaker", "ben") == {"a2", "b1"}
    assert refs("--speaker", "ben", "--speaker", "Alice") == {"a1", "a2", "b1", "b2"}
    assert refs("--as-of", "2026-03-02") == refs("--until", "2026-03-02") == {"a1", "a2"}
    assert refs("--since", "2026-04-06T09:01") == {"b2"}
    assert refs("--conversation", "talk") == {"a1", "a2", "b1", "b2"}
    assert refs("--conversation", "other") == refs("--user", "other") == set()


def test_stored_control_characters_never_reach_the_terminal(run: Run, talk_store: Path) -> None:
    for command in ("recall", "context"):
        shown = run("--store", talk_store, command, "piano").stdout
        assert "\x1b" not in shown
        assert "红 🎹" in shown


def test_nothing_recalled_is_said_on_stderr(run: Run, talk_store: Path) -> None:
    result = run("--store", talk_store, "--user", "nobody", "recall", "dog")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "Nothing is remembered there.\n")


def test_a_context_is_within_its_budget(run: Run, talk_store: Path) -> None:
    found = parsed(run("--store", talk_store, "context", "dog", "--budget", "40", "--json"))
    assert 0 < found["tokens"] <= found["budget"] == 40
    result = run("--store", talk_store, "context", "Where is Lisbon?")
    assert "6 April 2026\n" in result.stdout
    assert "Ben: We went to Lisbon last week" in result.stdout
    assert "of 854 tokens" in result.stderr


@pytest.fixture
def hosted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOLLECT_GENERATOR_NAME", "hosted")
    monkeypatch.setenv("RECOLLECT_HOSTED_MODEL", "scripted")
    monkeypatch.setenv("RECOLLECT_HOSTED_MAX_RETRIES", "0")


@pytest.mark.usefixtures("hosted")
def test_an_answer_comes_with_who_said_it_when_and_in_which_words(
    run: Run, talk_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(says("Biscuit, ", "a beagle [1].")) as server:
        monkeypatch.setenv("RECOLLECT_HOSTED_BASE_URL", server.url)
        asked = ("--store", talk_store, "ask", "What is the dog called?", "--as-of", "2026-03-02T18:00")
        shown = run(*asked).stdout
        found = parsed(run(*asked, "--json"))
    assert shown.splitlines() == [
        "Biscuit, a beagle [1].",
        "  [1] Alice, 2026-03-02 18:00 (a1): “I adopted a beagle called Biscuit yesterday.”",
    ]
    assert (found["answer"], found["abstained"], found["nearest"]) == ("Biscuit, a beagle [1].", False, None)
    assert [(one["number"], one["ref"]) for one in found["citations"]] == [(1, "a1")]


@pytest.mark.usefixtures("hosted")
def test_an_answer_of_a_hosted_model_tells_its_tokens_and_with_prices_its_cost(
    run: Run, talk_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(says("Biscuit [1].", usage=(1200, 8))) as server:
        monkeypatch.setenv("RECOLLECT_HOSTED_BASE_URL", server.url)
        asked = ("--store", talk_store, "ask", "What is the dog called?")
        assert parsed(run(*asked, "--json"))["usage"] == {
            "prompt_tokens": 1200,
            "completion_tokens": 8,
            "cost_usd": None,
        }
        run("config", "set", "hosted.input_price", "2.5")
        run("config", "set", "hosted.output_price", "10")
        assert parsed(run(*asked, "--json"))["usage"]["cost_usd"] == pytest.approx(0.00308)
        shown = run(*asked)
    assert "tokens" not in shown.stdout
    assert "1,200 tokens read, 8 written, $0.0031." in shown.stderr


def test_an_offline_answer_took_no_tokens_of_a_model(run: Run, talk_store: Path) -> None:
    assert parsed(run("--store", talk_store, "ask", "What is the dog called?", "--json"))["usage"] is None


@pytest.mark.usefixtures("hosted")
def test_not_remembering_is_an_answer_too(run: Run, talk_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(says(ABSTENTION)) as server:
        monkeypatch.setenv("RECOLLECT_HOSTED_BASE_URL", server.url)
        asked = ("--store", talk_store, "ask", "Who is Carol?", "--as-of", "2026-03-02T18:00")
        found = parsed(run(*asked, "--json"))
        shown = run(*asked).stdout
    assert (found["abstained"], found["citations"], found["nearest"]["ref"]) == (True, [], "a1")
    assert shown.splitlines() == [
        ABSTENTION,
        "  nearest: Alice, 2026-03-02 18:00 (a1): “I adopted a beagle called Biscuit yesterday.”",
    ]


@pytest.mark.usefixtures("hosted")
def test_a_failing_model_is_a_clear_error(run: Run, talk_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for act in (drops(), refuses(500, "boom")):
        with running(act) as server:
            monkeypatch.setenv("RECOLLECT_HOSTED_BASE_URL", server.url)
            result = run("--store", talk_store, "ask", "x")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("Error: ")
        assert server.url in result.stderr


def test_a_hosted_model_without_a_name_says_what_to_set(run: Run, talk_store: Path) -> None:
    assert run("config", "set", "generator.name", "hosted").exit_code == 0
    result = run("--store", talk_store, "ask", "x")
    assert result.exit_code == 1
    assert "recollect config set hosted.model" in result.stderr


def test_the_offline_agent_answers_with_a_citation(run: Run, talk_store: Path) -> None:
    found = parsed(run("--store", talk_store, "ask", "When did Alice adopt a beagle?", "--json"))
    assert not found["abstained"]
    assert "a1" in [one["ref"] for one in found["citations"]]
