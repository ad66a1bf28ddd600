"""Contexts as training: the ranker's best lines, evidence among them, and questions with a word exchanged."""

import random
from dataclasses import replace
from datetime import datetime

from recollect.agent.evidence import stem
from recollect.memory.types import Context, Turn
from recollect.training.altered_questions import Alterations
from recollect.training.span_contexts import (
    ALTERED,
    EXCHANGED,
    FRIENDS,
    GATHERED,
    OTHERS,
    SHARES,
    WRITTEN,
    context_sources,
)
from recollect.training.span_questions import ANSWERABLE, ELSEWHERE, PutQuestion
from recollect.training.span_questions import EXCHANGED as ASKED_OF_ANOTHER

QUESTIONS = [f"What happened after the {word} ended?" for word in ("flood", "fire", "race", "party", "strike")]
SAID = [f"The {word} was over, the {word} had ended." for word in ("flood", "fire", "race", "party")] * 4


def test_a_word_of_the_evidence_is_exchanged_for_one_that_nobody_said() -> None:
    alterations = Alterations(QUESTIONS, SAID)
    found = {
        alterations.altered(QUESTIONS[0], "We left after the flood.", "We left after the flood. A party!", drawn)
        for drawn in map(random.Random, range(20))
    }
    # "strike" is said too seldom, and "party" stands in the lines; two words are too few to choose from
    assert found == {None}
    found = {
        alterations.altered(QUESTIONS[0], "We left after the flood.", "We left after the flood.", drawn)
        for drawn in map(random.Random, range(20))
    }
    assert found == {f"What happened after the {word} ended?" for word in ("fire", "race", "party")}


def test_only_words_of_the_evidence_are_exchanged() -> None:
    alterations = Alterations(QUESTIONS, SAID)
    assert alterations.altered(QUESTIONS[0], "We left.", "We left.", random.Random(1)) is None
    assert alterations.altered("", "We left.", "We left.", random.Random(1)) is None


def test_lines_are_shown_with_what_was_said_before_them() -> None:
    one = put("written", ANSWERABLE, "What did the flood take?", evidence="D1:1", answers=("the shed",))
    context = replace(one.context, preceding=("", "Ben: What happened?", "Ann: The flood took our shed."))
    (source,) = context_sources([replace(one, context=context)], {}, seed=1)[WRITTEN]
    assert [said.before for said in source.evidence] == ["Ben: What happened?"]
    assert [said.before for said in source.others] == ["Ann: The flood took our shed.", ""]


def put(corpus: str, kind: str, question: str, *, evidence: str = "", answers: tuple[str, ...] = ()) -> PutQuestion:
    turns = [
        Turn(
            id=n,
            user="u",
            conversation="c",
            session="1",
            ref=f"D1:{n}",
            position=n,
            speaker="Ann",
            text=text,
            said_at=datetime(2024, 5, 1),
        )
        for n, text in enumerate(("It rained.", "The flood took our shed.", "Pasta tonight?"))
    ]
    context = Context(memories=tuple(turns), scores=(0.1, 2.0, 1.0), text="", tokens=0, budget=854)
    return PutQuestion(
        corpus=corpus,
        kind=kind,
        question=question,
        answers=answers,
        evidence=frozenset([evidence]) if evidence else frozenset(),
        context=context,
    )


def test_evidence_is_kept_apart_and_the_best_lines_come_first() -> None:
    found = context_sources(
        [
            put("written", ANSWERABLE, "What did the flood take?", evidence="D1:1", answers=("the shed",)),
            put("friendsqa", ANSWERABLE, "What was there to eat?", evidence="D1:2", answers=("pasta",)),
            put("written", ANSWERABLE, "What is not in the context?", evidence="D9:9", answers=("nothing",)),
            put("gathered", ANSWERABLE, "What came down?", evidence="D1:1", answers=("the flood", "it rained")),
            put("written", ASKED_OF_ANOTHER, "What did Ben's flood take?", evidence="D1:1"),
            put("friendsqa", ELSEWHERE, "Where is the key?"),
        ],
        {},
        seed=1,
    )
    (written,) = found[WRITTEN]
    assert [one.text for one in written.evidence] == ["The flood took our shed."]
    assert [one.text for one in written.others] == ["Pasta tonight?", "It rained."]
    assert written.answers == ("the shed",)
    assert len(found[FRIENDS]) == len(found[GATHERED]) == 1
    assert set(found) == set(SHARES)
    for name in (EXCHANGED, OTHERS):
        (one,) = found[name]
        assert (one.answers, one.evidence) == ((), ())
        assert [said.text for said in one.others] == ["The flood took our shed.", "Pasta tonight?", "It rained."]


def test_altered_questions_have_no_answer_and_all_the_lines() -> None:
    others = [put("written", ANSWERABLE, f"What did the {word} take?", evidence="D1:1") for word in ("race", "party")]
    asked = [put("written", ANSWERABLE, "What did the flood take?", evidence="D1:1", answers=("the shed",)), *others]
    asked += [put("written", ANSWERABLE, f"What did the {word} take?", evidence="D1:1") for word in ("storm", "dog")]
    talk = [
        Turn(
            id=9,
            user="u",
            conversation="c",
            session="1",
            ref="x",
            position=9,
            speaker="Ann",
            text="race party storm dog " * 5,
            said_at=datetime(2024, 5, 1),
        )
    ]
    far = PutQuestion(
        corpus="written",
        kind=ELSEWHERE,
        question="?",
        answers=(),
        evidence=frozenset(),
        context=Context(memories=tuple(talk), scores=(1.0,), text="", tokens=0, budget=854),
    )
    found = context_sources([*asked, far], {}, seed=1)[ALTERED]
    (one,) = [source for source in found if "flood" not in source.question]
    assert stem(one.question.split()[3]) in {"race", "parti", "storm", "dog"}
    assert (one.answers, one.evidence, len(one.others)) == ((), (), 3)
