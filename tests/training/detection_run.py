"""A detection with a scorer that needs no model, as a program that may be killed: DATA STATE LOG SECONDS_A_SAMPLE."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from recollect.rerank.prompt import Passage
from recollect.training.qr_detection import Detected, PassageScorer, PromptTooLong, Recipe, detect
from recollect.training.qr_samples import SampleSource

LAYERS, HEADS = 3, 4
RECIPE = Recipe(samples=12, top=3, score="ndcg")


class FakeScorer:
    """Heads 1-2 and 2-0 look at passages that share words with the question, the others at noise of their own.

    Questions with the word "endless" do not fit its window. `asked` lists the questions it was given.
    """

    fingerprint = "fake"
    shape = (LAYERS, HEADS)

    def __init__(self, log: Path | None = None, pause_s: float = 0.0) -> None:
        self.asked: list[str] = []
        self._log = log
        self._pause_s = pause_s

    def scores(self, question: str, passages: Sequence[Passage]) -> Tensor:
        self.asked.append(question)
        if self._log is not None:
            with self._log.open("a") as file:
                file.write(question + "\n")
        time.sleep(self._pause_s)
        if "endless" in question:
            raise PromptTooLong("It does not fit.")
        generator = torch.Generator().manual_seed(sum(map(ord, question)))
        scores = torch.rand(LAYERS, HEADS, len(passages), generator=generator) / 100
        words = set(question.split())
        shared = torch.tensor([float(len(words & set(passage.text.split()))) for passage in passages])
        scores[1, 2] += shared
        scores[2, 0] += shared / 2
        return scores


def run(scorer: PassageScorer, data: Path, state: Path) -> Detected:
    return detect(scorer, SampleSource(data), RECIPE, state=state)


if __name__ == "__main__":
    data, state, log = map(Path, sys.argv[1:4])
    run(FakeScorer(log, float(sys.argv[4])), data, state)
