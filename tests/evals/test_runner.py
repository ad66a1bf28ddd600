"""Running: every question to every system, what fails costs no more than itself, what is done is not done again."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from recollect.evals.contender import Contender, Wanted
from recollect.evals.dataset import Conversation, Question
from recollect.evals.found import Found, Indexed
from recollect.evals.locomo import load_locomo
from recollect.evals.record import IngestRecord
from recollect.evals.runner import RunOptions, run
from recollect.evals.selection import Selection, select
from recollect.evals.units import TURNS
from recollect.memory.errors import EndpointUnreachable, InvalidInput

from .running import LastTurns, Memo


def options(**more: object) -> RunOptions:
    values: dict[str, object] = {"wanted": Wanted(limit=3, budgets=(50, 100)), "units": {"turn": TURNS}, **more}
    return RunOptions(**values)  # type: ignore[arg-type]  # a test's options


@pytest.fixture
def selection(mini_file: Path) -> Selection:
    return select(load_locomo(mini_file), with_answers=True)


def ids(selection: Selection) -> list[str]:
    return [question.id for one in selection.conversations for question in one.questions]


def test_every_question_is_put_to_every_system(selection: Selection) -> None:
    first, second, memo = LastTurns("first"), LastTurns("second"), Memo()
    run(selection, [Contender(first), Contender(second)], memo, options())
    assert first.asked == second.asked == ids(selection)
    assert [one.key for one in memo.questions] == [
        (name, "turn", question) for question in ids(selection) for name in ("first", "second")
    ]
    assert first.ingested == ["conv-1", "conv-2"]


def test_a_record_holds_what_was_asked_and_what_came_back(selection: Selection) -> None:
    memo = Memo()
    run(selection, [Contender(LastTurns())], memo, options())
    one = memo.questions[0]
    assert (one.asked.question, one.asked.category) == ("What grows?", "multi-hop")
    assert one.asked.gold == ("D2:1", "D1:3")
    assert one.asked.answers == ("tomatoes at plot nine",)
    assert len(one.ranked) == 3
    assert [context.budget for context in one.contexts] == [50, 100]
    assert list(one.timings_ms) == ["total"]


def test_what_is_answered_is_not_asked_again(selection: Selection) -> None:
    whole, half = Memo(), Memo()
    run(selection, [Contender(LastTurns())], whole, options())
    half.records = whole.records[:3]
    later = LastTurns()
    run(selection, [Contender(later)], half, options())
    assert later.asked == ids(selection)[3:]
    assert [one.key for one in half.questions] == [one.key for one in whole.questions]


def test_a_conversation_that_is_done_is_not_taken_in_again(selection: Selection) -> None:
    memo, taken = Memo(), list[str]()
    run(selection, [Contender(LastTurns())], memo, options())
    later = LastTurns()

    def take_in(conversation: Conversation) -> None:
        taken.append(conversation.id)

    run(selection, [Contender(later)], memo, options(take_in=take_in))
    assert (later.ingested, later.asked, taken) == ([], [], [])


def test_systems_are_made_ready_once_before_anything_is_taken_in(selection: Selection) -> None:
    warmed: list[int] = []
    system = LastTurns()

    def take_in(_: Conversation) -> None:
        warmed.append(system.warmed)

    memo = Memo()
    run(selection, [Contender(system)], memo, options(take_in=take_in))
    assert warmed == [1, 1]
    later = LastTurns()
    run(selection, [Contender(later)], memo, options())
    assert later.warmed == 0  # nothing is left to ask


def test_conversations_are_left_when_their_questions_are_asked(selection: Selection) -> None:
    system, left = LastTurns(), list[tuple[str, int]]()

    def leave(conversation: Conversation) -> None:
        left.append((conversation.id, len(system.asked)))

    run(selection, [Contender(system)], Memo(), options(leave=leave))
    assert system.released == ["conv-1", "conv-2"]
    first = len(selection.conversations[0].questions)
    assert left == [("conv-1", first), ("conv-2", len(ids(selection)))]


def test_what_cannot_be_made_ready_says_so_with_its_questions(selection: Selection) -> None:
    class Cold(LastTurns):
        def warm_up(self) -> None:
            raise EndpointUnreachable("no model")

    memo = Memo()
    run(selection, [Contender(Cold())], memo, options())
    assert len(memo.questions) == len(ids(selection))


def test_a_question_that_fails_has_a_record_and_is_asked_again(selection: Selection) -> None:
    memo, broken = Memo(), ids(selection)[1]
    run(selection, [Contender(LastTurns(fails=lambda question: question == broken))], memo, options())
    failed = [one for one in memo.questions if one.error is not None]
    assert [(one.asked.question_id, one.error) for one in failed] == [(broken, f"No answer to {broken}.")]
    later = LastTurns()
    run(selection, [Contender(later)], memo, options())
    assert later.asked == [broken]


def test_a_system_is_left_out_after_failures_in_a_row(selection: Selection) -> None:
    memo, broken, good = Memo(), LastTurns("broken", fails=lambda _: True), LastTurns("good")
    contender = Contender(broken, most_failures=2)
    run(selection, [contender, Contender(good)], memo, options())
    assert broken.asked == ids(selection)[:2]
    assert good.asked == ids(selection)
    last = broken.asked[1]
    assert contender.left_out == f"left out after 2 failures in a row, the last on {last}: No answer to {last}."
    errors = [one.error for one in memo.questions if one.system == "broken"]
    assert errors[2:] == [contender.left_out] * (len(ids(selection)) - 2)


def test_failures_that_are_not_in_a_row_leave_nothing_out(selection: Selection) -> None:
    every_other = set(ids(selection)[::2])
    contender = Contender(LastTurns(fails=every_other.__contains__), most_failures=2)
    run(selection, [contender], Memo(), options())
    assert contender.left_out is None


class Searching(LastTurns):
    """Has an index of its own, and cannot read conv-2."""

    def ingest(self, conversation: Conversation) -> Indexed:
        super().ingest(conversation)
        if conversation.id == "conv-2":
            raise InvalidInput(f"{conversation.id} holds no word.")
        return Indexed(turns=3, seconds=0.5)


def test_an_ingest_that_fails_costs_the_questions_of_its_conversation(selection: Selection) -> None:
    memo = Memo()
    run(selection, [Contender(Searching("indexed"))], memo, options())
    errors = {one.asked.conversation: one.error for one in memo.questions}
    assert errors == {"conv-1": None, "conv-2": "the conversation was not taken in: conv-2 holds no word."}


def test_the_store_and_indexes_of_their_own_are_recorded_once(selection: Selection) -> None:
    def take_in(conversation: Conversation) -> IngestRecord:
        return IngestRecord(system="store", conversation=conversation.id, turns=3, seconds=1.0)

    memo = Memo()
    run(selection, [Contender(Searching("indexed")), Contender(LastTurns())], memo, options(take_in=take_in))
    assert memo.ingested == {("store", None, "conv-1"), ("store", None, "conv-2"), ("indexed", "turn", "conv-1")}
    before = len(memo.records)
    run(selection, [Contender(LastTurns("more"))], memo, options(take_in=take_in))
    assert len(memo.records) == before + len(ids(selection))


class Meeting(LastTurns):
    """Answers once as many threads ask as it waits for."""

    def __init__(self, parties: int) -> None:
        super().__init__("hosted")
        self._barrier = threading.Barrier(parties)
        self.threads: set[int] = set()

    def ask(self, conversation: Conversation, question: Question, *, limit: int, budgets: Sequence[int]) -> Found:
        self.threads.add(threading.get_ident())
        self._barrier.wait(timeout=30)
        return super().ask(conversation, question, limit=limit, budgets=budgets)


def test_hosted_systems_answer_in_as_many_threads_as_allowed(mini_file: Path) -> None:
    first = load_locomo(mini_file).conversations[0]
    even = Selection(conversations=(replace(first, questions=first.questions[:4]),), excluded={})
    hosted, local, memo, steps = Meeting(2), LastTurns("local"), Memo(), list[tuple[int, int]]()
    systems = [Contender(hosted, is_hosted=True), Contender(local)]
    run(even, systems, memo, options(parallel=2), on_step=lambda *step: steps.append(step))
    assert len(hosted.threads) == 2
    assert threading.get_ident() not in hosted.threads
    assert {one.key[2] for one in memo.questions if one.system == "hosted"} == set(ids(even))
    assert steps == [(done, 8) for done in range(9)]


def test_what_is_no_error_of_ours_ends_the_run_from_a_thread_too(selection: Selection) -> None:
    class Odd(LastTurns):
        def ask(self, conversation: Conversation, question: Question, *, limit: int, budgets: Sequence[int]) -> Found:
            raise ZeroDivisionError

    for hosted in (False, True):
        with pytest.raises(ZeroDivisionError):
            run(selection, [Contender(Odd(), is_hosted=hosted)], Memo(), options())
