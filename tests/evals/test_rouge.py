"""ROUGE-L, counted by hand."""

import random

import pytest

from recollect.evals.rouge import rouge_l


@pytest.mark.parametrize(
    ("candidate", "reference", "precision", "recall"),
    [
        ("police killed the gunman", "police kill the gunman", 1.0, 1.0),
        ("the gunman kill police", "police kill the gunman", 2 / 4, 2 / 4),  # Lin 2004, section 3.1
        ("a b c d e f", "x b y d", 2 / 6, 2 / 4),
        ("one two", "three", 0.0, 0.0),
        ("", "three", 0.0, 0.0),
        ("Dogs, RUN!", "dog runs", 1.0, 1.0),
    ],
)
def test_the_longest_common_subsequence_is_counted(
    candidate: str, reference: str, precision: float, recall: float
) -> None:
    found = rouge_l(candidate, reference)
    assert (found.precision, found.recall) == pytest.approx((precision, recall))


def test_f1_is_the_harmonic_mean() -> None:
    assert rouge_l("a b c d e f", "x b y d").f1 == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert rouge_l("", "").f1 == 0.0


def test_it_agrees_with_the_textbook_recursion() -> None:
    draw = random.Random(0)

    def longest(one: list[str], other: list[str]) -> int:
        table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
        for i, a in enumerate(one):
            for j, b in enumerate(other):
                table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
        return table[-1][-1]

    for _ in range(50):
        one, other = (draw.choices("bcdfgh", k=draw.randint(1, 12)) for _ in range(2))
        assert rouge_l(" ".join(one), " ".join(other)).precision == pytest.approx(longest(one, other) / len(one))
