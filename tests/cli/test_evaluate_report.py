"""eval report, eval compare: pages and differences of a run that lies in a folder."""

import json
from collections.abc import Iterable
from pathlib import Path

from recollect.evals.plan import AnswerPlan, Plan
from recollect.evals.record import QuestionRecord
from recollect.evals.run_folder import open_run
from recollect.evals.system_spec import spec_named
from tests.evals.miniature import ABSTAIN, asked, context, given, protocol, record

from .conftest import Run, parsed

QUESTIONS = tuple(
    asked(f"c{conversation}/q{number}", "a", category="temporal" if number % 2 else "single-hop", answers=("nine",))
    for conversation in (1, 2, 3)
    for number in range(4)
)
TRAP = asked("c1/trap", (), rule=ABSTAIN)


def run_folder(folder: Path, *records: QuestionRecord, systems: Iterable[str] = ("none", "oracle")) -> Path:
    """A run that was made earlier: budgets of 20 tokens, the first rank alone."""
    specs = tuple(spec_named(name) for name in systems)
    answers = AnswerPlan() if any(one.given for one in records) else None
    plan = Plan(data=("mini.json",), systems=specs, budgets=(20,), ks=(1,), answers=answers)
    with open_run(folder, plan, protocol(budgets=(20,), ks=(1,))) as run:
        for one in records:
            run.append(one)
    return folder


def half_right(system: str = "none", *, text: str = "") -> list[QuestionRecord]:
    """A system that finds the evidence of every other question, and says the same to all."""
    answer = given(text) if text else None
    return [
        record(question, found, context(20, found, 9), system=system, given=answer)
        for question, found in zip(QUESTIONS, "ax" * 6, strict=True)
    ]


def all_right(system: str = "oracle", *, text: str = "") -> list[QuestionRecord]:
    answer = given(text) if text else None
    return [record(question, "a", context(20, "a", 9), system=system, given=answer) for question in QUESTIONS]


# -- eval report ---------------------------------------------------------------------------------


def test_a_report_is_a_page_a_text_and_figures_for_programs(run: Run, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *half_right(), *all_right())
    shown = run("eval", "report", folder)
    assert shown.exit_code == 0, shown.stderr
    names = ("report.html", "report.md", "summary.json")
    assert shown.stdout.split() == [str(folder / name) for name in names]
    page, text, figures = ((folder / name).read_text(encoding="utf-8") for name in names)
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert "| none | 50.0<br>" in text
    assert json.loads(figures)["systems"]["none"]["metrics"]["recall@20"] == 50.0
    assert json.loads(figures)["systems"]["oracle"]["metrics"]["recall@20"] == 100.0


def test_a_report_can_lie_elsewhere_and_be_written_again(run: Run, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *half_right())
    for _ in range(2):
        assert run("eval", "report", folder, "--out", tmp_path / "site" / "report").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "site" / "report").iterdir()) == [
        "report.html",
        "report.md",
        "summary.json",
    ]
    assert not (folder / "report.html").exists()


def test_a_report_scores_answers_by_the_rules(run: Run, tmp_path: Path) -> None:
    declined = record(TRAP, given=given("I do not know.", declined=True), system="none")
    folder = run_folder(tmp_path / "run", *half_right(text="nine"), declined, systems=("none",))
    assert run("eval", "report", folder).exit_code == 0
    figures = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["systems"]["none"]
    assert (figures["metrics"]["F1"], figures["n"]["F1"]) == (100.0, 12)
    assert (figures["abstention"]["precision"], figures["abstention"]["recall"]) == (100.0, 100.0)
    assert "## Answers, %" in (folder / "report.md").read_text(encoding="utf-8")


def test_a_run_that_was_stopped_has_a_report_of_what_it_has(run: Run, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *half_right()[:3])
    with (folder / "records.jsonl").open("ab") as file:
        file.write(b'{"kind": "quest')
    assert run("eval", "report", folder).exit_code == 0
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8"))["systems"]["none"]["n"]["recall@20"] == 3


def test_a_folder_without_a_run_is_an_error_that_says_how_to_make_one(run: Run, tmp_path: Path) -> None:
    refused = run("eval", "report", tmp_path)
    assert refused.exit_code == 1
    assert "is no folder of a run" in refused.stderr
    assert "recollect eval run" in refused.stderr


def test_a_report_that_cannot_be_written_is_an_error(run: Run, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *half_right())
    (tmp_path / "file").write_text("")
    refused = run("eval", "report", folder, "--out", tmp_path / "file" / "report")
    assert refused.exit_code == 1
    assert "cannot be written into" in refused.stderr


# -- eval compare --------------------------------------------------------------------------------


