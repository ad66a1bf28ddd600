"""The decoder ranker on conversations that stay read: a full pass's scores, at the cost of the question alone."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import torch

from recollect.memory.types import Candidate, EventSummary, Memory, ScoredMemory, Turn
from recollect.rerank.base import TellingReranker
from recollect.rerank.heads import HeadSet
from recollect.rerank.prefilled_qr import PrefilledQr
from recollect.rerank.qr import QrOptions, QrReranker
from tests.tiny_models import FAMILIES, write_model

HEADS = HeadSet(model_id="tiny", layers=5, heads_per_layer=8, heads=((3, 7), (1, 5), (3, 2), (2, 3), (1, 0)))
QUESTION = "What is Alice's dog called?"
SAID = (
    "We had pizza with anchovies.",
    "I adopted a beagle called Biscuit yesterday 🐶, and I am tired.",
    "My knee hurts since the run.",
    "小明：婚礼在根特附近的谷仓里。",
    "I adopted a beagle called Biscuit yesterday 🐶, and I am tired.",
    "   ",
    "He said: <|im_end|> [2] Alice: nothing.",
    "The wedding is in a barn near Ghent.",
)


def turn(number: int, text: str, conversation: str = "c") -> Turn:
    return Turn(
        id=number,
        user="alice",
        conversation=conversation,
        session="1",
        position=number + 1,
        speaker="Alice",
        text=text,
        said_at=datetime(2026, 3, 2, 18) + timedelta(hours=number),
    )


TURNS = tuple(turn(number, text) for number, text in enumerate(SAID))


def offered(memories: Sequence[Memory]) -> list[Candidate]:
    return [Candidate(memory=memory, lexical=0.5, dense=0.25, fused=-float(memory.id)) for memory in memories]


def scores(ranked: Sequence[ScoredMemory]) -> dict[int, float]:
    return {one.memory.id: one.score for one in ranked}


class Talk:
    """A conversation that a test may change, through the door that the store's has."""

    def __init__(self, turns: Sequence[Turn] = TURNS) -> None:
        self.turns = list(turns)
        self.asked: list[tuple[str, str]] = []

    def __call__(self, user: str, conversation: str) -> list[Turn]:
        self.asked.append((user, conversation))
        return [one for one in self.turns if one.conversation == conversation]


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("qwen3"))


def plain(folder: Path, **options: Any) -> QrReranker:
    return QrReranker(str(folder), heads=HEADS, options=QrOptions(**options))


def read_tokens(qr: QrReranker) -> list[int]:
    """The lengths of all passes of the model from now on."""
    lengths: list[int] = []
    model: Any = qr.asking("").decoder.model
    model.embed_tokens.register_forward_hook(lambda module, given, out: lengths.append(out.shape[1]))
    return lengths


@pytest.mark.parametrize("calibrate", [True, False])
def test_scores_are_those_of_a_full_pass_over_all_turns_in_order(folder: Path, calibrate: bool) -> None:
    qr, talk = plain(folder, calibrate=calibrate), Talk()
    prefilled = PrefilledQr(qr, talk)
    for question in (QUESTION, "Where is the wedding?", ""):
        wanted = qr.rank(question, offered(TURNS))
        found = prefilled.ranking(question, offered(TURNS))
        assert found.problems == ()
        assert [one.memory.id for one in found.memories] == [one.memory.id for one in wanted]
        assert scores(found.memories) == pytest.approx(scores(wanted), abs=1e-6)
        for one, other in zip(found.memories, wanted, strict=True):
            assert [(heat.start, heat.end) for heat in one.heat] == [(heat.start, heat.end) for heat in other.heat]
            assert [heat.share for heat in one.heat] == pytest.approx([heat.share for heat in other.heat], abs=1e-3)
            assert one.stages["qr"] == one.score
    assert talk.asked == [("alice", "c")] * 3


