"""Calibration of offline answers: what is chosen, on which questions, and what ships."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recollect.agent.long_term_memory import LongTermMemory
from recollect.agent.read_answers import FEATURES, shipped_model
from recollect.agent.span_reader import AnswerSpan, SpanReading
from recollect.config import Config
from recollect.memory.types import Context, Turn
from recollect.training.corpora import Question
from recollect.training.pools import friends_episodes
from recollect.training.span_calibration import RememberingReader, best_threshold, calibrate, write
from recollect.training.span_questions import (
    ANSWERABLE,
    ELSEWHERE,
    EXCHANGED,
    FEW,
    FEW_TURNS,
    TRAP,
    Asking,
    PutQuestion,
    put_questions,
)
from recollect.training.written_questions import written_questions
from recollect.wiring import open_memory
from tests.training.data_sets import asked, doc, write_set

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def turn(text: str, number: int) -> Turn:
    return Turn(
        id=number,
        user="ann",
        conversation="default",
        session="1",
        position=number,
        speaker="Ann",
        text=text,
        said_at=NOON,
        ref=f"t{number}",
    )


class SureOfCats:
    """Finds "cat" with a high share and anything else with a low one; counts what it reads."""

    def __init__(self) -> None:
        self.calls = 0

    def read(self, question: str, lines: Sequence[str], before: Sequence[str] = ()) -> SpanReading:
        self.calls += 1
        spans = [
            AnswerSpan(
                line=n, start=line.find("cat"), end=line.find("cat") + 3, log_share=-0.1, log_none=-9.0, log_odds=0.0
            )
            if "cat" in line
            else AnswerSpan(line=n, start=5, end=len(line), log_share=-9.0, log_none=-0.1, log_odds=0.0)
            for n, line in enumerate(lines)
        ]
        ordered = sorted(spans, key=lambda span: -span.log_share)
        return SpanReading(spans=tuple(ordered), log_none=-9.0 if "cat" in " ".join(lines) else -0.1)


def put(kind: str, *texts: str) -> PutQuestion:
    turns = tuple(turn(text, number) for number, text in enumerate(texts, 1))
    context = Context(memories=turns, scores=(1.0,) * len(turns), text="", tokens=0, budget=854)
    answers = ("cat",) if kind == ANSWERABLE else ()
    return PutQuestion(
        corpus="written",
        kind=kind,
        question="Which pet has Ann?",
        answers=answers,
        evidence=frozenset(),
        context=context,
    )


def test_what_tells_answers_from_none_is_learnt(tmp_path: Path) -> None:
    questions = [put(ANSWERABLE, "I have a cat.", "Rain."), put(EXCHANGED, "Snow fell.", "Rain.")] * 10
    found = calibrate(questions, SureOfCats(), declined=1.0, with_score=True)
    assert found.f1 == {"written": 1.0}
    assert found.lost == {"written": 0.0}
    assert found.abstained == {"written answerable": 0.0, "written exchanged": 1.0}
    assert found.separation == {"written": 1.0}
    assert found.support_weights["lead"] > 0
    write(found, replace(found, threshold=0.5), tmp_path / "out.json")
    stored = json.loads((tmp_path / "out.json").read_text())
    assert stored["any"]["threshold"] == 0.5
    assert stored["block"]["support_weights"].keys() == set(FEATURES)


def test_without_the_score_it_counts_nothing() -> None:
    questions = [put(ANSWERABLE, "I have a cat."), put(EXCHANGED, "Snow fell.")] * 5
    assert calibrate(questions, SureOfCats(), declined=1.0, with_score=False).support_weights["score"] == 0.0


def test_what_costs_nothing_is_declined_and_more_only_when_it_must_be() -> None:
    easy = [put(ANSWERABLE, "I have a cat.", "Rain."), put(EXCHANGED, "Snow fell.", "Rain.")] * 6
    questions = [*easy, put(EXCHANGED, "A cat came.", "Rain."), put(EXCHANGED, "My cat ran.", "Rain.")]
    free, every = (calibrate(questions, SureOfCats(), declined=one, with_score=True) for one in (0.0, 1.0))
    assert free.abstained["written exchanged"] == 0.75
    assert free.lost["written"] == 0.0
    assert free.threshold < every.threshold
    assert every.abstained["written exchanged"] == 1.0


def test_a_threshold_that_declines_more_than_it_loses_is_taken() -> None:
    right = put(ANSWERABLE, "I have a cat.")
    asked = [*[right] * 4, *[put(EXCHANGED, "Snow.")] * 4]
    sure = [0.9, 0.8, 0.7, 0.2, 0.6, 0.5, 0.3, 0.1]
    f1 = [1.0] * 4 + [0.0] * 4
    # at 0.7 three of four are kept and all declined: 0.75 + 1; at 0.2 all are kept and one is declined: 1 + 0.25
    assert best_threshold(asked, sure, f1, least=0.0) == 0.7
    assert best_threshold(asked, sure, f1, least=0.75) == 0.75
    assert best_threshold(asked, sure, [0.1, 0.1, 0.1, 1.0, *[0.0] * 4], least=0.0) == 0.2


def test_a_question_is_read_once_whatever_is_tried() -> None:
    reader = SureOfCats()
    calibrate(
        [put(ANSWERABLE, "I have a cat."), put(EXCHANGED, "Snow.")] * 5,
        RememberingReader(reader),
        declined=0.5,
        with_score=True,
    )
    assert reader.calls == 2


@pytest.mark.parametrize("ranked_by_block", [True, False])
def test_what_ships_fits_the_program(ranked_by_block: bool) -> None:
    model = shipped_model(ranked_by_block=ranked_by_block)
    assert len(model.support_weights) == len(FEATURES)
    assert 0 < model.threshold < 1
    assert 0 < model.further_share <= 1


def _data(folder: Path) -> Path:
    """Two of the conversations of the dev split that questions were written about, and two episodes."""
    every = written_questions()
    names = list(dict.fromkeys(one.conversation for one in every))[:5]
    docs: list[dict[str, object]] = []
    for place, name in enumerate(names):
        refs = sorted({ref for one in every if one.conversation == name for ref in one.turns})
        people = (f"Ann{place}", f"Ben{place}")
        docs.append(
            doc(
                name,
                [
                    {"id": ref, "speaker": people[n % 2], "text": f"Turn {n}.", "session": 1}
                    for n, ref in enumerate(refs)
                ],
                split="dev",
            )
        )
    write_set(folder / "msc", docs=docs, qa=[])
    scenes = [
        doc(
            f"s01_e0{number}_c01",
            [
                {"id": "u0", "speaker": "Ross", "text": f"I like rain {number}."},
                {"id": "u1", "speaker": "Joey", "text": "Hm."},
            ],
            split="dev",
        )
        for number in (1, 2)
    ]
    qa = [
        asked(f"s01_e0{n}_c01", f"What does Ross like in {n}?", "u0", answers=["rain"], split="dev") for n in (1, 2)
    ]
    write_set(folder / "friendsqa", docs=scenes, qa=qa)
    return folder


def test_questions_are_put_with_and_without_an_answer(tmp_path: Path) -> None:
    root: LongTermMemory = open_memory(tmp_path / "m.db", user="train", config=Config(rerank="none"))
    with root:
        found = put_questions(_data(tmp_path / "data"), "dev", root.as_user, asking=Asking(episodes=2), seed=3)
    kinds = {(one.corpus, one.kind) for one in found}
    assert {("written", ANSWERABLE), ("written", ELSEWHERE), ("friendsqa", ANSWERABLE)} <= kinds
    assert {("friendsqa", EXCHANGED), ("friendsqa", ELSEWHERE)} <= kinds
    assert ("written", TRAP) in kinds or ("written", EXCHANGED) in kinds
    assert all(bool(one.answers) == (one.kind == ANSWERABLE) for one in found if one.corpus == "friendsqa")
    assert all(one.context.memories for one in found)
    (other,) = {
        one.question
        for one in found
        if one.corpus == "friendsqa" and one.kind == EXCHANGED and "in 1" in one.question
    }
    assert other == "What does Joey like in 1?"


def test_some_questions_are_put_to_a_memory_that_has_just_begun(tmp_path: Path) -> None:
    data = _data(tmp_path / "data")
    root: LongTermMemory = open_memory(tmp_path / "m.db", user="train", config=Config(rerank="none"))
    with root:
        put = put_questions(data, "dev", root.as_user, asking=Asking(episodes=2, few=3), seed=3)
    few = [one for one in put if one.corpus == FEW]
    answered = [one for one in few if one.kind == ANSWERABLE]
    assert len(answered) >= 3
    assert {one.kind for one in few} <= {ANSWERABLE, EXCHANGED, ELSEWHERE}
    assert len(few) == 2 * len(answered)
    for one in few:
        turns = one.context.memories
        assert 0 < len(turns) <= max(FEW_TURNS)
        assert len({turn.session for turn in turns if isinstance(turn, Turn)}) <= 1
        refs = {turn.ref for turn in turns if isinstance(turn, Turn)}
        assert one.kind != ANSWERABLE or refs & one.evidence
        assert bool(one.answers) == (one.kind == ANSWERABLE)


def test_what_is_asked_of_long_conversations_is_put_where_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = _data(tmp_path / "data")
    (pool, *_) = friends_episodes(data, "dev", 1, random.Random(1))
    weather = Question(text="What weather does Ross like?", evidence=("0:u0",), kind="gathered", answers=("rain",))
    talk = replace(pool, speakers=("Ross", "Rachel"), questions=(replace(weather, kind="invented", is_own=True),))
    monkeypatch.setattr(
        "recollect.training.span_questions.gathered_pools", lambda *_: [replace(pool, questions=(weather,))]
    )
    ruled = [replace(weather, text=f"What about rain {number}?") for number in range(5)]
    monkeypatch.setattr("recollect.training.span_questions.invented_conversations", lambda *_: [talk])
    for name in ("qmsum_meetings", "msc_pools"):
        monkeypatch.setattr(
            f"recollect.training.span_questions.{name}", lambda *_: [replace(pool, questions=tuple(ruled))]
        )
    root: LongTermMemory = open_memory(tmp_path / "m.db", user="train", config=Config(rerank="none"))
    with root:
        for asking in (Asking(episodes=1), Asking(episodes=1, more=True, meetings=1, facts=1, ruled=3)):
            found = put_questions(data, "dev", root.as_user, asking=asking, seed=3)
            long = [
                (one.corpus, one.kind, one.question, one.answers)
                for one in found
                if one.corpus in ("gathered", "invented")
            ]
            wanted = [
                ("gathered", "answerable", weather.text, ("rain",)),
                ("invented", "answerable", weather.text, ("rain",)),
                ("invented", "exchanged", "What weather does Rachel like?", ()),
            ]
            assert long == (wanted if asking.more else [])
            by_rule = [(one.corpus, one.kind, one.answers) for one in found if one.question.startswith("What about")]
            assert by_rule == [(name, "answerable", ()) for name in ("qmsum", "msc") if asking.more for _ in range(3)]
            assert all(one.evidence == {"0:u0"} for one in found if one.corpus in ("gathered", "invented"))
