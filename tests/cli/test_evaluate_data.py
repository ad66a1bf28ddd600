"""eval data: what is in a data set, and the account of what was skipped or repaired."""

import json
from pathlib import Path

from tests.evals.longmemeval_miniature import miniature

from .conftest import Run, parsed
from .test_import import locomo_conversation


def test_a_data_set_is_shown_with_its_digest_counts_and_account(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "lme.json"
    file.write_text(json.dumps(miniature()))
    shown = run("eval", "data", file)
    assert shown.exit_code == 0
    words = [line.split() for line in shown.stdout.splitlines()]
    assert ["lme.json"] in words
    assert ["release", "none", "that", "is", "known"] in words
    assert ["turns", "13", "in", "9", "sessions"] in words
    assert ["multi-session", "1"] in words
    assert ["unanswerable", "1"] in words
    assert "2 × turn without text; left out" in shown.stdout
    assert "q_flat: 'answer_c'" in shown.stdout


def test_only_the_first_places_of_a_kind_are_named_unless_all_are_asked_for(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "locomo.json"
    conversation = json.loads(json.dumps(locomo_conversation("conv-1")))
    conversation["conversation"] |= {f"session_{number}": [] for number in range(90, 95)}
    file.write_text(json.dumps([conversation]))
    brief, full = run("eval", "data", file).stdout, run("eval", "data", file, "--all").stdout
    assert "… and 2 more; --all lists them" in brief
    assert [f"conv-1 session_{number}" in brief for number in range(90, 95)] == [True, True, True, False, False]
    assert all(f"conv-1 session_{number}" in full for number in range(90, 95))


def test_programs_read_every_problem_as_json(run: Run, tmp_path: Path) -> None:
    lme, locomo = tmp_path / "lme.json", tmp_path / "locomo.json"
    lme.write_text(json.dumps(miniature()))
    locomo.write_text(json.dumps([locomo_conversation("conv-1")]))
    first, second = parsed(run("eval", "data", lme, locomo, "--json"))
    assert (first["name"], first["release"], len(first["problems"])) == ("lme.json", None, 12)
    assert first["questions_by_evidence"] == {"1": 2, "3": 1}
    assert second["conversations"] == 1


def test_an_unknown_format_is_an_error_that_says_what_can_be_read(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("hello")
    refused = run("eval", "data", file)
    assert refused.exit_code == 1
    assert "LongMemEval's published JSON" in refused.stderr
