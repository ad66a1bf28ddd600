"""The listwise reranker against a real server: windows slide from the back, a bad reply costs its own at most."""

import re
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from recollect.memory.endpoint import Endpoint
from recollect.memory.errors import EndpointRefused, EndpointUnreachable, GenerationError, RecollectError
from recollect.memory.types import NO_EFFORT, Candidate, Effort, EventSummary, Turn
from recollect.rerank.base import TellingReranker, ranking_of, reads_events
from recollect.rerank.listwise_llm import MOST_PIECES, PASSAGE_CHARACTERS, ListwiseReranker
from tests.openai_server import (
    Act,
    OpenAIServer,
    drops,
    hangs,
    refuses,
    refuses_then_drops,
    running,
    says,
    sends,
    unused_url,
)

KEY = "sk-the-secret"


def reranker(server: OpenAIServer, **options: Any) -> ListwiseReranker:
    return at(server.url, **options)


def at(url: str, *, timeout_s: float = 5.0, **options: Any) -> ListwiseReranker:
    endpoint = Endpoint(model="chat-1", base_url=url, api_key=KEY, max_retries=0, timeout_s=timeout_s)
    return ListwiseReranker(endpoint, **options)


def candidate(number: int, text: str, speaker: str = "Al") -> Candidate:
    turn = Turn(
        id=number,
        user="alice",
        conversation="c",
        session="1",
        position=number + 1,
        speaker=speaker,
        text=text,
        said_at=datetime(2026, 3, 2, 18),
    )
    return Candidate(memory=turn, lexical=1.0, dense=None, fused=-float(number), preceding=f"Bob: {number}?")


def numbered(worths: Sequence[int]) -> list[Candidate]:
    return [candidate(number, f"worth {worth}") for number, worth in enumerate(worths)]


def lines_of(content: str) -> list[tuple[str, str]]:
    return re.findall(r"^\[(\d+)\] (.*)$", content, re.MULTILINE)


def orders(worth: Callable[[str], float]) -> Act:
    """A model that puts the lines of its request in order by what they are worth, the highest first."""

    def act(handler: Any) -> None:
        lines = lines_of(handler.request.body["messages"][1]["content"])
        best = sorted(lines, key=lambda line: -worth(line[1]))
        says(" > ".join(f"[{number}]" for number, _ in best))(handler)

    return act


def worth(line: str) -> float:
    return max((float(found) for found in re.findall(r"worth (\d+)", line)), default=0.0)


def ids(ranker: ListwiseReranker, candidates: Sequence[Candidate], question: str = "Which?") -> list[int]:
    return [one.memory.id for one in ranker.rank(question, candidates)]


def shown(server: OpenAIServer) -> list[list[str]]:
    return [[text for _, text in lines_of(sent.body["messages"][1]["content"])] for sent in server.requests]


# -- what is asked -------------------------------------------------------------------------------


def test_the_model_is_shown_the_question_and_numbered_dated_lines_once() -> None:
    with running(says("[2] > [1]")) as server:
        event = EventSummary(
            id=7,
            user="alice",
            conversation="c",
            session="1",
            text="Al adopts\na dog.",
            happened_at=datetime(2026, 3, 1),
            kind="anchor",
            turns=(1,),
        )
        candidates = [
            candidate(1, "A  beagle,\n[2] as [12 ] says."),
            Candidate(memory=event, lexical=0, dense=0, fused=0),
        ]
        assert ids(reranker(server), candidates, "Which\ndog?") == [7, 1]
    (sent,) = server.requests
    system, user = (message["content"] for message in sent.body["messages"])
    assert "in order" in system
    assert "Question: Which dog?" in user
    assert lines_of(user) == [
        ("1", "2 March 2026, Al: A beagle, (2) as (12 ) says."),
        ("2", "1 March 2026, Event: Al adopts a dog."),
    ]
    assert (sent.body["model"], sent.body["temperature"]) == ("chat-1", 0.0)
    assert sent.headers["authorization"] == f"Bearer {KEY}"


def test_the_window_slides_from_the_back_so_that_the_best_rise_from_anywhere() -> None:
    worths = list(range(100))  # the very last is the best, the first stage had it all wrong
    with running(orders(worth)) as server:
        found = ids(reranker(server), numbered(worths))
        windows = shown(server)
    assert [len(window) for window in windows] == [20] * 9
    assert windows[0] == [f"2 March 2026, Al: worth {number}" for number in range(80, 100)]
    assert found[:10] == list(range(99, 89, -1))
    assert sorted(found) == worths


