"""The protocol of a run: looked at, written, read again, and put into words."""

from dataclasses import replace
from pathlib import Path

import pytest

from recollect.evals.locomo import load_locomo
from recollect.evals.protocol import (
    ANSWERS,
    AnswerDescription,
    RunProtocol,
    SystemDescription,
    describe_data,
    describe_machine,
)
from recollect.evals.protocol_json import protocol_json, read_protocol
from recollect.evals.protocol_text import protocol_text
from recollect.memory.errors import DataFormatError

from .miniature import protocol

FULL = protocol(
    task=ANSWERS,
    sample=5,
    excluded={"category adversarial": 3, "no_resolvable_evidence": 1},
    systems=(
        SystemDescription(name="BM25", unit="turn"),
        SystemDescription(name="block", unit="chunk", options={"reranker": "block", "fusion": "z [0.75]"}),
    ),
    answers=AnswerDescription(generator="extractive", judge="j-1", judge_prompt="Is {x} right?", audit="ab" * 32),
)


@pytest.mark.parametrize("written", [FULL, protocol()], ids=["full", "bare"])
def test_a_protocol_is_read_as_it_was_written(written: RunProtocol) -> None:
    assert read_protocol(protocol_json(written), file="protocol.json") == written


def test_a_protocol_that_no_run_wrote_is_refused() -> None:
    with pytest.raises(DataFormatError, match=r"protocol\.json: no JSON"):
        read_protocol("{", file="protocol.json")
    with pytest.raises(DataFormatError, match=r"protocol\.json, seed: expected a whole number"):
        read_protocol(protocol_json(replace(FULL, seed="7")), file="protocol.json")  # type: ignore[arg-type]  # wrong


def test_the_text_says_what_figures_depend_on() -> None:
    text = protocol_text(FULL)
    for part in (
        "mini.json: no known release (sha256 0123456789ab) · 2 conversations · 12 turns · 5 questions",
        "retrieval and answers, 5 questions asked · a sample of 5 · categories temporal, single-hop",
        "excluded: 3 category adversarial, 1 no resolvable evidence",
        "contexts of 854 tokens by words · embedder mini (01)",
        "block, chunk: reranker block, fusion z [0.75]",
        "answers by extractive · judge j-1 · audited keys (sha256 abababababab)",
        "the judge is asked: Is {x} right?",
        "recollect 9 · seed 0 · 2 CPUs, Python 3.11, torch not loaded · 2026-01-02T03:04:05+00:00",
    ):
        assert part in text


def test_a_data_file_is_described_with_all_its_questions(mini_file: Path) -> None:
    found = describe_data(load_locomo(mini_file))
    assert (found.release, found.conversations, found.turns) == (None, 2, 12)
    assert sum(found.questions.values()) == 8


def test_the_machine_counts_the_cpus_this_process_may_use() -> None:
    assert describe_machine().cpus >= 1