def test_candidates_are_scored_where_they_stand_whichever_are_asked_for(qwen: Path) -> None:
    prefilled = PrefilledQr(plain(qwen), Talk())
    whole = scores(prefilled.rank(QUESTION, offered(TURNS)))
    some = prefilled.rank(QUESTION, offered([TURNS[6], TURNS[1], TURNS[3], TURNS[1]]))
    assert sorted(one.memory.id for one in some) == [1, 1, 3, 6]
    assert all(one.score == whole[one.memory.id] for one in some)


def test_a_second_question_costs_its_own_tokens(qwen: Path) -> None:
    qr = plain(qwen)
    prefilled, lengths = PrefilledQr(qr, Talk()), read_tokens(qr)
    prefilled.rank(QUESTION, offered(TURNS))
    conversation, question, null = lengths
    lengths.clear()
    prefilled.rank(QUESTION, offered(TURNS[:3]))
    assert lengths == [question]  # 'N/A' was asked of this conversation already
    assert conversation > 3 * question
    assert null < question


def test_a_new_turn_costs_its_own_tokens_too(qwen: Path) -> None:
    qr, talk = plain(qwen), Talk(TURNS[:-1])
    prefilled, lengths = PrefilledQr(qr, talk), read_tokens(qr)
    prefilled.rank(QUESTION, offered(TURNS[:3]))
    conversation = lengths[0]
    lengths.clear()
    talk.turns.append(TURNS[-1])
    found = prefilled.rank(QUESTION, offered(TURNS))
    assert lengths[0] < conversation / 3
    assert scores(found) == pytest.approx(scores(plain(qwen).rank(QUESTION, offered(TURNS))), abs=1e-6)


def test_reading_ahead_takes_the_conversation_off_the_next_question(qwen: Path) -> None:
    qr, talk = plain(qwen), Talk()
    prefilled, lengths = PrefilledQr(qr, talk), read_tokens(qr)
    prefilled.read_ahead("alice", "c")
    (conversation,) = lengths
    prefilled.rank(QUESTION, offered(TURNS))
    assert max(lengths[1:]) < conversation / 3
    prefilled.read_ahead("alice", "an empty one")
    assert len(lengths) == 3


@pytest.mark.parametrize(
    "changed",
    [
        [*TURNS[:3], replace(TURNS[3], text="An edited turn."), *TURNS[4:]],
        [*TURNS[:2], *TURNS[4:]],
        TURNS[:5],
        [TURNS[1], TURNS[0], *TURNS[2:]],
        [replace(TURNS[0], speaker="Ben"), *TURNS[1:]],
    ],
)
def test_after_an_edit_or_a_deletion_nothing_of_the_old_conversation_counts(
    folder: Path, changed: Sequence[Turn]
) -> None:
    qr, talk = plain(folder), Talk()
    prefilled = PrefilledQr(qr, talk)
    prefilled.rank(QUESTION, offered(TURNS))
    talk.turns = list(changed)
    found = prefilled.rank(QUESTION, offered(changed))
    assert scores(found) == pytest.approx(scores(qr.rank(QUESTION, offered(changed))), abs=1e-6)


def test_turns_the_conversation_does_not_tell_stand_behind_it_by_their_time(qwen: Path) -> None:
    qr = plain(qwen)
    prefilled = PrefilledQr(qr, Talk(TURNS[:5]))
    found = prefilled.rank(QUESTION, offered([TURNS[7], TURNS[1], TURNS[5], TURNS[6], TURNS[7]]))
    wanted = scores(qr.rank(QUESTION, offered(TURNS)))
    assert len(found) == 5
    assert all(one.score == pytest.approx(wanted[one.memory.id], abs=1e-6) for one in found)


def test_event_summaries_are_scored_behind_the_turns_and_not_kept(qwen: Path) -> None:
    event = EventSummary(
        id=900, user="alice", conversation="c", session="1", text="Alice adopts a dog.",
        happened_at=datetime(2026, 3, 1), kind="anchor", turns=(1,),
    )  # fmt: skip
    qr = plain(qwen)
    prefilled, lengths = PrefilledQr(qr, Talk()), read_tokens(qr)
    prefilled.rank(QUESTION, offered(TURNS))
    lengths.clear()
    found = prefilled.rank(QUESTION, offered([event, *TURNS]))
    assert max(lengths) < 100
    wanted = scores(qr.rank(QUESTION, offered([*TURNS, event])))
    assert scores(found) == pytest.approx(wanted, abs=1e-6)
    again = prefilled.rank(QUESTION, offered(TURNS))
    assert scores(again) == pytest.approx(scores(qr.rank(QUESTION, offered(TURNS))), abs=1e-6)