@pytest.mark.parametrize(
    ("count", "sizes"), [(2, [2]), (20, [20]), (21, [20, 20]), (25, [20, 20]), (30, [20, 20]), (31, [20, 20, 20])]
)
def test_windows_overlap_and_reach_the_front(count: int, sizes: list[int]) -> None:
    with running(orders(worth)) as server:
        found = ids(reranker(server), numbered(range(count)))
        assert [len(window) for window in shown(server)] == sizes
    assert found[0] == count - 1
    assert sorted(found) == list(range(count))


def test_scores_fall_with_the_place_and_the_stages_are_kept() -> None:
    with running(says("[3] > [1] > [2]")) as server:
        ranked = reranker(server).rank("Which?", numbered([1, 2, 3]))
    assert [(one.memory.id, one.score) for one in ranked] == [
        (2, 1.0),
        (0, pytest.approx(2 / 3)),
        (1, pytest.approx(1 / 3)),
    ]
    assert ranked[0].stages == {"lexical": 1.0, "fused": -2.0, "listwise_llm": 1.0}
    assert [one.preceding for one in ranked] == ["Bob: 2?", "Bob: 0?", "Bob: 1?"]


def test_none_and_one_need_no_model() -> None:
    ranker = at(unused_url())
    assert ranker.rank("Which?", []) == []
    (only,) = ranker.rank("Which?", numbered([1]))
    assert only.score == 1.0


def test_equal_and_blank_memories_are_all_there() -> None:
    twins = [*(candidate(number, "worth 3") for number in (5, 2, 9)), candidate(4, " \n"), candidate(6, "🐶")]
    with running(orders(worth)) as server:
        assert ids(reranker(server), twins, " ") == [5, 2, 9, 4, 6]


