"""What people see in a terminal: every system, every category, and what may be chance."""

import os
from dataclasses import replace

import pytest
from rich.console import Console
from rich.table import Table

from recollect.evals.record import Cost, IngestRecord
from recollect.evals.summarise import summarise
from recollect.evals.summary import Difference, RunSummary
from recollect.evals.tables import (
    all_tables,
    answer_table,
    any_all_table,
    category_table,
    cost_table,
    difference_table,
    latency_table,
    overall_table,
    shown_difference,
)
from tests.evals.miniature import ABSTAIN, asked, context, exact, given, protocol, record

Q1 = asked("c1/q1", "ab", category="temporal", answers=("nine",))
Q2 = asked("c2/q1", "a", answers=("ten",))
Q3 = asked("c2/q2", "a", rule=ABSTAIN)
WIDTH = 160


@pytest.fixture
def summary() -> RunSummary:
    return summarise(
        protocol(),
        [
            IngestRecord(system="store", conversation="c1", turns=10, seconds=4.0),
            record(Q1, "a", context(854, "a", 800), timings_ms={"recall": 1.0, "total": 2.0}, pool=("a", "b")),
            record(Q2, "x", context(854, "x", 801), timings_ms={"recall": 1.0, "total": 2.0}, pool=("x",)),
            record(Q1, "ab", context(854, "ab", 700), system="[bold]", timings_ms={"rerank": 30.0}),
            record(Q2, "a", context(854, "a", 700), system="[bold]", cost=Cost(reranker_tokens=2_468)),
            record(Q2, error="timed out", system="qr"),
            record(Q1, "b", context(854, "b", 12), system="qr"),
        ],
        ks=(1,),
        budgets=(854,),
        peak_rss_mib=1_234.5,
    )


def printed(table: Table, width: int = WIDTH) -> list[list[str]]:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(table)
    return [line.replace("│", " ").replace("┃", " ").split() for line in console.export_text().split("\n")]


def test_the_main_table_has_a_row_for_each_system(summary: RunSummary) -> None:
    rows = printed(overall_table(summary, caption="mini.json [2 conversations]"))
    assert ["recall", "nDCG", "tokens"] in rows
    assert ["system", "n", "@854", "R@1", "MRR", "@10", "pool", "@854"] in rows
    assert ["bm25", "2", "25.00", "25.00", "50.00", "30.66", "50.00", "800"] in rows
    assert ["[bold]", "2", "100.00", "75.00", "100.00", "100.00", "–", "700"] in rows
    assert ["qr", "(1", "failed,", "as", "0)", "2", "25.00", "25.00", "50.00", "30.66", "–", "12.0"] in rows
    assert ["mini.json", "[2", "conversations]"] in rows


def test_differences_are_shown_in_points_with_their_interval(summary: RunSummary) -> None:
    rows = printed(difference_table(summary, ["recall@854", "R@1"]))
    assert any(row[:4] == ["Difference", "to", "bm25,", "points"] for row in rows)
    start = rows.index(["[bold]", "+75.0**", "+50.0"])
    assert rows[start + 1] == ["[50.0,", "100.0]", "[0.0,", "100.0]"]
    assert "bootstrap over 2 conversations" in " ".join(word for row in rows for word in row)


def test_stars_say_what_is_significant() -> None:
    change = Difference(metric="R@1", value=0.05, low=0.01, high=0.1, n=9, p=0.02)
    assert shown_difference(change) == "+5.0*\n[1.0, 10.0]"
    assert shown_difference(replace(change, survives_holm=True)) == "+5.0**\n[1.0, 10.0]"
    assert shown_difference(replace(change, low=-0.01)) == "+5.0\n[-1.0, 10.0]"
    assert shown_difference(None) == "–"


def test_categories_show_every_system(summary: RunSummary) -> None:
    rows = printed(category_table(summary, ["recall@854", "R@1", "pool"]))
    start = rows.index(["temporal", "(1)", "bm25", "50.00", "50.00", "100.00"])
    assert rows[start + 1] == ["[bold]", "100.00", "50.00", "–"]
    assert ["single-hop", "(1)", "bm25", "0.00", "0.00", "0.00"] in rows


def test_any_and_all_stand_together(summary: RunSummary) -> None:
    rows = printed(any_all_table(summary))
    assert ["system", "854", "tokens", "first", "1"] in rows
    assert ["bm25", "50.0/0.0", "50.0/0.0"] in rows
    assert ["[bold]", "100.0/100.0", "100.0/50.0"] in rows


def test_stages_stand_side_by_side(summary: RunSummary) -> None:
    rows = printed(latency_table(summary))
    assert ["system", "recall", "total", "rerank"] in rows
    assert ["bm25", "1.0", "/", "1.0", "2.0", "/", "2.0", "–"] in rows
    assert ["[bold]", "–", "–", "30.0", "/", "30.0"] in rows


def test_costs_that_nobody_has_are_left_out(summary: RunSummary) -> None:
    rows = printed(cost_table(summary))
    assert ["system", "@854", "reranker", "tokens", "ingest", "turns/s"] in rows
    assert ["bm25", "800", "–", "2.5"] in rows
    assert ["[bold]", "700", "2,468", "2.5"] in rows
    assert ["Peak", "memory", "of", "the", "process:", "1,234", "MiB"] in rows


def test_answers_show_how_often_a_system_declined() -> None:
    summary = summarise(
        protocol(),
        [
            record(Q1, given=given("nine", tokens=4)),
            record(Q2, given=given("", declined=True, tokens=2)),
            record(Q3, given=given("", declined=True)),
        ],
        score_answer=exact,
    )
    rows = printed(answer_table(summary))
    assert ["bm25", "2", "25.00", "50.00", "2.0", "2", "of", "3", "50.00", "100.00"] in rows
    titles = [str(table.title) for table in all_tables(summary)]
    assert titles[0] == "Answers, %"
    assert "Recall of gold evidence, %" not in titles


def test_a_run_of_retrieval_shows_no_answers(summary: RunSummary) -> None:
    assert [str(table.title) for table in all_tables(summary)] == [
        "Recall of gold evidence, %",
        "Difference to bm25, points [95 % interval]",
        "By category, %",
        "Questions with any/all of their gold, %",
        "Latency per question, ms, p50 / p95",
        "Cost per question, and of ingest",
    ]


def test_every_table_of_a_full_run_fits_160_columns() -> None:
    records = [
        record(
            question,
            "ab",
            *(context(budget, "ab", budget) for budget in (256, 512, 854, 2048)),
            system=system,
            pool=("a", "b"),
            timings_ms=dict.fromkeys(("embed", "recall", "rerank", "context", "total"), 1_234.56),
            cost=Cost(
                reranker_tokens=12_345, reranker_flops=1.2e12, llm_calls=1, prompt_tokens=9_876, completion_tokens=87
            ),
        )
        for system in ("bm25", "block + events")
        for question in (Q1, Q2)
    ]
    for table in all_tables(summarise(protocol(), records)):
        natural = Console(width=1_000, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
        table.caption = None
        natural.print(table)
        assert max(len(line.rstrip()) for line in natural.export_text().split("\n")) <= WIDTH, table.title
