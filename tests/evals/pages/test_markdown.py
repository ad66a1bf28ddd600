"""Markdown says the same figures, and no name breaks a table or becomes a link."""

import html
import re
from functools import cache

import pytest

from recollect.evals.pages.insights import insights_of
from recollect.evals.pages.markdown import escaped, to_markdown
from recollect.evals.pages.page import page_of
from tests.evals.pages.samples import HOSTILE, NASTY, SCORING, records, run_summary


@cache
def written() -> str:
    return to_markdown(page_of(run_summary(), insights_of(records(), SCORING)))


def tables() -> dict[str, list[list[str]]]:
    """Rows by the heading above them, words as a reader sees them, without intervals."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in written().splitlines():
        if line.startswith("#"):
            heading = shown(line.lstrip("# "))
        elif line.startswith("|"):
            cells = [shown(re.sub(r"<br><sub>.*", "", cell)) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found.setdefault(heading, []).append(cells)
    return found


def shown(words: str) -> str:
    return html.unescape(re.sub(r"\\(.)", r"\1", words.strip())).removeprefix("**").removesuffix("**")


def test_every_table_is_a_rectangle() -> None:
    assert len(tables()) >= 8
    for rows in tables().values():
        assert len({len(row) for row in rows}) == 1


def test_figures_are_those_of_the_summary() -> None:
    headings, _, *rows = tables()["Recall of gold evidence, by turn, %"]
    systems = [one for one in run_summary().systems if one.unit == "turn"]
    for row, one in zip(rows, systems, strict=True):
        cells = dict(zip(headings, row, strict=True))
        assert cells["System"] == one.system
        for metric in ("recall@256", "recall@854", "R@1", "R@3", "MRR", "nDCG@10"):
            assert cells[metric] == f"{100 * one.figures[metric].value:.1f}"


@pytest.mark.parametrize(
    ("words", "safe"),
    [
        ("a|b", "a&#124;b"),
        ("two\r\nlines", "two lines"),
        ("*bold* _i_ `c`", r"\*bold\* \_i\_ \`c\`"),
        ("<b>&amp;", "&#60;b&#62;&#38;amp;"),
        ("[x](http://evil.example)", r"\[x\](http://evil.example)"),
        ("ask @someone, not me@home", "ask &#64;someone, not me@home"),
        ("back\\slash", r"back\\slash"),
    ],
)
def test_words_stay_words(words: str, safe: str) -> None:
    assert escaped(words) == safe


def test_no_markup_of_names_is_left() -> None:
    known = {"<br>", "<sub>", "</sub>", "<details>", "</details>", "<summary>", "</summary>"}
    assert set(re.findall(r"<[^>]*>", written())) == known
    assert HOSTILE not in written()
    assert NASTY not in written()
    assert "](http" not in written().replace(r"\]", "")
