"""A judge through a server: what it is asked, what its reply decides, and a failure that costs no answer."""

import pytest

from recollect.evals.dataset import AnswerRule
from recollect.evals.judge import ABSTAINING, SYSTEM, Judge, Judged, request, verdict_in
from recollect.evals.record import Verdict
from recollect.memory.endpoint import Endpoint
from tests.evals.miniature import asked, given
from tests.openai_server import Act, refuses, running, says, unused_url

QUESTION = asked(question="Which plot?", answers=("nine", "plot nine"))


def judged(act: Act) -> Judged:
    with running(act) as server:
        judge = Judge(Endpoint(model="judge-1", base_url=server.url, max_retries=0))
        found = judge.judge(QUESTION, given("The ninth"))
        judge.close()
        return found


def test_a_judge_is_asked_once_at_temperature_0_with_the_prompt_that_is_printed() -> None:
    with running(says("CORRECT")) as server:
        judge = Judge(Endpoint(model="judge-1", base_url=server.url))
        assert judge.name == "judge-1"
        judge.judge(QUESTION, given("The ninth"))
        (sent,) = server.requests
    assert (sent.body["model"], sent.body["temperature"]) == ("judge-1", 0)
    assert [message["content"] for message in sent.body["messages"]] == [
        SYSTEM,
        request(QUESTION, given("The ninth")),
    ]


def test_the_prompt_holds_the_question_every_accepted_answer_and_the_given_one() -> None:
    prompt = request(QUESTION, given(" The ninth "))
    assert prompt.startswith(
        "Question: Which plot?\nAccepted answers, any of which is right by itself: nine; plot nine\n"
        "Given answer: The ninth\n"
    )
    assert ABSTAINING not in prompt
    assert "Given answer: (nothing)\n" in request(QUESTION, given(" "))


def test_the_prompt_says_where_nothing_was_told() -> None:
    prompt = request(asked(rule=AnswerRule.ABSTAIN, trap="secret trap"), given("Ines"))
    assert ABSTAINING in prompt
    assert "(none: it was never told)" in prompt
    assert "secret trap" not in prompt


@pytest.mark.parametrize("braces", ["{given}", "{", "{0}"])
def test_braces_in_an_answer_are_its_own(braces: str) -> None:
    assert f"Given answer: {braces}\n" in request(QUESTION, given(braces))


@pytest.mark.parametrize(
    ("reply", "is_right"),
    [
        ("CORRECT", True),
        ("Wrong.", False),
        ("**correct**", True),
        ("INCORRECT", False),
        ("It could seem wrong, but means the same plot.\nCORRECT", True),
        ("The label: correct? No, WRONG", False),
        ("correctly put", None),
        ("Yes", None),
        ("", None),
    ],
)
def test_a_verdict_is_the_last_word_of_its_kind(reply: str, *, is_right: bool | None) -> None:
    assert verdict_in(reply) is is_right


def test_a_verdict_keeps_the_reply_and_the_model() -> None:
    assert judged(says("It is.\nCORRECT")) == Judged(
        verdict=Verdict(is_right=True, reply="It is.\nCORRECT", model="judge-1")
    )


def test_a_reply_that_decides_nothing_is_told_and_no_verdict() -> None:
    found = judged(says("Perhaps", "\n", "so"))
    assert found == Judged(verdict=None, problem="The judge said neither CORRECT nor WRONG: 'Perhaps so'")


def test_a_judge_that_fails_gives_no_verdict_and_a_reason() -> None:
    found = judged(refuses(500, "out of order"))
    assert found.verdict is None
    assert found.problem is not None
    assert found.problem.startswith("The judge failed: ")


def test_a_server_that_is_not_there_is_a_failure_like_any_other() -> None:
    judge = Judge(Endpoint(model="judge-1", base_url=unused_url(), max_retries=0))
    assert judge.judge(QUESTION, given("nine")).verdict is None
