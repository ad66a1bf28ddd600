"""The page stands alone, says what was measured, and takes nobody's name for markup."""

import re
from dataclasses import replace
from functools import cache
from xml.etree import ElementTree

import pytest

from recollect.evals.pages.html import to_html
from recollect.evals.pages.insights import insights_of
from recollect.evals.pages.page import page_of
from recollect.evals.record import QuestionRecord
from recollect.evals.summary import RunSummary
from tests.evals.miniature import protocol
from tests.evals.pages.samples import HOSTILE, NASTY, SCORING, SYSTEMS, Reader, records, run_summary

ADDRESSES = ("src", "href", "action", "data", "poster", "srcset", "xlink:href", "formaction", "background")


@cache
def summary() -> RunSummary:
    return run_summary()


@cache
def page() -> str:
    return to_html(page_of(summary(), insights_of(records(), SCORING)))


@cache
def read() -> Reader:
    return Reader(page())


def percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def test_elements_close_in_order_and_tables_are_rectangles() -> None:
    assert len(read().tables) > 10


def test_every_drawing_is_well_formed_and_has_words_for_those_who_do_not_see_it() -> None:
    drawings = re.findall(r"<svg .*?</svg>", page(), re.DOTALL)
    told = 0
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        if root.get("role") == "img":
            told += 1
            assert root.findtext("title")
            assert root.findtext("desc")
            assert root.get("aria-label")
        else:
            assert root.get("aria-hidden") == "true"
        numbers = [value for part in root.iter() for value in part.attrib.values()]
        assert not [value for value in numbers if "nan" in value.split() or "inf" in value.split()]
    assert told > 10


def test_nothing_is_loaded_from_anywhere() -> None:
    addresses = [value for _, name, value in read().attributes if name in ADDRESSES]
    assert addresses == ["#figures"]
    assert not re.search(r"url\s*\(|@import|@font-face|fetch\s*\(|XMLHttpRequest|import\s*\(", page())
    assert "default-src 'none'" in page()


def test_hostile_names_are_words() -> None:
    assert page().count("<script>") == 1
    assert "<img" not in page()
    assert not [name for _, name, _ in read().attributes if name.startswith("on")]
    said = "".join(read().words)
    assert HOSTILE in said
    assert NASTY in said


def test_styles_and_script_are_inside() -> None:
    assert "prefers-color-scheme: dark" in page()
    assert "@media print" in page()
    assert "aria-sort" in page()


@pytest.mark.parametrize("unit", ["turn", "chunk"])
def test_every_figure_of_retrieval_is_in_its_table(unit: str) -> None:
    rows = {row["System"]: row for row in read().tables[f"Recall of gold evidence, by {unit}, %"]}
    systems = [one for one in summary().systems if one.unit == unit]
    assert list(rows) == [one.system for one in systems]
    for one in systems:
        row = rows[one.system]
        assert row["256"] == percent(one.figures["recall@256"].value)
        assert row["854"] == percent(one.figures["recall@854"].value)
        assert row["1"] == percent(one.figures["R@1"].value)
        assert row["3"] == percent(one.figures["R@3"].value)
        assert row["MRR"] == percent(one.figures["MRR"].value)
        assert row["nDCG@10"] == percent(one.figures["nDCG@10"].value)
        assert row["tokens"] == "845"


def test_what_there_was_to_rank_stands_beside_any_and_all() -> None:
    rows = {row["System"]: row for row in read().tables["Questions with any, and with all, of their evidence, %"]}
    by_turn = summary().systems[0]
    assert by_turn.name == "none"
    assert rows["none"]["pool"] == percent(by_turn.figures["pool"].value) == "50.0"
    assert rows[HOSTILE]["pool"] == "–"


def test_every_figure_of_answers_and_declining_is_in_its_table() -> None:
    rows = {row["System"]: row for row in read().tables["Answers, %"]}
    answering = [one for one in summary().systems if one.abstention is not None]
    assert list(rows) == [one.name for one in answering]
    for one in answering:
        assert one.abstention is not None
        assert rows[one.name]["F1"] == percent(one.figures["F1"].value)
        assert rows[one.name]["EM"] == percent(one.figures["EM"].value)
        assert rows[one.name]["declined"] == f"{one.abstention.declined} of {one.abstention.asked}"
        assert rows[one.name]["precision"] == percent(one.abstention.precision or 0)
        assert rows[one.name]["recall"] == percent(one.abstention.recall or 0)


def test_every_figure_of_a_category_is_in_its_table() -> None:
    for category in ("temporal", "single-hop"):
        rows = {row["System"]: row for row in read().tables[category]}
        for one in summary().systems:
            for metric, heading in (("recall@854", "854"), ("R@3", "3"), ("MRR", "MRR")):
                assert rows[one.name][heading] == percent(one.by_category[category][metric].value)


def test_every_difference_is_in_its_table_with_stars_for_what_is_certain() -> None:
    rows = {row["System"]: row for row in read().tables["Differences, percentage points"]}
    assert list(rows) == list(summary().differences)
    for name, several in summary().differences.items():
        found = {one.metric: one for one in several}["recall@854"]
        stars = ("**" if found.survives_holm else "*") if found.is_significant else ""
        assert rows[name]["854"].replace("−", "-") == f"{100 * found.value:+.1f}{stars}"


def test_the_table_beneath_a_chart_has_the_figures_of_the_chart() -> None:
    rows = {row["System"]: row for row in read().tables["Recall of gold evidence by budget, %"]}
    of_chunks = [one for one in summary().systems if one.unit == "chunk"]  # the last chart of that name
    assert [rows[one.system]["854 tokens"] for one in of_chunks] == [
        percent(one.figures["recall@854"].value) for one in of_chunks
    ]


def test_the_best_is_told_first_and_is_not_one_that_sees_the_gold() -> None:
    cards = re.findall(r'<div class="card">(.*?)</div>', page(), re.DOTALL)
    honest = [one for one in summary().systems if one.unit == "turn" and one.system != "oracle"]
    best = max(honest, key=lambda one: one.figures["recall@854"].value)
    assert percent(best.figures["recall@854"].value) in cards[0]
    assert "oracle" not in "".join(cards)


def test_a_run_that_is_not_finished_says_so() -> None:
    kept = [one for one in records() if not (isinstance(one, QuestionRecord) and one.asked.question_id == "c2/q1")]
    seen = insights_of(kept, SCORING)
    assert "3 of 5 questions so far" in to_html(page_of(summary(), seen))
    whole = replace(summary(), protocol=protocol(asked=4))
    assert "so far" not in to_html(page_of(whole, insights_of(records(), SCORING)))


def test_failures_problems_and_questions_left_out_are_told() -> None:
    said = "".join(read().words)
    assert "1 failed, as 0" in said
    assert "21 problems" in said
    assert "and 8 more" in said
    assert "1 question not scored in retrieval" in said


def test_a_run_of_one_system_without_contexts_or_answers_has_a_page() -> None:
    from recollect.evals.summarise import summarise
    from tests.evals.miniature import asked, protocol, record

    alone = summarise(protocol(), [record(asked(), "ab"), record(asked("c2/q1"), "xb")], ks=(1,), budgets=(854,))
    said = "".join(Reader(to_html(page_of(alone))).words)
    assert "75.0" in said
    assert SYSTEMS[1] not in said


def test_a_run_in_which_everything_failed_has_a_page() -> None:
    from recollect.evals.summarise import summarise
    from tests.evals.miniature import asked, protocol, record

    broken = summarise(protocol(), [record(asked(), error="no such model")])
    assert "no such model" in "".join(Reader(to_html(page_of(broken))).words)
