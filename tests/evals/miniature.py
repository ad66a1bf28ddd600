"""Miniature records whose scores are worked out by hand, and a protocol to stand above them."""

from collections.abc import Sequence
from typing import Any

from recollect.evals.dataset import AnswerRule
from recollect.evals.protocol import RETRIEVAL, DataDescription, Machine, RunProtocol, SystemDescription
from recollect.evals.record import Asked, FilledContext, Given, QuestionRecord

PLAIN = AnswerRule.PLAIN
ABSTAIN = AnswerRule.ABSTAIN


def asked(question_id: str = "c1/q1", gold: Sequence[str] = ("a", "b"), **more: Any) -> Asked:
    """A question; its conversation is what stands before the slash."""
    values: dict[str, Any] = {
        "conversation": question_id.partition("/")[0],
        "question": f"What of {question_id}?",
        "category": "single-hop",
        **more,
    }
    return Asked(question_id=question_id, gold=tuple(gold), **values)


def record(
    question: Asked | None = None, ranked: str = "", *contexts: FilledContext, system: str = "bm25", **more: Any
) -> QuestionRecord:
    """A record of a system by turn; every letter of `ranked` is a unit."""
    values: dict[str, Any] = {"unit": "turn", **more}
    return QuestionRecord(system=system, asked=question or asked(), ranked=tuple(ranked), contexts=contexts, **values)


def context(budget: int, units: str, tokens: int) -> FilledContext:
    """A context; every letter of `units` is one."""
    return FilledContext(budget=budget, units=tuple(units), tokens=tokens)


def given(text: str, *, declined: bool = False, tokens: int = 0) -> Given:
    """An answer."""
    return Given(text=text, is_abstention=declined, tokens=tokens)


def exact(question: Asked, answer: Given) -> dict[str, float]:
    """A stand-in for what scores answers: F1 is a half for every answer, EM whether it is an accepted one."""
    return {"F1": 0.5 if answer.text else 0.0, "EM": float(answer.text in question.answers)}


def protocol(**more: Any) -> RunProtocol:
    """A protocol of a run over two conversations."""
    data = DataDescription(
        sha256="0123456789abcdef",
        release=None,
        conversations=2,
        turns=12,
        questions={"temporal": 2, "single-hop": 3},
    )
    values: dict[str, Any] = {
        "task": RETRIEVAL,
        "data": {"mini.json": data},
        "categories": ("temporal", "single-hop"),
        "asked": 5,
        "excluded": {},
        "sample": None,
        "units": {"turn": "turn"},
        "ks": (1, 3),
        "budgets": (854,),
        "tokenizer": "words",
        "embedder": "mini",
        "embedder_fingerprint": "01",
        "systems": (SystemDescription(name="bm25", unit="turn"),),
        "answers": None,
        "seed": 0,
        "recollect_version": "9",
        "date": "2026-01-02T03:04:05+00:00",
        "machine": Machine(cpus=2, python="3.11", platform="Linux", torch=None),
        **more,
    }
    return RunProtocol(**values)
