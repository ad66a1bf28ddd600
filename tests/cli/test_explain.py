"""recall --explain: every stage's score, and the words that drew the attention, also in pipes and without colours."""

import io
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from recollect.agent.long_term_memory import LongTermMemory
from recollect.cli import cli
from recollect.cli.explaining import explained
from recollect.cli.invocation import Invocation
from recollect.memory.context import ContextBuilder
from recollect.memory.types import Candidate, EventSummary, Heat, ScoredMemory, Turn
from recollect.rerank.base import stages_of
from tests.fakes import count_words

from .conftest import Run, parsed

ANSI = re.compile(r"\x1b\[[0-9;]*m")


class WordReader:
    """Scores a memory by its length; each word of it draws attention by its letters."""

    name = "words"
    reads_events = False

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        ordered = sorted(candidates, key=lambda candidate: -len(candidate.memory.text))
        return [
            ScoredMemory(
                memory=candidate.memory,
                score=float(len(candidate.memory.text)),
                stages={**stages_of(candidate), self.name: float(len(candidate.memory.text))},
                heat=heat_of(candidate.memory.text),
            )
            for candidate in ordered
        ]


def heat_of(text: str) -> tuple[Heat, ...]:
    """Two tokens a word, the first of them one letter."""
    words = [match.span() for match in re.finditer(r"\w+", text)]
    letters = sum(end - start for start, end in words)
    halves = [half for start, end in words for half in ((start, start + 1), (start + 1, end)) if half[0] < half[1]]
    return tuple(Heat(start=start, end=end, share=(end - start) / letters) for start, end in halves)


class Reading(Invocation):
    """Command lines whose memory is ordered by WordReader."""

    def open_memory(self, *, must_exist: bool = False) -> LongTermMemory:
        memory = super().open_memory(must_exist=must_exist)
        return LongTermMemory(memory.archive, WordReader(), ContextBuilder(count_words), user=memory.user)


def read(store: Path, *arguments: str) -> Any:
    return CliRunner().invoke(cli, ["--store", str(store), "recall", "dog", *arguments], obj=Reading())


def scored(text: str, **changes: Any) -> ScoredMemory:
    turn = Turn(
        id=1,
        user="alice",
        conversation="c",
        session="1",
        position=1,
        speaker="Alice",
        text=text,
        said_at=datetime(2026, 3, 2, 18),
    )
    stages = {"fused": 2.5, "lexical": 12.345, "dense": 0.5, "block": 0.25}
    return ScoredMemory(**{"memory": turn, "score": 0.25, "stages": stages, **changes})


def drawn(ranked: Sequence[ScoredMemory], **options: Any) -> list[str]:
    """The lines on a terminal of 80 columns."""
    file = io.StringIO()
    Console(file=file, width=80, markup=False, highlight=False, **options).print(explained(ranked))
    return [line.rstrip() for line in file.getvalue().splitlines()]


# -- the command line ----------------------------------------------------------------------------


