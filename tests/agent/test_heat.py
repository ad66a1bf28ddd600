"""From the attention of tokens to that of words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.agent.heat import heated_words
from recollect.memory.types import Heat


def heat(*tokens: tuple[int, int, float]) -> list[Heat]:
    return [Heat(start=start, end=end, share=share) for start, end, share in tokens]


def tokens(text: str, *pieces: str, shares: list[float]) -> list[Heat]:
    """The places of pieces that follow each other in the text."""
    found: list[Heat] = []
    at = 0
    for piece, share in zip(pieces, shares, strict=True):
        at = text.index(piece, at)
        found.append(Heat(start=at, end=at + len(piece), share=share))
        at += len(piece)
    return found


def told(text: str, found: list[Heat], limit: int = 5) -> list[tuple[str, float]]:
    return [(word.text, round(word.share, 6)) for word in heated_words(text, found, limit=limit)]


def test_pieces_of_one_word_are_one_word_and_the_first_drew_most() -> None:
    text = "I adopted Biscuit."
    found = tokens(text, "I", "adopt", "ed", "Bis", "cu", "it", ".", shares=[0.05, 0.1, 0.1, 0.2, 0.2, 0.1, 0.25])
    assert told(text, found) == [("Biscuit", 0.5), ("adopted", 0.2), ("I", 0.05)]
    assert told(text, found, limit=1) == [("Biscuit", 0.5)]


def test_tokens_that_bring_their_blank_are_not_glued_to_the_word_before() -> None:
    text = "my dog\nBiscuit"
    found = tokens(text, "my", " dog", "\nBis", "cuit", shares=[0.1, 0.2, 0.3, 0.4])
    assert told(text, found) == [("Biscuit", 0.7), ("dog", 0.2), ("my", 0.1)]
    assert heated_words(text, found)[0].spans == ((7, 14),)


def test_a_word_said_twice_is_one_with_two_places() -> None:
    text = "Dog, dog."
    (word,) = heated_words(text, tokens(text, "Dog", "dog", shares=[0.4, 0.5]))
    assert (word.text, word.share, word.spans) == ("Dog", pytest.approx(0.9), ((0, 3), (5, 8)))


def test_apostrophes_and_hyphens_join_and_quotes_do_not() -> None:
    text = "'Biscuit's well-known'"
    pieces = ("'", "Biscuit", "'", "s", "well", "-", "known", "'")
    found = tokens(text, *pieces, shares=[0.1, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2])
    assert [word for word, _ in told(text, found)] == ["Biscuit's", "well-known"]


def test_punctuation_and_next_to_nothing_are_no_words() -> None:
    text = "Yes! No?"
    assert told(text, tokens(text, "Yes", "!", "No", "?", shares=[0.004, 0.5, 0.006, 0.4])) == [("No", 0.006)]
    assert told("", []) == told("dog", []) == told(" - ", heat((0, 3, 1.0))) == []


def test_chinese_and_japanese_tokens_stay_apart_and_korean_pieces_join() -> None:
    text = "我的狗很大"
    assert told(text, tokens(text, "我", "的", "狗", "很大", shares=[0.1, 0.1, 0.5, 0.3]), limit=2) == [
        ("狗", 0.5),
        ("很大", 0.3),
    ]
    assert told("강아지", tokens("강아지", "강아", "지", shares=[0.5, 0.5])) == [("강아지", 1.0)]


def test_the_bytes_of_one_character_share_its_place() -> None:
    text = "é🐶!"
    assert told("Zoé", heat((0, 2, 0.2), (2, 3, 0.3), (2, 3, 0.4))) == [("Zoé", 0.9)]
    assert told(text, heat((0, 1, 0.2), (0, 1, 0.3), (1, 2, 0.1), (1, 2, 0.1))) == [("é", 0.5)]


@given(
    text=st.text(alphabet=st.sampled_from("ab '-漢é.\n"), max_size=30),
    places=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.floats(0, 1)), max_size=20),
)
def test_whatever_is_hot_the_places_are_inside_the_text_and_hold_the_word(
    text: str, places: list[tuple[int, int, float]]
) -> None:
    found = heated_words(text, heat(*((start, start + length, share) for start, length, share in places)))
    for word in found:
        assert all(text[start:end].casefold() == word.text.casefold() for start, end in word.spans)
    assert sum(word.share for word in found) <= sum(share for *_, share in places) + 1e-9
