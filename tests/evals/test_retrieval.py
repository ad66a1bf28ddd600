"""Retrieval scores of a scripted system equal values computed by hand."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recollect.evals.locomo import LocomoConversation, LocomoDataset, load_locomo
from recollect.evals.retrieval import (
    QuestionScore,
    Retrieval,
    RetrievalSettings,
    count_excluded,
    evaluate_retrieval,
)
from recollect.evals.system import LibrarySystem
from recollect.memory.errors import DataFormatError, InvalidInput
from recollect.memory.types import (
    Context,
    EventSummary,
    Memory,
    NewTurn,
    Retrieved,
    ScoredMemory,
    Turn,
)

KS = (1, 2, 3)


class Scripted:
    """Answers from a script of question -> (ranked, context, tokens); notes what it was asked."""

    def __init__(self, script: dict[str, tuple[str, str, int]]) -> None:
        self.script = script
        self.calls: list[tuple[object, ...]] = []

    def ingest(self, conversation: LocomoConversation) -> None:
        self.calls.append(("ingest", conversation.id, len(conversation.turns)))

    def retrieve(self, conversation_id: str, question: str, *, limit: int, budget: int) -> Retrieval:
        self.calls.append(("retrieve", conversation_id, question, limit, budget))
        ranked, context, tokens = self.script[question]
        timings = {"recall": float(tokens)} if tokens < 400 else {"recall": float(tokens), "rerank": 3.0}
        return Retrieval(
            ranked=tuple(ranked.split()),
            context=tuple(context.split()),
            context_tokens=tokens,
            timings_ms=timings,
        )


def scripted(tokens_of_the_third: int = 400) -> Scripted:
    """Gold: D2:1 D1:3 (category 1), D1:1 (2), D1:3 (4), D4:1 D4:3 (4), and in conv-2 D1:1 D1:3 (4)."""
    return Scripted(
        {
            "What grows?": ("D1:3 D4:1 D2:1", "D1:3 D1:2", 100),
            "When was it rented?": ("D1:2 D1:3 D4:1", "D1:1", 200),
            "Which plot?": ("D1:3", "D1:3 D1:1", tokens_of_the_third),
            "Who moved?": ("D1:1 D4:3 D4:1", "", 0),
            "How did Wen travel?": ("D1:2 D1:3", "D1:1 D1:2 D1:3", 800),
        }
    )


@pytest.fixture
def mini(mini_file: Path) -> LocomoDataset:
    return load_locomo(mini_file)


SETTINGS = RetrievalSettings(ks=KS)


def ticks(*seconds: float) -> Iterator[float]:
    return iter(seconds)


def test_overall_scores_average_over_questions(mini: LocomoDataset) -> None:
    overall = evaluate_retrieval(mini, scripted(), settings=SETTINGS).overall()
    assert overall.n == 5
    # per question: at 1: .5 0 1 0 0; at 2: .5 0 1 .5 .5; at 3: 1 0 1 1 .5; context: .5 1 1 0 1
    assert overall.recall_at == {
        1: pytest.approx(1.5 / 5),
        2: pytest.approx(2.5 / 5),
        3: pytest.approx(3.5 / 5),
    }
    assert overall.context_recall == pytest.approx(3.5 / 5)
    assert overall.context_tokens == pytest.approx(1500 / 5)


def test_scores_by_category_average_over_the_categorys_questions(mini: LocomoDataset) -> None:
    by_category = evaluate_retrieval(mini, scripted(), settings=SETTINGS).by_category()
    assert {category: scores.n for category, scores in by_category.items()} == {1: 1, 2: 1, 4: 3}
    assert by_category[1].recall_at == {1: 0.5, 2: 0.5, 3: 1.0}
    assert by_category[2].context_recall == 1.0
    assert by_category[4].recall_at[2] == pytest.approx(2 / 3)
    assert by_category[4].context_recall == pytest.approx(2 / 3)


def test_questions_left_out_are_counted_by_reason(mini: LocomoDataset) -> None:
    result = evaluate_retrieval(mini, scripted(), settings=SETTINGS)
    assert result.excluded == {"category_5": 1, "no_resolvable_evidence": 2}
    asked = {score.question_id for score in result.questions}
    assert asked == {"conv-1/q1", "conv-1/q2", "conv-1/q4", "conv-1/q5", "conv-2/q1"}


def test_categories_can_be_chosen(mini: LocomoDataset) -> None:
    settings = RetrievalSettings(ks=KS, categories=(1, 5))
    assert count_excluded(mini, settings) == {"category_2": 1, "category_3": 1, "category_4": 4}
    system = scripted()
    system.script["Who bakes rye?"] = ("D4:3", "", 10)
    overall = evaluate_retrieval(mini, system, settings=settings).overall()
    assert (overall.n, overall.recall_at[1]) == (2, 0.75)


def test_each_conversation_is_ingested_once_before_its_questions(mini: LocomoDataset) -> None:
    system = scripted()
    evaluate_retrieval(mini, system, settings=RetrievalSettings(ks=(1, 7), budget=900))
    assert system.calls == [
        ("ingest", "conv-1", 9),
        ("retrieve", "conv-1", "What grows?", 7, 900),
        ("retrieve", "conv-1", "When was it rented?", 7, 900),
        ("retrieve", "conv-1", "Which plot?", 7, 900),
        ("retrieve", "conv-1", "Who moved?", 7, 900),
        ("ingest", "conv-2", 3),
        ("retrieve", "conv-2", "How did Wen travel?", 7, 900),
    ]


def test_a_conversation_without_questions_to_ask_is_not_ingested(mini: LocomoDataset) -> None:
    system = scripted()
    evaluate_retrieval(mini, system, settings=RetrievalSettings(ks=KS, categories=(1, 2)))
    assert [call for call in system.calls if call[0] == "ingest"] == [("ingest", "conv-1", 9)]


def test_a_context_above_the_budget_scores_nothing_and_is_reported(mini: LocomoDataset) -> None:
    at_budget = evaluate_retrieval(mini, scripted(tokens_of_the_third=854), settings=SETTINGS)
    above = evaluate_retrieval(mini, scripted(tokens_of_the_third=855), settings=SETTINGS)
    assert at_budget.overall().context_recall == pytest.approx(3.5 / 5)
    assert above.overall().context_recall == pytest.approx(2.5 / 5)
    assert above.overall().recall_at == at_budget.overall().recall_at
    assert at_budget.problems == mini.problems
    assert above.problems[:-1] == mini.problems
    assert (above.problems[-1].where, above.problems[-1].raw) == ("conv-1/q4", "855 tokens")


def test_latency_is_given_by_stage_and_as_a_whole(mini: LocomoDataset) -> None:
    clock = ticks(0.0, 0.010, 1.0, 1.020, 2.0, 2.030, 3.0, 3.040, 4.0, 4.050)
    result = evaluate_retrieval(mini, scripted(), settings=SETTINGS, clock=clock.__next__)
    latency = result.latency()
    assert list(latency) == ["recall", "total", "rerank"]
    # recall took 0, 100, 200, 400, 800 ms: p95 lies at rank 3.8
    assert (latency["recall"].p50_ms, latency["recall"].p95_ms) == (200.0, pytest.approx(720.0))
    assert (latency["rerank"].p50_ms, latency["rerank"].p95_ms) == (3.0, 3.0)
    assert (latency["total"].p50_ms, latency["total"].p95_ms) == (pytest.approx(30), pytest.approx(48))


def test_a_listener_hears_of_every_question_in_order(mini: LocomoDataset) -> None:
    heard: list[QuestionScore] = []
    result = evaluate_retrieval(mini, scripted(), settings=SETTINGS, on_score=heard.append)
    assert tuple(heard) == result.questions
    assert heard[-1].conversation == "conv-2"


def test_nothing_to_score_is_an_error(mini: LocomoDataset) -> None:
    with pytest.raises(DataFormatError, match="no question to score"):
        evaluate_retrieval(mini, scripted(), settings=RetrievalSettings(categories=(3,)))


class OneConversation:
    """A stand-in for the library: keeps the turns it is given and returns all of them, newest first."""

    def __init__(self, *, keeps_refs: bool = True) -> None:
        self.turns: list[NewTurn] = []
        self.keeps_refs = keeps_refs

    def add_many(self, turns: Iterable[NewTurn]) -> int:
        self.turns.extend(turns)
        return len(self.turns)

    def retrieve(self, question: str, *, limit: int, budget: int) -> Retrieved:
        found: list[Memory] = [self._summary()]
        found += [self._stored(number) for number in range(len(self.turns), 0, -1)][:limit]
        kept = tuple(found[:3])
        context = Context(memories=kept, scores=(1.0,) * len(kept), text=question, tokens=42, budget=budget)
        ranked = tuple(ScoredMemory(memory=memory, score=1.0, stages={}) for memory in found)
        problems = ("Recalled by words alone.",) if question == "Which plot?" else ()
        return Retrieved(ranked=ranked, context=context, timings={"recall": 1.5}, problems=problems)

    def _stored(self, number: int) -> Turn:
        turn = self.turns[number - 1]
        assert isinstance(turn.said_at, datetime)
        return Turn(
            id=number,
            user="u",
            conversation="c",
            session=str(turn.session),
            position=number,
            speaker=turn.speaker,
            text=turn.text,
            said_at=turn.said_at,
            ref=turn.ref if self.keeps_refs else None,
        )

    def _summary(self) -> EventSummary:
        when = datetime(2024, 1, 1, tzinfo=UTC)
        return EventSummary(
            id=99,
            user="u",
            conversation="c",
            session="1",
            text="An event.",
            happened_at=when,
            kind="anchor",
            turns=(1,),
        )


def test_the_library_gets_turns_with_their_dia_id_as_ref(mini: LocomoDataset) -> None:
    opened: dict[str, OneConversation] = {}
    system = LibrarySystem(lambda name: opened.setdefault(name, OneConversation()))
    for conversation in mini.conversations:
        system.ingest(conversation)
    assert list(opened) == ["conv-1", "conv-2"]
    assert opened["conv-2"].turns[2] == NewTurn(
        speaker="Wen",
        text="Hardly, the heating roared.",
        said_at=datetime(2023, 6, 3, 12, 30, tzinfo=UTC),
        ref="D1:3",
        session=1,
    )


def test_what_the_library_returns_is_scored_by_ref_and_summaries_count_as_no_turn(
    mini: LocomoDataset,
) -> None:
    system = LibrarySystem(lambda name: OneConversation())
    system.ingest(mini.conversations[1])
    retrieval = system.retrieve("conv-2", "How?", limit=2, budget=100)
    assert retrieval == Retrieval(
        ranked=("D1:3", "D1:2"),
        context=("D1:3", "D1:2"),
        context_tokens=42,
        timings_ms={"recall": 1.5},
    )


def test_the_library_is_evaluated_end_to_end(mini: LocomoDataset) -> None:
    result = evaluate_retrieval(mini, LibrarySystem(lambda name: OneConversation()), settings=SETTINGS)
    assert result.overall().n == 5
    assert result.questions[-1].recall_at == {1: 0.5, 2: 0.5, 3: 1.0}
    assert result.questions[-1].context_recall == 0.5


def test_what_failed_inside_the_library_is_reported_with_its_question(mini: LocomoDataset) -> None:
    result = evaluate_retrieval(mini, LibrarySystem(lambda name: OneConversation()), settings=SETTINGS)
    reported = [problem for problem in result.problems if problem not in mini.problems]
    assert [(one.conversation, one.where, one.reason) for one in reported] == [
        ("conv-1", "conv-1/q4", "Recalled by words alone."),
    ]


def test_turns_that_lost_their_ref_are_an_error_and_not_a_low_score(mini: LocomoDataset) -> None:
    system = LibrarySystem(lambda name: OneConversation(keeps_refs=False))
    with pytest.raises(InvalidInput, match="no ref"):
        evaluate_retrieval(mini, system)


def test_a_conversation_is_ingested_once_and_before_it_is_asked(mini: LocomoDataset) -> None:
    system = LibrarySystem(lambda name: OneConversation())
    with pytest.raises(InvalidInput, match="ingest it before asking"):
        system.retrieve("conv-1", "What?", limit=1, budget=1)
    system.ingest(mini.conversations[0])
    with pytest.raises(InvalidInput, match="ingested before"):
        system.ingest(mini.conversations[0])