def test_threads_do_not_mix_up_their_problems() -> None:
    def answers(handler: Any) -> None:
        act = says("No idea.") if "bad" in handler.request.body["messages"][1]["content"] else says("[2] > [1]")
        act(handler)

    found: dict[str, int] = {}
    with running(answers) as server:
        ranker = reranker(server)

        def rank(question: str) -> None:
            found[question] = len(ranking_of(ranker, question, numbered([1, 2])).problems)

        threads = [threading.Thread(target=rank, args=[f"{kind} {n}"]) for n in range(4) for kind in ("bad", "good")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {f"{kind} {n}": int(kind == "bad") for n in range(4) for kind in ("bad", "good")}


# -- long texts ----------------------------------------------------------------------------------


def test_a_long_memory_stands_where_its_best_piece_stands() -> None:
    long = candidate(1, "It is worth 1 to hear this again. " * 60 + "It is worth 9 at last.")
    with running(orders(worth)) as server:
        ranking = ranking_of(reranker(server), "Which?", [candidate(0, "worth 5"), long, candidate(2, "worth 7")])
        (window,) = shown(server)
    assert [one.memory.id for one in ranking.memories] == [1, 2, 0]
    assert ranking.problems == ()
    assert len(window) == 4
    assert all(line.startswith("2 March 2026, Al: ") for line in window)
    assert all(len(line) <= PASSAGE_CHARACTERS + 20 for line in window)
    assert window[1].endswith("this again.")  # cut behind a sentence


def test_what_is_too_long_to_be_sent_is_said() -> None:
    endless = candidate(4, "word " * 5_000)
    with running(orders(worth)) as server:
        ranking = ranking_of(reranker(server), "why " * 5_000, [candidate(0, "worth 5"), endless])
        (window,) = shown(server)
        content = server.requests[0].body["messages"][1]["content"]
    assert len(window) == 1 + MOST_PIECES
    assert len(content) < 32_000
    assert len(ranking.memories) == 2
    about_question, about_memory = ranking.problems
    assert "question is too long for chat-1; its first 4000 characters" in about_question
    assert "Memory 4 is too long for chat-1" in about_memory


# -- replies and servers that fail ---------------------------------------------------------------


def test_a_reply_without_an_order_keeps_its_window_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    backwards = " > ".join(f"[{number}]" for number in range(20, 0, -1))
    with running(says(backwards), says("I cannot do that."), says(backwards), says("No.")) as server:
        ranking = ranking_of(reranker(server), "Which?", numbered(range(40)))
        assert caplog.text == ""
        reranker(server).rank("Which?", numbered(range(2)))  # a list cannot tell it
    # 20-39 backwards, then 10-19 and 39-30 as they were, then the first twenty backwards
    expected = [*range(19, -1, -1), *range(39, 19, -1)]
    assert [one.memory.id for one in ranking.memories] == expected
    (problem,) = ranking.problems
    assert problem.startswith("chat-1 gave no order in 1 of 3 replies")
    assert problem.endswith("It said: I cannot do that.")
    assert "It said: No." in caplog.text


@pytest.mark.parametrize("finish", ["stop", "length"])
def test_an_empty_reply_is_a_reply_without_an_order(finish: str) -> None:
    with running(says(finish=finish)) as server:
        ranking = ranking_of(reranker(server), "Which?", numbered([1, 2]))
    assert [one.memory.id for one in ranking.memories] == [0, 1]
    assert f"nothing (finish reason '{finish}')" in ranking.problems[0]


def test_a_long_senseless_reply_is_told_in_short() -> None:
    with running(says("bla " * 2_000)) as server:
        (problem,) = ranking_of(reranker(server), "Which?", numbered([1, 2])).problems
    assert len(problem) < 300


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (drops(), EndpointUnreachable, "Is the server running"),
        (refuses(401), EndpointRefused, "OPENAI_API_KEY"),
        (refuses(404, "no model chat-1"), EndpointRefused, "hosted.model"),
        (refuses(400, "context length exceeded"), EndpointRefused, "context length exceeded"),
        (refuses(500, f"boom {KEY}"), EndpointRefused, "try again later"),
        (refuses_then_drops(500), EndpointUnreachable, "chat-1"),
        (sends(b"<html>hello</html>", content_type="text/html"), GenerationError, "chat completion"),
        (sends(b"{nonsense"), GenerationError, "chat completion"),
        (sends(b'{"choices": []}'), GenerationError, "chat completion"),
        (sends(b'{"choices": [{"message": {"content": 5}}]}'), GenerationError, "chat completion"),
        (sends(b"null"), GenerationError, "chat completion"),
    ],
)
def test_a_server_that_gives_no_reply_is_a_clear_error(act: Act, error: type[RecollectError], words: str) -> None:
    with running(act) as server, pytest.raises(error, match=re.escape(words)) as caught:
        reranker(server).rank("Which?", numbered([1, 2]))
    assert server.url in str(caught.value)
    assert KEY not in repr(caught.value) + repr(caught.value.__cause__)


def test_a_server_that_falls_silent_is_waited_for_so_long_only() -> None:
    with running(hangs()) as server, pytest.raises(EndpointUnreachable, match=r"sent nothing for 0\.2 s"):
        reranker(server, timeout_s=0.2).rank("Which?", numbered([1, 2]))


def test_a_server_that_dies_on_the_way_is_an_error_of_the_whole() -> None:
    with running(says("[2] > [1]"), drops()) as server, pytest.raises(EndpointUnreachable):
        reranker(server).rank("Which?", numbered(range(40)))


def test_making_one_asks_nothing_and_looks_up_no_events() -> None:
    ranker = at(unused_url())
    assert (ranker.name, reads_events(ranker)) == ("listwise_llm", False)
    assert isinstance(ranker, TellingReranker)


def test_a_closed_one_can_be_used_again() -> None:
    with running(says("[2] > [1]")) as server:
        ranker = reranker(server)
        assert ids(ranker, numbered([1, 2])) == [1, 0]
        ranker.close()
        assert ids(ranker, numbered([1, 2])) == [1, 0]


def test_what_the_server_counted_is_the_effort() -> None:
    with running(*[says("[2] > [1]", usage=(100, 7))] * 2) as server:
        effort = reranker(server, window=2, step=1).ranking("Who?", numbered([1, 2, 3])).effort
    assert effort == Effort(tokens=200, calls=2, written=14)
    with running(says("[2] > [1]", usage=(100, 7)), says("[2] > [1]")) as server:
        effort = reranker(server, window=2, step=1).ranking("Who?", numbered([1, 2, 3])).effort
    assert effort == Effort(calls=2, written=None)
    with running() as server:
        assert reranker(server).ranking("Who?", numbered([1])).effort == NO_EFFORT
