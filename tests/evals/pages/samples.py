"""A small run whose names are hostile, and readers of what pages say about it."""

from collections.abc import Iterator
from html.parser import HTMLParser

from recollect.evals.problems import Problem
from recollect.evals.record import Cost, FilledContext, Given, IngestRecord, QuestionRecord, Record
from recollect.evals.scores import Scoring
from recollect.evals.summarise import summarise
from recollect.evals.summary import RunSummary
from tests.evals.miniature import ABSTAIN, asked, exact, protocol

HOSTILE = "<script>alert('1')</script>"
NASTY = "a|b*c*\n# [x](http://evil.example) `d` </td> & \"e\" 'f' <img src=x onerror=y>"
SYSTEMS = ("none", HOSTILE, "block: 50 %", "oracle", "random")
BUDGETS = (256, 854)
SCORING = Scoring(ks=(1, 3), budgets=BUDGETS, score_answer=exact)
VOID = {"meta", "link", "br", "img", "input", "hr"}


def records() -> Iterator[Record]:
    """Two conversations with four questions, one without an answer, put to five systems by turn and two by chunk.

    A system's place decides what it finds: the first nothing of the first question, the oracle everything.
    """
    questions = [
        asked("c1/q1", "ab", category="temporal", answers=("nine",), question=NASTY),
        asked("c1/q2", "a", answers=("ten",)),
        asked("c2/q1", "b", answers=("red",)),
        asked("c2/q2", "a", rule=ABSTAIN),
    ]
    yield IngestRecord(system="store", conversation="c1", turns=30, seconds=2.0)
    for unit, systems in (("turn", SYSTEMS), ("chunk", SYSTEMS[:2])):
        for place, system in enumerate(systems):
            for number, question in enumerate(questions):
                units = {"oracle": "ab", "random": ""}.get(system, "xab"[: 1 + (place + number) % 3])
                yield QuestionRecord(
                    system=system,
                    unit=unit,
                    asked=question,
                    ranked=tuple(units),
                    pool=tuple("ax") if place == 0 else None,
                    contexts=tuple(
                        FilledContext(budget=budget, units=tuple(units[: 1 + (budget > 500)]), tokens=budget - 9)
                        for budget in BUDGETS
                    ),
                    given=Given(
                        text="nine" if number else "",
                        is_abstention=number == 3,
                        tokens=2,
                        confidence=None if place == 0 else 0.9 - 0.2 * number,
                    )
                    if place < 2
                    else None,
                    timings_ms={"recall": 1.0 + place, "total": 3.0 * 10**place},
                    cost=Cost(reranker_tokens=100 * place),
                    error="it\x07 broke" if (place, number) == (2, 1) else None,
                )


def run_summary() -> RunSummary:
    """The figures of the run."""
    return summarise(
        protocol(data={NASTY: protocol().data["mini.json"]}, units={"turn": HOSTILE, "chunk": "chunk"}),
        records(),
        ks=SCORING.ks,
        budgets=SCORING.budgets,
        problems=[Problem(conversation="c1", where="session_3", raw=HOSTILE, reason=NASTY)] * 20,
        peak_rss_mib=512.0,
        score_answer=exact,
    )


class Reader(HTMLParser):
    """Reads a page strictly: elements close in order. Keeps attributes, texts, tables and drawings."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.tables: dict[str, list[dict[str, str]]] = {}
        self.words: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("th", "td") and self._rows:
            self._rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "table":
            headings, *rows = [row for row in self._rows if len(row) == len(self._rows[-1])]
            self.tables[self._caption] = [dict(zip(headings, row, strict=True)) for row in rows]

    def handle_data(self, data: str) -> None:
        where = self.open[-1] if self.open else ""
        if where not in ("script", "style"):
            self.words.append(data)
        if where == "caption":
            self._caption += data
        elif {"th", "td"} & set(self.open) and not {"small", "title", "svg"} & set(self.open):
            self._rows[-1][-1] += data.strip().removesuffix(" (best)").removesuffix("(best)")