def test_two_systems_of_a_run_are_compared(run: Run, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *half_right(), *all_right())
    (one,) = parsed(run("eval", "compare", f"{folder}:none", f"{folder}:oracle", "--json"))["comparisons"]
    assert (one["a"], one["b"], one["pairs"], one["conversations"]) == ("none", "oracle", 12, 3)
    assert one["overall"]["recall@20"]["value"] == 50.0
    assert one["overall"]["recall@20"]["significant"]
    assert one["by_category"]["temporal"]["recall@20"] == {**one["by_category"]["temporal"]["MRR"]}
    assert one["by_category"]["single-hop"]["recall@20"]["value"] == 0.0
    assert not one["by_category"]["single-hop"]["recall@20"]["significant"]


def test_the_table_tells_differences_by_category_with_stars_and_pairs(run: Run, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *half_right(), *all_right())
    shown = run("eval", "compare", f"{folder}:none", f"{folder}:oracle").stdout
    assert "oracle minus none" in shown
    (row,) = (line for line in shown.splitlines() if "recall@20" in line)
    assert "+50.0" in row
    assert "*" in row
    assert "temporal (6)" in " ".join(shown.split())
    assert "12 pairs of questions" in shown
    assert "any@20" not in shown
    assert "any@20" in run("eval", "compare", f"{folder}:none", f"{folder}:oracle", "--all").stdout


def test_systems_of_the_same_name_in_two_runs_are_compared_and_what_differs_is_told(run: Run, tmp_path: Path) -> None:
    before = run_folder(tmp_path / "before", *half_right(), *all_right())
    after = tmp_path / "after"
    plan = Plan(data=("mini.json",), systems=(spec_named("none"),), budgets=(20, 30), ks=(1,))
    with open_run(after, plan, protocol(budgets=(20, 30), ks=(1,), tokenizer="letters")) as sink:
        for one in all_right("none")[:9]:
            sink.append(one)
    shown = run("eval", "compare", before, after)
    assert shown.exit_code == 0, shown.stderr
    assert "tokenizer differs: words and letters." in shown.stderr
    assert "budgets differs: [20] and [20, 30]." in shown.stderr
    said = shown.stdout.replace("\n", "").replace(" ", "")  # lines break inside of long paths
    assert f"{after}:noneminus{before}:none" in said
    assert "9pairsofquestions" in said
    assert f"3onlyin{before}:none" in said
    assert "oracle" not in said  # the second run has none


def test_a_system_without_a_result_yet_is_told_and_the_others_are_compared(run: Run, tmp_path: Path) -> None:
    before = run_folder(tmp_path / "before", *half_right(), *all_right())
    after = run_folder(tmp_path / "after", *half_right())
    shown = run("eval", "compare", before, after)
    assert shown.exit_code == 0, shown.stderr
    assert "has no result of oracle yet" in " ".join(shown.stderr.split())
    assert "12 pairs of questions" in shown.stdout
    refused = run("eval", "compare", f"{before}:oracle", f"{after}:oracle")
    assert refused.exit_code == 1
    assert "continue the run first" in " ".join(refused.stderr.split())


def test_answers_are_compared_too(run: Run, tmp_path: Path) -> None:
    before = run_folder(tmp_path / "before", *half_right(text="ten"), systems=("none",))
    after = run_folder(tmp_path / "after", *half_right(text="nine"), systems=("none",))
    (one,) = parsed(run("eval", "compare", before, after, "--json"))["comparisons"]
    assert one["overall"]["F1"]["value"] == 100.0
    assert one["overall"]["recall@20"]["value"] == 0.0


def test_a_run_is_not_compared_with_itself(run: Run, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *half_right(), *all_right())
    refused = run("eval", "compare", folder, folder)
    assert refused.exit_code == 1
    assert "Say which systems to compare" in refused.stderr
    assert "none; oracle" in refused.stderr


def test_an_unknown_system_is_an_error_that_names_those_there_are(run: Run, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", *half_right(), *all_right())
    refused = run("eval", "compare", f"{folder}:none", f"{folder}:block")
    assert refused.exit_code == 1
    assert "has no system 'block'; it has none; oracle" in refused.stderr


def test_folders_may_have_colons_in_their_names(run: Run, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "10:30", *half_right(), *all_right())
    (one,) = parsed(run("eval", "compare", f"{folder}:none", f"{folder}:oracle", "--json"))["comparisons"]
    assert (one["a"], one["b"]) == ("none", "oracle")


def test_runs_without_a_common_question_are_an_error(run: Run, tmp_path: Path) -> None:
    before = run_folder(tmp_path / "before", *half_right()[:4], systems=("none",))
    after = run_folder(tmp_path / "after", *half_right()[4:], systems=("none",))
    refused = run("eval", "compare", before, after)
    assert refused.exit_code == 1
    assert "no question in common" in refused.stderr