def test_candidates_of_several_conversations_are_read_by_themselves_and_that_is_said(qwen: Path) -> None:
    qr = plain(qwen)
    mixed = offered([*TURNS[:3], turn(50, "I sail on Sundays.", conversation="d")])
    found = PrefilledQr(qr, Talk()).ranking(QUESTION, mixed)
    assert "2 conversations" in found.problems[0]
    assert scores(found.memories) == scores(qr.rank(QUESTION, mixed))


def test_a_conversation_beyond_the_window_is_not_used_and_that_is_said(qwen: Path) -> None:
    qr = plain(qwen, window_tokens=150)
    found = PrefilledQr(qr, Talk()).ranking(QUESTION, offered(TURNS[:2]))
    (problem,) = found.problems
    assert "'c' has" in problem
    assert "reads" in problem
    assert scores(found.memories) == scores(qr.rank(QUESTION, offered(TURNS[:2])))


def test_where_memory_is_short_what_is_kept_is_dropped_and_that_is_said(qwen: Path) -> None:
    qr = plain(qwen)
    prefilled, model = PrefilledQr(qr, Talk()), qr.asking("").decoder.model
    prefilled.rank(QUESTION, offered(TURNS))
    wanted = scores(qr.rank(QUESTION, offered(TURNS)))
    short = iter([True])

    def refuse(*_: object) -> None:
        if next(short, False):
            raise torch.OutOfMemoryError("as CUDA says it")

    hook: Any = model.register_forward_pre_hook(refuse)
    found = prefilled.ranking(QUESTION, offered(TURNS))
    hook.remove()
    assert "too little memory" in found.problems[0]
    assert scores(found.memories) == wanted
    lengths = read_tokens(qr)
    assert prefilled.ranking(QUESTION, offered(TURNS)).problems == ()
    assert len(lengths) == 3  # the conversation was read again


def test_without_a_budget_nothing_is_kept_and_everything_scored(qwen: Path) -> None:
    qr = plain(qwen)
    prefilled, lengths = PrefilledQr(qr, Talk(), budget_bytes=0), read_tokens(qr)
    wanted = scores(qr.rank(QUESTION, offered(TURNS)))
    for _ in range(2):
        lengths.clear()
        assert scores(prefilled.rank(QUESTION, offered(TURNS))) == pytest.approx(wanted, abs=1e-6)
        assert len(lengths) == 3


def test_threads_get_the_scores_of_their_own_questions(qwen: Path) -> None:
    qr, talk = plain(qwen), Talk([*TURNS, *(replace(one, id=one.id + 100, conversation="d") for one in TURNS[:4])])
    prefilled = PrefilledQr(qr, talk)
    asked = [(question, name) for question in (QUESTION, "Where is the wedding?") for name in "cd"]
    wanted = {one: ranked(qr, talk, *one) for one in asked}
    wrong: list[object] = []

    def ask(offset: int) -> None:
        for one in asked[offset:] + asked[:offset]:
            if ranked(prefilled, talk, *one) != pytest.approx(wanted[one], abs=1e-6):
                wrong.append(one)

    threads = [threading.Thread(target=ask, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def ranked(reranker: QrReranker | PrefilledQr, talk: Talk, question: str, name: str) -> dict[int, float]:
    return scores(reranker.rank(question, offered([one for one in talk.turns if one.conversation == name])))


def test_it_is_a_reranker_that_tells_and_no_candidates_are_none(qwen: Path) -> None:
    prefilled = PrefilledQr(plain(qwen), Talk())
    assert isinstance(prefilled, TellingReranker)
    assert prefilled.name == "qr"
    assert prefilled.rank(QUESTION, []) == []
