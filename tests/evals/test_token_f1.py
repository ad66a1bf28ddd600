"""LoCoMo's token F1: pairs of answer, prediction and score worked out by hand from the official rules."""

import pytest

from recollect.evals.token_f1 import exact_match, list_f1, normalised, token_f1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Cat, and a DOG!", "cat dog"),
        ("7 May, 2023", "7 may 2023"),
        ("1,000 tulips", "1000 tulips"),
        ("it's a well-known band", "its wellknown band"),
        ("“An” apple…", "“ ” apple…"),  # only ASCII punctuation goes, and typographic quotes stand alone
        ("another theatre", "another theatre"),
        ("a\u0301 la carte", "a\u0301 la carte"),  # an accented letter is no article
        ("  \n", ""),
    ],
)
def test_words_that_count(text: str, words: str) -> None:
    assert normalised(text) == words


@pytest.mark.parametrize(
    ("given", "wanted", "score"),
    [
        ("7 May 2023", "7 May, 2023", 1.0),
        ("adopting dogs", "She adopted a dog", 0.8),  # adopt dog of 2 and of 3: 1 and 2/3
        ("pottery, painting", "painting", 2 / 3),  # 1 of 2 and 1 of 1
        ("the dog dog dog", "dog dog", 0.8),  # 2 of 3 and 2 of 2
        ("in May", "June", 0.0),
        ("", "June", 0.0),
        ("June", "", 0.0),
        ("the", "a", 0.0),  # nothing is left of either
        ("tearfully dying skies", "a tear, died, the sky", 1.0),  # nltk's departures from Porter's algorithm
        ("money", "monies", 0.0),  # money and moni
    ],
)
def test_f1_of_stems(given: str, wanted: str, score: float) -> None:
    assert token_f1(given, wanted) == pytest.approx(score)
    assert token_f1(wanted, given) == pytest.approx(score)


@pytest.mark.parametrize(
    ("given", "wanted", "score"),
    [
        ("running, pottery", "pottery, running", 1.0),
        ("pottery", "pottery, running", 0.5),
        ("pottery, running, chess, tea", "pottery", 1.0),  # too many parts cost nothing, as in the official rules
        ("pottery running", "pottery, running", 2 / 3),  # one part, half of which is right for each
        ("clay pottery, jogs", "pottery, jogging", (2 / 3 + 1) / 2),
        ("", "pottery, running", 0.0),
        ("pottery", "pottery,", 0.5),  # an empty part is a part
    ],
)
def test_f1_of_lists(given: str, wanted: str, score: float) -> None:
    assert list_f1(given, wanted) == pytest.approx(score)


@pytest.mark.parametrize(
    ("given", "wanted", "is_match"),
    [
        ("The dog, a cat", "cat and dog", True),
        ("dog dog", "dog", True),  # words are a set
        ("dogs", "dog", False),  # stems do not count
        ("", "the", True),
        ("dog", "", False),
    ],
)
def test_exact_match_is_by_words(given: str, wanted: str, *, is_match: bool) -> None:
    assert exact_match(given, wanted) == float(is_match)
