"""How an answer is scored: by the rule of its question, against the original key and an audited one.

Official rules (LoCoMo, task_eval/evaluation.py): multi-hop answers are lists split on commas, an open-domain key
counts up to its first semicolon, and to an adversarial question it is right to say that it was not told. Where a
question has several accepted answers the best one counts.
"""

import re
from collections.abc import Sequence

from ..agent.citations import is_abstention
from .audit import Audit
from .dataset import AnswerRule
from .record import Asked, Given
from .scores import ANSWER_METRICS
from .token_f1 import exact_match, list_f1, token_f1

F1, EM, JUDGE, F1_AUDITED = ANSWER_METRICS

_QUOTED = re.compile(r"“[^”]*”")
_OFFICIAL = ("no information available", "not mentioned")
_DECLINES = re.compile(
    r"(?:sorry,? )?(?:but )?(?:"
    r"i (?:do not|don't|cannot|can't) (?:know|remember|recall|tell|have (?:any |enough )?(?:information|memory))\b"
    r"|there(?: is|'s) no (?:information|mention|record|memory)\b"
    r"|no (?:information|mention|record|memory)\b"
    r"|(?:it is |it's )?(?:unknown|not (?:stated|specified|told|known))\W*$)",
    re.IGNORECASE,
)


def score_answer(asked: Asked, given: Given, *, audit: Audit | None = None) -> dict[str, float]:
    """Return the scores of an answer, 0.0 to 1.0: "F1", "EM", "judge" with a verdict, "F1 audited" with an audit.

    A question without an accepted answer has neither F1 nor EM; one that the audit drops has no "F1 audited". To
    decline is right where the rule is ABSTAIN, and nothing else is.
    """
    scores = _against(asked, given, asked.answers)
    if given.verdict is not None:
        scores[JUDGE] = float(given.verdict.is_right)
    if audit is not None:
        answers = audit.answers_to(asked)
        audited = {} if answers is None else _against(asked, given, answers)
        if F1 in audited:
            scores[F1_AUDITED] = audited[F1]
    return scores


def answer_f1(text: str, answers: Sequence[str], rule: AnswerRule = AnswerRule.PLAIN) -> float:
    """Return the token F1 with the best of `answers` under the rule, 0.0 without one."""
    measure = list_f1 if rule is AnswerRule.LIST else token_f1
    return max((measure(text, _wanted(answer, rule)) for answer in answers), default=0.0)


def answer_em(text: str, answers: Sequence[str], rule: AnswerRule = AnswerRule.PLAIN) -> float:
    """Return 1.0 where the text has the very words of one of `answers`, else 0.0."""
    return max((exact_match(text, _wanted(answer, rule)) for answer in answers), default=0.0)


def declines(text: str) -> bool:
    """Return whether an answer says that it was not told.

    It does with the sentence that our generators answer with, with one of the two phrases that the official
    evaluation looks for (outside of “quotations”), or where it begins with "I don't know" or its like.
    """
    said = " ".join(_QUOTED.sub(" ", text).replace("’", "'").split())
    return (
        is_abstention(text)
        or any(phrase in said.casefold() for phrase in _OFFICIAL)
        or _DECLINES.match(said) is not None
    )


def _against(asked: Asked, given: Given, answers: Sequence[str]) -> dict[str, float]:
    if asked.rule is AnswerRule.ABSTAIN:
        is_right = float(given.is_abstention or declines(given.text))
        return {F1: is_right, EM: is_right}
    if not answers:
        return {}
    return {F1: answer_f1(given.text, answers, asked.rule), EM: answer_em(given.text, answers, asked.rule)}


def _wanted(answer: str, rule: AnswerRule) -> str:
    return answer.split(";")[0].strip() if rule is AnswerRule.FIRST else answer
