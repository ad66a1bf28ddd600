"""A language model that says whether an answer is right, through any OpenAI-compatible server.

Published LoCoMo figures mostly come from such judges, each with a prompt and a model of its own, and differ by that
alone: the prompt is printed with every figure that depends on it.
"""

import re
from dataclasses import dataclass

from ..memory.endpoint import Endpoint
from ..memory.endpoint_chat import EndpointChat
from ..memory.errors import GenerationError
from .dataset import AnswerRule
from .record import Asked, Given, Verdict

SYSTEM = "You grade answers to questions about a long conversation between people. You are strict and brief."
PROMPT = """\
Question: {question}
Accepted answers, any of which is right by itself: {answers}
Given answer: {given}

Is the given answer right? It is if it says the same as an accepted answer, in whatever words, at whatever length; a \
date or a time is right if it means the same day, month or span; a list is right if it holds every item of the \
accepted one. It is wrong if it contradicts the accepted answer, misses what was asked for, or does not answer.{rule}
Reply with one word, CORRECT or WRONG."""
ABSTAINING = """ \
The conversation does not hold the answer to this question: the given answer is right only if it says so."""

_VERDICT = re.compile(r"\b(correct|wrong|incorrect)\b", re.IGNORECASE)
_MOST_TOKENS = 512
"""A verdict is one word, but some models think aloud first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a judge said: no `verdict` where it failed, which `problem` tells.

    What it took is no cost of the system that it judges, and is not counted.
    """

    verdict: Verdict | None
    problem: str | None = None


class Judge:
    """Asks the model at temperature 0, once for each answer; threads may share it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._chat = EndpointChat(endpoint, max_tokens=_MOST_TOKENS)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._chat.name

    def judge(self, asked: Asked, given: Given) -> Judged:
        """Return the verdict on an answer; a judge that fails, or says neither word, costs no answer."""
        try:
            reply = self._chat.reply(SYSTEM, request(asked, given))
        except GenerationError as error:
            return Judged(verdict=None, problem=f"The judge failed: {error}")
        is_right = verdict_in(reply.text)
        if is_right is None:
            said = " ".join(reply.text.split())[:80]
            return Judged(verdict=None, problem=f"The judge said neither CORRECT nor WRONG: {said!r}")
        return Judged(verdict=Verdict(is_right=is_right, reply=reply.text, model=self.name))

    def close(self) -> None:
        """Close the pooled connections."""
        self._chat.close()


def request(asked: Asked, given: Given) -> str:
    """Return what the judge is asked about one answer."""
    answers = "; ".join(asked.answers) or "(none: it was never told)"
    rule = ABSTAINING if asked.rule is AnswerRule.ABSTAIN else ""
    return PROMPT.format(question=asked.question, answers=answers, given=given.text.strip() or "(nothing)", rule=rule)


def verdict_in(reply: str) -> bool | None:
    """Return what a reply decides, by the last "correct", "wrong" or "incorrect" in it; None without one."""
    words = _VERDICT.findall(reply)
    return words[-1].lower() == "correct" if words else None