def test_every_stage_is_shown_with_its_score_and_the_times_come_last(
    run: Run, talk_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_RERANK_NAME", "none")
    lines = run("--store", talk_store, "recall", "dog", "--explain").stdout.splitlines()
    assert re.fullmatch(r" 1  2026-03-02 18:\d\d  (Alice|Ben)  score -?\d+\.\d{3}", lines[0])
    assert lines[1].startswith("    ")
    assert re.fullmatch(r"    lexical +\S+ +dense +\S+ +fused +\S+ *", lines[2])
    assert lines[-1].startswith("ms: ")
    assert "attention" not in "\n".join(lines)  # this reranker reads none


def test_the_words_that_drew_attention_are_listed_in_a_pipe(talk_store: Path) -> None:
    lines = read(talk_store, "--explain").stdout.splitlines()
    place = next(number for number, line in enumerate(lines) if "beagle" in line)
    assert lines[place].strip() == "I adopted a beagle called Biscuit yesterday."
    assert re.search(r"fused +\S+ +words 44\.000", lines[place + 1])
    # 37 letters in seven words; of the two words of seven letters the first comes first
    assert (
        lines[place + 2].strip() == "attention: yesterday 24 %, adopted 19 %, Biscuit 19 %, beagle 16 %, called 16 %"
    )
    assert "\x1b" not in "".join(lines)


def test_json_tells_tokens_and_words_when_asked_to_explain(talk_store: Path) -> None:
    (found,) = (one for one in parsed(read(talk_store, "--json", "--explain"))["memories"] if one["ref"] == "a1")
    assert set(found["stages"]) == {"lexical", "dense", "fused", "words"}
    assert found["heat"][1] == {"start": 2, "end": 3, "text": "a", "share": pytest.approx(1 / 37)}
    assert sum(token["share"] for token in found["heat"]) == pytest.approx(1.0)
    assert found["attention"][0] == {"word": "yesterday", "share": pytest.approx(9 / 37), "spans": [[34, 43]]}
    assert "heat" not in parsed(read(talk_store, "--json"))["memories"][0]


def test_the_default_ranker_shows_its_score_and_where_it_looked(run: Run, talk_store: Path) -> None:
    shown = run("--store", talk_store, "recall", "Which dog did Alice adopt?", "--explain").stdout
    assert re.search(r" block +-?\d", shown)
    assert re.search(r"attention: \w+ \d+ %", shown)


def test_a_reranker_without_attention_has_none_in_json(
    run: Run, talk_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOLLECT_RERANK_NAME", "none")
    found = parsed(run("--store", talk_store, "recall", "dog", "--json", "--explain"))["memories"][0]
    assert (found["heat"], found["attention"]) == ([], [])


def test_nothing_recalled_is_explained_with_nothing(talk_store: Path) -> None:
    result = read(talk_store, "--explain", "--speaker", "Nobody")
    assert (result.exit_code, result.stderr) == (0, "Nothing is remembered there.\n")


# -- on a terminal -------------------------------------------------------------------------------


def test_the_hottest_words_are_marked_in_the_text_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = "My dog is called\nRex, Rex the dog."
    heat = (Heat(start=17, end=20, share=0.3), Heat(start=22, end=25, share=0.4), Heat(start=3, end=6, share=0.1))
    lines = drawn([scored(text, heat=heat)], force_terminal=True)
    assert lines[1] == "    My \x1b[1;4mdog\x1b[0m is called \x1b[1;4mRex\x1b[0m, \x1b[1;4mRex\x1b[0m the dog."
    assert ANSI.sub("", lines[3]) == "    attention: Rex 70 %, dog 10 %"


def test_eighty_columns_are_enough_and_nothing_is_lost() -> None:
    long = " ".join(f"word{number}" for number in range(60))
    stages = dict.fromkeys(("lexical", "dense", "fused", "block", "cross_encoder", "listwise_llm"), -1234.567)
    heat = tuple(Heat(start=match.start(), end=match.end(), share=0.01) for match in re.finditer(r"\S+", long))
    lines = drawn([scored(long, stages=stages, heat=heat), scored("short")])
    assert max(map(len, lines)) <= 80
    shown = " ".join(" ".join(lines).split())
    assert long in shown
    assert all(f"{stage} -1234.567" in shown for stage in stages)


def test_scores_of_a_stage_stand_below_each_other_and_a_missing_one_is_a_dash() -> None:
    lines = drawn([scored("one"), scored("two", stages={"lexical": 0.0, "fused": -12.5}, score=-12.5)])
    assert lines[2] == "    lexical 12.345   dense 0.500   fused   2.500   block 0.250"
    assert lines[5] == "    lexical  0.000   dense     -   fused -12.500   block     -"


def test_an_event_is_explained_too() -> None:
    event = EventSummary(
        id=7,
        user="alice",
        conversation="c",
        session="1",
        text="Alice adopts a dog.",
        happened_at=datetime(2026, 3, 1),
        kind="anchor",
        turns=(1,),
    )
    assert drawn([scored("", memory=event)])[0] == " 1  2026-03-01  event  score 0.250"


def test_control_characters_do_not_reach_the_terminal_and_places_stay_right() -> None:
    text = "\x1b[31m red\tdog"
    heat = (Heat(start=text.index("dog"), end=len(text), share=1.0),)
    lines = drawn([scored(text, heat=heat)], force_terminal=True, no_color=True)
    assert lines[1] == "    �[31m red \x1b[1;4mdog\x1b[0m"
    assert ANSI.sub("", lines[3]) == "    attention: dog 100 %"
